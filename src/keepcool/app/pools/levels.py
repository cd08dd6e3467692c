"""How much of an asset lies in a pool, and on its whole network, as blocks show it.

Law: coins are counted one by one where there are coins; elsewhere it is the balances that were confirmed
last, of the pool's own wallet and of all addresses that were given to its members.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from keepcool.app.coins import book
from keepcool.app.coins.tables import coin
from keepcool.app.deposits import position
from keepcool.app.deposits.tables import lying
from keepcool.app.pools.tables import pool
from keepcool.chains.families import family_of
from keepcool.chains.family import FamilyName
from keepcool.core.ids import AssetId, NetworkId, WalletId, network_of


def on_chain(tx: Connection, of_pool: WalletId, asset: AssetId) -> int:
    if _has_coins(asset):
        return book.held_sat(tx, of_pool)
    return position.settled(tx, of_pool, asset).units + unswept(tx, of_pool, asset)


def unswept(tx: Connection, of_pool: WalletId, asset: AssetId) -> int:
    """What lies at the addresses of a pool's members on an EVM chain, beside its treasury."""
    query = select(lying.c.units).where(lying.c.pool == of_pool, lying.c.asset == asset)
    return _sum(tx.execute(query.where(lying.c.wallet != of_pool)).scalars())


def strays(tx: Connection, of_pool: WalletId, asset: AssetId) -> int:
    """What lies at its addresses that nobody has: in the pool's own confirmed balance, and not in its
    treasury."""
    query = select(lying.c.units).where(lying.c.pool == of_pool, lying.c.asset == asset)
    return _sum(tx.execute(query.where(lying.c.wallet == of_pool)).scalars())


def of_network(tx: Connection, network: NetworkId, asset: AssetId) -> int:
    """In all wallets and pools; in all pools where balances are not coins, because there are many wallets."""
    if _has_coins(asset):
        query = select(func.sum(coin.c.amount_sat)).where(
            coin.c.network == network,
            coin.c.gone.is_(False),
            coin.c.height.is_not(None),
            coin.c.spent_height.is_(None),
        )
        return int(tx.execute(query).scalar_one() or 0)
    of = select(pool.c.id).where(pool.c.network == network)
    return sum(on_chain(tx, WalletId(name), asset) for name in tx.execute(of).scalars().all())


def _has_coins(asset: AssetId) -> bool:
    return family_of(network_of(asset)).name is FamilyName.BITCOIN


def _sum(units: Iterable[int]) -> int:
    return sum(int(one) for one in units)
