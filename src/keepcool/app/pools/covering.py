"""Whether the treasury of a pool on an EVM chain has what its members' withdrawals want now.

Law: what lies at users' addresses is theirs and is paid from once it was swept; until then a withdrawal waits
and does not fail.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.deposits import position
from keepcool.app.deposits.tables import passage
from keepcool.app.payouts.store import Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.pools import levels, rows
from keepcool.app.pools.tables import member
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.withdrawal_states import Requested, name_of


def uncovered(tx: Connection, one: Withdrawal, ahead: int = 0) -> str | None:
    """Why a member's withdrawal waits; None when the treasury has it beside what others `ahead` of it are to
    get, or when waiting would not help."""
    known = rows.find_member(tx, one.wallet)
    if known is None or not levels.unswept(tx, known.pool, one.asset):
        return None
    if held(tx, known.pool, one.asset) - _leaving(tx, known.pool, one.asset) >= one.units + ahead:
        return None
    return "it waits until coins at users' addresses were brought to the pool's treasury"


def held(tx: Connection, pool: WalletId, asset: AssetId) -> int:
    """In the treasury: by the balance confirmed last, and by sweeps that blocks show since."""
    query = select(passage.c.arrived).where(
        passage.c.treasury == pool, passage.c.asset == asset, passage.c.borne.is_(False)
    )
    return position.settled(tx, pool, asset).units + sum(map(int, tx.execute(query).scalars()))


def wanted(tx: Connection, pool: WalletId, asset: AssetId) -> int:
    """By all open withdrawals of the pool's members."""
    return sum(_open(tx, pool, asset, None))


def _leaving(tx: Connection, pool: WalletId, asset: AssetId) -> int:
    """What was drafted for others and may not be gone from the confirmed balance yet."""
    return sum(_open(tx, pool, asset, name_of(Requested)))


def _open(tx: Connection, pool: WalletId, asset: AssetId, without: str | None) -> list[int]:
    query = (
        select(withdrawal.c.units)
        .join(member, member.c.wallet == withdrawal.c.wallet)
        .where(member.c.pool == pool, withdrawal.c.asset == asset, withdrawal.c.open.is_(True))
    )
    if without is not None:
        query = query.where(withdrawal.c.state != without)
    return [int(units) for units in tx.execute(query).scalars()]
