"""What the ledger says lies in each wallet and pool of a network of coins, and which coins those are.

Laws: as `places`; a coin counts from its block until the block that spends it; the coins themselves go to the
nodes, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from keepcool.app.coins.tables import coin
from keepcool.app.coins.tables import spending as spending_row
from keepcool.app.deposits.records import State
from keepcool.app.deposits.tables import deposit
from keepcool.app.payouts.bitcoin.batches import Stage
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.app.pools import books as pool_books
from keepcool.app.pools.tables import pool
from keepcool.app.reconciling.places import Booked, Place, Sums, booked_block, ledger_coins, pools_of
from keepcool.chains.bitcoin.bip45 import CHANGE
from keepcool.core.ids import AssetId, NetworkId, WalletId


@dataclass(frozen=True, slots=True)
class Lying:
    """A coin that lies in a block and that no block spends. `leaving`: the pool has what spends it, which is
    ours."""

    source: str
    txid: str
    vout: int
    amount_sat: int
    leaving: bool


def of_coins(tx: Connection, network: NetworkId, asset: AssetId) -> tuple[Booked, list[Lying]]:
    """Raises Unavailable while nothing of it was followed yet."""
    number, block_hash = booked_block(tx, network, read=True)
    lying, pools = _lying(tx, network), pools_of(tx)
    pending, moving = _uncredited(tx, network, pools), _unbooked(tx, network, asset)
    booked = dict[str, int]()
    for wallet, units in ledger_coins(tx, asset).items():
        if wallet not in pools:
            booked[wallet] = units
    for name in tx.execute(select(pool.c.id).where(pool.c.network == network)).scalars():
        booked[name] = pool_books.standing(tx, WalletId(name), asset).booked
    names = sorted({*booked, *(one.source for one in lying), *(place for place, _ in pending.of)})
    places = [
        Place(name, asset, "", booked.get(name, 0), pending.get(name, asset), moving.get(name, asset))
        for name in names
    ]
    return Booked(network, number, block_hash, tuple(places)), lying


def _lying(tx: Connection, network: NetworkId) -> list[Lying]:
    query = select(coin).where(
        coin.c.network == network,
        coin.c.gone.is_(False),
        coin.c.height.is_not(None),
        coin.c.spent_height.is_(None),
    )
    return [
        Lying(row.source, row.txid, row.vout, row.amount_sat, row.spent_by is not None)
        for row in tx.execute(query)
    ]


def _uncredited(tx: Connection, network: NetworkId, pools: Mapping[str, str]) -> Sums:
    """In a block, and not deep enough."""
    sums = Sums()
    query = select(deposit.c.wallet, deposit.c.asset, deposit.c.units).where(
        deposit.c.network == network,
        deposit.c.state == State.PENDING.value,
        deposit.c.block_number >= 0,
    )
    for row in tx.execute(query):
        sums.add(pools.get(row.wallet, row.wallet), row.asset, int(row.units))
    return sums


def _unbooked(tx: Connection, network: NetworkId, asset: AssetId) -> Sums:
    """What our own batches in blocks have taken, and change has not brought back, before they are final."""
    sums = Sums()
    query = (
        select(spending_row.c.txid)
        .join(batch, batch.c.id == spending_row.c.holder)
        .where(
            spending_row.c.network == network,
            spending_row.c.height.is_not(None),
            spending_row.c.gone.is_(False),
            batch.c.stage != Stage.CONFIRMED.value,
        )
    )
    for txid in tx.execute(query).scalars().all():
        of_network = coin.c.network == network
        for row in tx.execute(select(coin).where(of_network, coin.c.spent_by == txid)):
            sums.add(row.source, asset, -row.amount_sat)
        change = (coin.c.txid == txid, coin.c.change == CHANGE, coin.c.gone.is_(False))
        for row in tx.execute(select(coin).where(of_network, *change)):
            sums.add(row.source, asset, row.amount_sat)
    return sums
