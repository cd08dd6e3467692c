"""Posting an event to somebody's receiver, and sealing what only this service may read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Posted:
    """What the receiver answered. `retry_after_s`: when it asks to be left alone for so long."""

    status: int
    retry_after_s: int | None = None

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


class Poster(Protocol):
    async def check(self, url: str) -> None:
        """Raises Refused when nothing may be posted there, Unavailable when its name is not known now."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        """Once, within a bound, following no redirect, to an address that was judged just before. Raises
        Refused when nothing may be posted there, Unavailable when no answer came."""


class Sealer(Protocol):
    """Seals for nobody but this service. `context` is bound in and must be the same when opened."""

    def seal(self, context: bytes, plaintext: bytes) -> bytes: ...

    def open(self, context: bytes, sealed: bytes) -> bytes:
        """Raises Malformed when it was sealed elsewhere, or in another context."""
