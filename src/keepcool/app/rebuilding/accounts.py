"""What wallets have sent where coins lie in accounts, explained by the signers' journals.

Laws: what was sent is named by the digest its owners signed and by the account's number for it; where the
chain shows the digest alone, every number the account can have used is tried; a payment is booked once the
balances of its block were confirmed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from keepcool.app.deposits.recall import Sent
from keepcool.app.rebuilding import payments
from keepcool.app.rebuilding.journals import Journals, Remembered
from keepcool.app.rebuilding.payments import Recalled, SeenDraft, Stage
from keepcool.app.store import Store
from keepcool.app.wallets import PINNED
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import NetworkId, WalletId
from keepcool.ports.system import Clock
from keepcool.wire.listing import FIND_MAX, SignedDraft

_log = logging.getLogger("keepcool.app.rebuilding")


class Books(Protocol):
    """What one family knows of such payments."""

    def knows(self, tx: Connection, one: Sent) -> bool:
        """Whether these books have drafted it themselves."""

    def settle(self, tx: Connection, one: Recalled, settled: int, at_ms: int) -> None:
        """Books it when it stands in a block up to `settled`."""


@dataclass(slots=True, kw_only=True)
class AccountRecall:
    """`space`: what the family's slots begin with; `used`: how many numbers an account has used up, asked
    where the chain does not tell them. `patient`: a person restores: waits for signers that are away, and
    believes one of them alone; otherwise what not both explain is not explained. `_next`: where to look
    first."""

    network: NetworkId
    space: str
    books: Books
    used: Callable[[str], Awaitable[int]]
    store: Store
    journals: Journals
    clock: Clock
    patient: bool = False
    _next: dict[WalletId, int] = field(default_factory=dict)

    async def explain(self, some: Sequence[Sent]) -> None:
        """See `deposits.recall`. Raises Unavailable when a signer is away and this is patient."""
        unknown = await self.store.run(lambda tx: [one for one in some if not self._is_known(tx, one)])
        for one in unknown:
            try:
                remembered = await self._remembered(one)
            except KeepcoolError as error:
                if self.patient:
                    raise
                _log.warning("nobody can say whose a payment is", extra={"code": error.code})
                continue
            if remembered is not None:
                await self._note(one, remembered)

    def book(self, tx: Connection, settled: int, at_ms: int) -> None:
        for one in payments.in_stage(tx, Stage.SEEN, self.network):
            self.books.settle(tx, one, settled, at_ms)

    def _is_known(self, tx: Connection, one: Sent) -> bool:
        return self.books.knows(tx, one) or payments.find(tx, self.network, one.digest.hex()) is not None

    async def _remembered(self, one: Sent) -> Remembered | None:
        for lot in await self._places(one):
            drafts = [self._draft(one, position) for position in lot]
            told = await self.journals.find(drafts)
            for position, remembered in zip(lot, told, strict=True):
                if remembered is not None and self._fits(one, remembered):
                    self._next[one.wallet] = position + 1
                    return remembered
        return None

    async def _places(self, one: Sent) -> list[range]:
        """The numbers it may have, the likeliest first, in lots."""
        if one.nonce is not None:
            return [range(one.nonce, one.nonce + 1)]
        first, end = self._next.get(one.wallet, 0), await self.used(one.address)
        later = [range(at, min(at + FIND_MAX, end)) for at in range(first, end, FIND_MAX)]
        return later + [range(at, min(at + FIND_MAX, first)) for at in range(0, first, FIND_MAX)]

    def _draft(self, one: Sent, position: int) -> SignedDraft:
        space = f"{self.space}:{one.address}"
        return SignedDraft(network=self.network, space=space, position=position, digest=one.digest)

    def _fits(self, one: Sent, remembered: Remembered) -> bool:
        intent, told = remembered.intent, self.patient or remembered.by == PINNED
        return told and (intent.network, intent.source) == (self.network, one.wallet)

    async def _note(self, one: Sent, remembered: Remembered) -> None:
        seen = SeenDraft(one.digest.hex(), one.transaction, one.wallet)
        at_ms = self.clock.now_ms()
        await self.store.run(lambda tx: payments.note(tx, self.network, seen, remembered, at_ms))
