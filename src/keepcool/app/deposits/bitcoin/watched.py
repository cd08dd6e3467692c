"""The scripts and outpoints looked for, in memory: about 115 bytes each, a million of them in seconds.

Laws: addresses join by `refresh`, which reads only what was added; a block is fetched before that, so an
address shown before the block was made is never missed. What is found here is looked up in the database
before it counts. Python hashes bytes under a key of its own process, so nobody can crowd the tables.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, tuple_

from keepcool.app.coins.tables import address, coin
from keepcool.chains.bitcoin.scanning import Watch
from keepcool.core.ids import NetworkId

_ROWS_AT_ONCE = 50_000


class Watched:
    """`watch` is what scanning reads; only this and scanning add to it."""

    def __init__(self, network: NetworkId) -> None:
        self.watch = Watch()
        self._network, self._seen = network, 0
        self._coin: tuple[str, int] | None = ("", -1)

    def refresh(self, tx: Connection) -> bool:
        """Reads a bounded number of new rows. False when there may be more."""
        return self._addresses(tx) and self._coins(tx)

    def forget_spent(self, tx: Connection, height: int) -> None:
        """Coins spent in this block, too deep now to come back, are watched no more."""
        where = (coin.c.network == self._network, coin.c.spent_height == height)
        for txid, vout in tx.execute(select(coin.c.txid, coin.c.vout).where(*where)):
            self.watch.outpoints.discard(outpoint_bytes(txid, vout))

    def _addresses(self, tx: Connection) -> bool:
        query = select(address.c.number, address.c.script).where(
            address.c.network == self._network, address.c.number > self._seen
        )
        rows = tx.execute(query.order_by(address.c.number).limit(_ROWS_AT_ONCE)).all()
        self.watch.scripts.update([row[1] for row in rows])
        if rows:
            self._seen = rows[-1][0]
        return len(rows) < _ROWS_AT_ONCE

    def _coins(self, tx: Connection) -> bool:
        """Once per start: later ones are added by whatever finds them."""
        if self._coin is None:
            return True
        query = select(coin.c.txid, coin.c.vout).where(
            coin.c.network == self._network,
            tuple_(coin.c.txid, coin.c.vout) > self._coin,
        )
        rows = tx.execute(query.order_by(coin.c.txid, coin.c.vout).limit(_ROWS_AT_ONCE)).all()
        self.watch.outpoints.update([outpoint_bytes(txid, vout) for txid, vout in rows])
        self._coin = (rows[-1][0], rows[-1][1]) if len(rows) == _ROWS_AT_ONCE else None
        return self._coin is None


def outpoint_bytes(txid: str, vout: int) -> bytes:
    """As on the wire."""
    return bytes.fromhex(txid)[::-1] + vout.to_bytes(4, "little")


def outpoint_of(wire: bytes) -> tuple[str, int]:
    return wire[31::-1].hex(), int.from_bytes(wire[32:], "little")
