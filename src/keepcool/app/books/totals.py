"""What all wallets of a pool have together, kept beside their balances: a pool may have a million of them.

Laws: a total changes in the database transaction of the posting that changes a member's balance, and is
provably the members' sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Column, Connection, String, Table, select

from keepcool.app.books import registry  # noqa: F401 - its table is what members refer to
from keepcool.app.pools.tables import member
from keepcool.app.store import Units, metadata
from keepcool.app.upserts import upsert
from keepcool.core.ids import AssetId, WalletId

_POOLED = ("bip122:", "eip155:")  # assets of networks that have pools begin so

pool_total = Table(
    "pool_total",
    metadata,
    Column("pool", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),  # of the accounts it sums up: owed, held, coins, ...
    Column("asset", String(200), primary_key=True),
    Column("units", Units, nullable=False),
)


def moved(tx: Connection, changes: Iterable[tuple[str, AssetId, int]]) -> None:
    """Balances of these accounts have changed by so much, each on its own side."""
    some = [one for one in changes if one[1].startswith(_POOLED)]
    pools = _pools_of(tx, {_wallet(account) for account, _, _ in some})
    for account, asset, change in some:
        pool = pools.get(_wallet(account))
        if pool is not None:
            _add(tx, pool, account.partition(":")[0], asset, change)


def of(tx: Connection, pool: WalletId, asset: AssetId) -> dict[str, int]:
    """By kind of account; a kind nobody has used is left out."""
    query = select(pool_total.c.kind, pool_total.c.units)
    rows = tx.execute(query.where(pool_total.c.pool == pool, pool_total.c.asset == asset))
    return {row.kind: int(row.units) for row in rows}


def differences(
    tx: Connection, balances: Mapping[tuple[str, str], int]
) -> Iterator[tuple[str, str, int, int]]:
    """(what, asset, stored, computed) of every total that is not the sum of these balances, by account and
    asset."""
    pools = {row.wallet: row.pool for row in tx.execute(select(member.c.wallet, member.c.pool))}
    sums: dict[tuple[str, str, str], int] = {}
    for (account, asset), units in balances.items():
        pool = pools.get(_wallet(account))
        if pool is not None:
            where = (pool, account.partition(":")[0], asset)
            sums[where] = sums.get(where, 0) + units
    stored = {(row.pool, row.kind, row.asset): int(row.units) for row in tx.execute(select(pool_total))}
    for where in sorted(sums.keys() | stored.keys()):
        known, computed = stored.get(where, 0), sums.get(where, 0)
        if known != computed:
            yield f"{where[1]} of the pool {where[0]}", where[2], known, computed


def _add(tx: Connection, pool: str, kind: str, asset: AssetId, change: int) -> None:
    here = (pool_total.c.pool == pool, pool_total.c.kind == kind, pool_total.c.asset == asset)
    before = tx.execute(select(pool_total.c.units).where(*here)).scalar_one_or_none() or 0
    row = upsert(pool_total).values(pool=pool, kind=kind, asset=asset, units=before + change)
    tx.execute(
        row.on_conflict_do_update(
            index_elements=["pool", "kind", "asset"], set_={"units": row.excluded.units}
        )
    )


def _pools_of(tx: Connection, wallets: set[str]) -> dict[str, str]:
    if not wallets:
        return {}
    query = select(member.c.wallet, member.c.pool).where(member.c.wallet.in_(sorted(wallets)))
    return {row.wallet: row.pool for row in tx.execute(query)}


def _wallet(account: str) -> str:
    return account.partition(":")[2]
