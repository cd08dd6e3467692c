"""The addresses we watch, as 20 raw bytes each, for a million wallets in memory.

Each maps to the number of its wallet's row: a small integer costs a tenth of what a name does. New wallets
join by `refresh`, which reads only what was added, and rows that had no address yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from keepcool.app.books.registry import wallet
from keepcool.app.coins.tables import address as coin_address
from keepcool.chains.evm.address import to_checksum
from keepcool.core.ids import NetworkId, WalletId

_ROWS_AT_ONCE = 50_000
_ASKED_AT_ONCE = 500
# asked with every block, and made once: building a statement takes longer than it
_WALLETS = (
    select(wallet.c.number, wallet.c.address)
    .where(wallet.c.network == bindparam("network"), wallet.c.number > bindparam("seen"))
    .order_by(wallet.c.number)
    .limit(_ROWS_AT_ONCE)
)
_whose, _source = wallet.alias(), wallet.alias()
_POOLED = (
    select(coin_address.c.number, coin_address.c.script, _whose.c.number, _source.c.number)
    .join(_whose, _whose.c.id == func.coalesce(coin_address.c.wallet, coin_address.c.source))
    .join(_source, _source.c.id == coin_address.c.source)
    .where(coin_address.c.network == bindparam("network"), coin_address.c.number > bindparam("seen"))
    .order_by(coin_address.c.number)
    .limit(_ROWS_AT_ONCE)
)


@dataclass(frozen=True, slots=True)
class WatchedWallet:
    number: int
    id: WalletId
    address: str


class Watched:
    """`numbers` is the mapping itself, `pooled` the wallet of the treasury of each address of a pool; read by
    matching; only `refresh` changes them."""

    def __init__(self, network: NetworkId) -> None:
        self.numbers: dict[bytes, int] = {}
        self.pooled: dict[bytes, int] = {}
        self._network, self._seen, self._seen_address = network, 0, 0
        self._unaddressed: set[int] = set()

    def refresh(self, tx: Connection) -> bool:
        """Reads a bounded number of new rows. False when there may be more."""
        self._late(tx)
        rows = tx.execute(_WALLETS, {"network": self._network, "seen": self._seen}).all()
        for number, address in rows:
            self._take(number, address)
        if rows:
            self._seen = rows[-1][0]
        return self._of_pools(tx) and len(rows) < _ROWS_AT_ONCE

    def _of_pools(self, tx: Connection) -> bool:
        """Every address of a pool that was handed out, or may have been."""
        new = {"network": self._network, "seen": self._seen_address}
        found = tx.execute(_POOLED, new).all()
        for number, script, of_wallet, of_source in found:
            raw = bytes(script)
            self.numbers[raw], self.pooled[raw] = of_wallet, of_source
            self._seen_address = number
        return len(found) < _ROWS_AT_ONCE

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


def addresses_of(tx: Connection, some: Sequence[WatchedWallet]) -> dict[WalletId, tuple[str, ...]]:
    """Every address at which a wallet's coins lie: its own, and those of a pool that were given to it. Those
    that were given to nobody are many and empty: only where something came in they are the pool's own."""
    found = {one.id: {one.address: None} for one in some}
    names = list(found)
    for start in range(0, len(names), _ASKED_AT_ONCE):
        part = names[start : start + _ASKED_AT_ONCE]
        of_pool = coin_address.c.wallet.is_(None) & coin_address.c.source.in_(part) & coin_address.c.used
        query = select(coin_address).where(coin_address.c.wallet.in_(part) | of_pool)
        for row in tx.execute(query.order_by(coin_address.c.number)):
            found[WalletId(row.wallet or row.source)][to_checksum(bytes(row.script))] = None
    return {name: tuple(each) for name, each in found.items()}


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
