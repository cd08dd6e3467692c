"""The addresses we watch, as 20 raw bytes each, for a million wallets in memory.

Each maps to the number of its wallet's row: a small integer costs a tenth of what a name does. New wallets
join by `refresh`, which reads only what was added, and rows that had no address yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from keepcool.app.books.registry import wallet
from keepcool.core.ids import NetworkId, WalletId

_ROWS_AT_ONCE = 50_000
_ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WatchedWallet:
    number: int
    id: WalletId
    address: str


class Watched:
    """`numbers` is the mapping itself, read by matching; only `refresh` changes it."""

    def __init__(self, network: NetworkId) -> None:
        self.numbers: dict[bytes, int] = {}
        self._network, self._seen = network, 0
        self._unaddressed: set[int] = set()

    def refresh(self, tx: Connection) -> bool:
        """Reads a bounded number of new rows. False when there may be more."""
        self._late(tx)
        query = select(wallet.c.number, wallet.c.address).where(
            wallet.c.network == self._network, wallet.c.number > self._seen
        )
        rows = tx.execute(query.order_by(wallet.c.number).limit(_ROWS_AT_ONCE)).all()
        for number, address in rows:
            self._take(number, address)
        if rows:
            self._seen = rows[-1][0]
        return len(rows) < _ROWS_AT_ONCE

    def _late(self, tx: Connection) -> None:
        waiting = sorted(self._unaddressed)
        for start in range(0, len(waiting), _ASKED_AT_ONCE):
            chosen = wallet.c.number.in_(waiting[start : start + _ASKED_AT_ONCE])
            for number, address in tx.execute(select(wallet.c.number, wallet.c.address).where(chosen)):
                self._take(number, address)

    def _take(self, number: int, address: str | None) -> None:
        if address is None:
            self._unaddressed.add(number)
            return
        self._unaddressed.discard(number)
        self.numbers[bytes.fromhex(address[2:])] = number


def wallets_numbered(tx: Connection, numbers: Sequence[int]) -> dict[int, WatchedWallet]:
    """The wallets behind these numbers."""
    found: dict[int, WatchedWallet] = {}
    for start in range(0, len(numbers), _ASKED_AT_ONCE):
        chosen = wallet.c.number.in_(numbers[start : start + _ASKED_AT_ONCE])
        for row in tx.execute(select(wallet.c.number, wallet.c.id, wallet.c.address).where(chosen)):
            found[row.number] = WatchedWallet(row.number, WalletId(row.id), row.address)
    return found


def wallets_called(tx: Connection, names: Sequence[WalletId]) -> list[WatchedWallet]:
    """The wallets with these ids, those that have an address."""
    found: list[WatchedWallet] = []
    for start in range(0, len(names), _ASKED_AT_ONCE):
        chosen = wallet.c.id.in_(names[start : start + _ASKED_AT_ONCE]) & wallet.c.address.is_not(None)
        rows = tx.execute(select(wallet.c.number, wallet.c.id, wallet.c.address).where(chosen))
        found += [WatchedWallet(row.number, WalletId(row.id), row.address) for row in rows]
    return found


def wallets_after(tx: Connection, network: NetworkId, after: int, limit: int) -> list[WatchedWallet]:
    """In the order of their numbers, those that have an address."""
    query = select(wallet.c.number, wallet.c.id, wallet.c.address).where(
        wallet.c.network == network, wallet.c.number > after, wallet.c.address.is_not(None)
    )
    rows = tx.execute(query.order_by(wallet.c.number).limit(limit))
    return [WatchedWallet(row.number, WalletId(row.id), row.address) for row in rows]
