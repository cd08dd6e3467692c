"""Two signers remember each other's journal heads, so that neither can be brought back to yesterday.

Laws: a signature leaves after the peer has durably stored a head at or beyond its journal row; a
statement of ours that our journal does not bear out is a breach for good, and nothing is signed; a
peer's question is answered before this signer is ready itself, so both can start at once; without the
peer nothing is signed. See docs/decisions/0005.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.core.errors import Breach, KeepcoolError, Malformed, Unavailable
from keepcool.core.journal import Head, HeadStatement
from keepcool.core.parties import Service
from keepcool.cosigner import heads
from keepcool.cosigner.heads import Checked
from keepcool.cosigner.journal import Journal
from keepcool.ports.identity import Identity
from keepcool.ports.signer_store import Change, SignerStore
from keepcool.ports.system import Entropy
from keepcool.wire import messages
from keepcool.wire.messages import WitnessAnswer, WitnessRequest

Ask: TypeAlias = Callable[[WitnessRequest], Awaitable[WitnessAnswer]]  # bounded in time by whoever gives it
_ROUNDS_MAX = 3  # a waiter joins at most this many exchanges; one begun after its commit is enough


@dataclass(frozen=True, slots=True)
class Parties:
    """Who watches whom: this signer's own pinned journal key, its peer, and the peer's."""

    own_key: bytes
    peer: Service
    peer_key: bytes


class Witness:
    """One signer's side. `ask` reaches the peer; it raises Unavailable when there is no answer."""

    def __init__(
        self,
        identity: Identity,
        parties: Parties,
        journal: Journal,
        store: SignerStore,
        *,
        ask: Ask,
        entropy: Entropy,
    ) -> None:
        self._identity, self._parties, self._journal, self._store = identity, parties, journal, store
        self._ask, self._entropy = ask, entropy
        self._of_own = Checked(identity.service, parties.own_key)
        self._of_peer = Checked(parties.peer, parties.peer_key)
        self._covered: int | None = None  # the peer has stored our head up to here; None before any answer
        self._breach: Breach | None = None
        self._exchange: asyncio.Task[None] | None = None
        self._stated: tuple[Head, messages.Head] | None = None

    @property
    def ready(self) -> bool:
        return self._breach is None and self._covered is not None

    @property
    def waiting_for(self) -> str:
        """Why this signer would sign nothing now; empty when it would."""
        if self._breach is not None:
            return self._breach.public
        return (
            "" if self._covered is not None else f"{self._parties.peer.value} has not witnessed this journal"
        )

    async def start(self) -> None:
        """Ask the peer what it has seen of us. Raises Unavailable (ask again) or Breach (for good)."""
        await self.cover(self._journal.committed.sequence)

    async def cover(self, sequence: int) -> None:
        """Returns when the peer has stored our head at or beyond `sequence`; everyone who waits shares
        the exchange in flight. Raises Unavailable `witness.peer_missing`, Breach `journal.rolled_back`."""
        for _ in range(_ROUNDS_MAX):
            self._refuse_broken()
            if self._covered is not None and self._covered >= sequence:
                return
            if self._exchange is None or self._exchange.done():
                self._exchange = asyncio.get_running_loop().create_task(self._exchanged())
            await asyncio.shield(self._exchange)
        raise Unavailable("witness.peer_missing", "the peer signer did not keep up; ask again")

    def stated(self) -> messages.Head:
        """Our own newest committed head, signed."""
        head = self._journal.committed
        if self._stated is None or self._stated[0] != head:
            said = heads.stated(self._identity, head)
            self._of_own.keep(said, HeadStatement(self._identity.service, head, said.signature))
            self._stated = (head, said)
        return self._stated[1]

    def shown(self, statements: Sequence[messages.Head]) -> None:
        """Statements of ours that others have kept. Raises Malformed on one we did not make, Breach on
        one our journal does not bear out."""
        for one in statements:
            self._bear_out(self._of_own.statement(one))

    async def answer(self, request: WitnessRequest) -> WitnessAnswer:
        """Store the peer's head, then say what was stored before. Raises Malformed on a head it did not
        sign. An older head, or another of the same sequence, replaces nothing: the peer sees for itself."""
        shown = self._of_peer.statement(request.head)
        before = self._store.witnessed(self._parties.peer)
        if before is None or shown.head.sequence > before.head.sequence:
            await self._store.commit(Change(witnessed=(shown,)))
        witnessed = None if before is None else heads.as_message(before)
        return WitnessAnswer(challenge=request.challenge, witnessed=witnessed, head=self.stated())

    async def _exchanged(self) -> None:
        request = WitnessRequest(challenge=self._entropy(32), head=self.stated())
        try:
            answer = await self._ask(request)
        except KeepcoolError as error:  # whatever the peer reports of itself, to us it is a missing peer
            raise self._peer_missing(f"it does not answer ({error.code})") from error
        try:
            self._take(request, answer)
        except Malformed as error:
            raise self._peer_missing(f"its answer does not verify ({error.code})") from error

    def _take(self, request: WitnessRequest, answer: WitnessAnswer) -> None:
        if answer.challenge != request.challenge:
            raise Malformed("witness.challenge", "the peer answered another question")
        self._of_peer.statement(answer.head)
        if answer.witnessed is not None:
            self._bear_out(self._of_own.statement(answer.witnessed))
        self._covered = max(self._covered or 0, request.head.sequence)

    def _bear_out(self, statement: HeadStatement) -> None:
        if self._journal.hash_at(statement.head.sequence) == statement.head.hash:
            return
        self._breach = Breach(
            "journal.rolled_back",
            f"others have seen entry {statement.head.sequence} of this journal, which it does not hold:"
            " it was restored from an old copy or rewritten. Nothing is signed; restore the newest copy",
            sequence=statement.head.sequence,
        )
        self._refuse_broken()

    def _refuse_broken(self) -> None:
        if self._breach is not None:
            raise Breach(self._breach.code, self._breach.public, **self._breach.fields)

    def _peer_missing(self, why: str) -> KeepcoolError:
        return Unavailable(
            "witness.peer_missing",
            f"{self._parties.peer.value} has not witnessed this journal: {why}. Nothing was signed;"
            " ask again",
        )
