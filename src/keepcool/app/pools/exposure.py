"""How much of a network's coins lies where keys are online, and what waits for a signing window."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from keepcool.app.books.tables import balance_row
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.app.payouts.windows import WAITS
from keepcool.app.pools import levels
from keepcool.app.pools.rows import Pool
from keepcool.core.ids import AssetId, WalletId


def exposed_thousandths(tx: Connection, pool: Pool, asset: AssetId) -> int:
    """The pool's share of all that lies on its network: in wallets, in pools and in the harbor."""
    everything = levels.of_network(tx, pool.network, asset) + _in_harbor(tx, asset)
    return levels.on_chain(tx, pool.id, asset) * 1000 // everything if everything else 0


def waiting_for_window(tx: Connection, source: WalletId) -> int:
    """Batches that Keeper did not sign because it is locked."""
    query = (
        select(func.count())
        .select_from(batch)
        .where(batch.c.source == source, batch.c.stage == "drafted", batch.c.problem.contains(WAITS))
    )
    return int(tx.execute(query).scalar_one())


def _in_harbor(tx: Connection, asset: AssetId) -> int:
    # a span and no pattern: there are millions of balances, and a pattern reads them all
    account = balance_row.c.account
    query = select(balance_row.c.units).where(account >= "cold:", account < "cold;")
    rows = tx.execute(query.where(balance_row.c.asset == asset))
    return sum(int(row.units) for row in rows)
