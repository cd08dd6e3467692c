"""What wallets have sent without these books, where coins lie in accounts, and who may remember it.

Law: a follower without a recall believes nobody but its own payouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from keepcool.core.ids import WalletId


@dataclass(frozen=True, slots=True)
class Sent:
    """A wallet at `address` has carried out what its owners signed as `digest`, in this transaction. `nonce`:
    where the chain tells it."""

    wallet: WalletId
    address: str
    digest: bytes
    transaction: str
    nonce: int | None = None


class Recall(Protocol):
    async def explain(self, some: Sequence[Sent]) -> None:
        """Notes, before the block that shows them is recorded, what is remembered of those that are no
        payouts of these books."""

    def book(self, tx: Connection, settled: int, at_ms: int) -> None:
        """Books what was remembered and lies in blocks up to `settled`."""


class NoRecall:
    """Nobody remembers anything."""

    async def explain(self, some: Sequence[Sent]) -> None: ...

    def book(self, tx: Connection, settled: int, at_ms: int) -> None: ...
