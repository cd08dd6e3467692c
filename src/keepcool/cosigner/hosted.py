"""A signer as its own host commands it: the running process over its control socket, else its database.

Law: what needs the running signer says so; what a stopped one may do is in `hosting` and `thawing`.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from keepcool.core.secret import Secret
from keepcool.cosigner import control, hosting, reloading, successions, thawing
from keepcool.ports.signer_store import SignerStore


class Reach(Protocol):
    """What lies within reach of the host's own user."""

    def is_served(self) -> bool:
        """Whether the signer runs."""

    def ask(self, frame: Secret) -> bytes:
        """The running signer's answer. Raises Unavailable when it does not run."""

    def store(self) -> AbstractContextManager[SignerStore]:
        """Its database. Raises Conflict while it runs."""

    def now_ms(self) -> int: ...

    def health(self) -> dict[str, object]:
        """What it last said of itself. Raises Unavailable when it says nothing any more."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """Each deed blocks until it is durable, or raises why it was not done."""

    reach: Reach

    def health(self) -> dict[str, object]:
        return self.reach.health()

    def told(self, frame: Secret) -> str:
        """The running signer's answer to a command, as text. Raises what it reported."""
        with frame:
            return control.understood(self.reach.ask(frame))

    def freeze(self, *, level: str, target: str, reason: str) -> list[str]:
        """Freeze, running or stopped; what is frozen then."""
        if self.reach.is_served():
            return hosting.frozen_of(self.told(control.freeze_frame(level, target, reason)))
        now_ms = self.reach.now_ms()
        with self.reach.store() as store:
            made = hosting.freeze(store, level=level, target=target, reason=reason, clock_ms=now_ms)
            return asyncio.run(made)

    def thaw(self, *, level: str, target: str, reason: str) -> list[str]:
        """End a freeze, stopped; what is still frozen."""
        now_ms = self.reach.now_ms()
        with self.reach.store() as store:
            ended = thawing.thaw(store, level=level, target=target, reason=reason, clock_ms=now_ms)
            return asyncio.run(ended)

    def order(self, submitted: bytes) -> str:
        """Hand an order's file over, running; how it stands then, as JSON."""
        return self.told(control.frame(control.Verb.ORDER, submitted))

    def reload(self) -> str:
        """Take policy and message keys up anew, running; what is in force then, as JSON."""
        return self.told(reloading.frame())

    def succeed(self, signed: bytes) -> str:
        """Hand a signed list of attestation keys over, running; what counts then, as JSON."""
        return self.told(successions.frame(signed))

    def status(self) -> str:
        """How it stands, running; as JSON."""
        return self.told(control.frame(control.Verb.STATUS))

    def journal(self, after: int = 0) -> list[hosting.Shown]:
        """A page of its entries beyond a sequence, running or stopped."""
        if self.reach.is_served():
            return hosting.entries_of(self.told(control.journal_frame(after)))
        with self.reach.store() as store:
            return hosting.page(store, after)
