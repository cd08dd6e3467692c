"""What the treasury of a pool on an EVM chain has, beside what its withdrawals want now.

Laws: what lies at users' addresses is theirs and is paid from once it was swept, what lies in the harbor once
it came back; until then a withdrawal waits and does not fail. Nothing that a withdrawal wants is spare, and
nothing that lies at an address of nobody: the treasury cannot spend it yet.
"""

from __future__ import annotations

from sqlalchemy import Connection, Select, func, select

from keepcool.app.books import accounts
from keepcool.app.books.postings import balance
from keepcool.app.deposits import position
from keepcool.app.deposits.tables import passage
from keepcool.app.payouts import store
from keepcool.app.payouts.store import Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.pools import levels, rows
from keepcool.app.pools.tables import member
from keepcool.core.ids import AssetId, WalletId, network_of
from keepcool.core.intent import parse_intent
from keepcool.core.withdrawal_states import Confirmed, Requested, name_of

_PAGE = 100


def uncovered(tx: Connection, one: Withdrawal, ahead: int = 0) -> str | None:
    """Why a member's withdrawal waits; None when the treasury has it beside what others `ahead` of it are to
    get, or when waiting would not help."""
    known = rows.find_member(tx, one.wallet)
    if known is None:
        return None
    unswept = levels.unswept(tx, known.pool, one.asset) + levels.strays(tx, known.pool, one.asset)
    if not unswept and not balance(tx, accounts.cold(known.pool), one.asset):
        return None
    if held(tx, known.pool, one.asset) - _leaving(tx, known.pool, one.asset) >= one.units + ahead:
        return None
    if not unswept:
        return "it waits until coins came back to the pool's treasury from the harbor"
    return "it waits until coins at the pool's addresses were brought to the pool's treasury"


def held(tx: Connection, pool: WalletId, asset: AssetId) -> int:
    """In the treasury: by the balance confirmed last, and by sweeps that blocks show since."""
    query = select(passage.c.arrived).where(
        passage.c.treasury == pool, passage.c.asset == asset, passage.c.borne.is_(False)
    )
    settled = position.settled(tx, pool, asset).units - levels.strays(tx, pool, asset)
    return settled + sum(map(int, tx.execute(query).scalars()))


def wanted(tx: Connection, pool: WalletId, asset: AssetId) -> int:
    """By all open withdrawals of the pool's members, and its own."""
    return sum(_open(tx, pool, asset, None))


def spare(tx: Connection, pool: WalletId, asset: AssetId) -> int:
    """What the balance confirmed last has beyond all that withdrawals want, on hold ones included. A token
    that did not answer was confirmed at an older block than the rest of its network."""
    last = position.settled(tx, pool, asset)
    gone = _spent_since(tx, pool, asset, last.block_number)
    aside = levels.strays(tx, pool, asset)
    return max(last.units - aside - gone - wanted(tx, pool, asset), 0)


def _leaving(tx: Connection, pool: WalletId, asset: AssetId) -> int:
    """What was drafted for others and may not be gone from the confirmed balance yet."""
    return sum(_open(tx, pool, asset, name_of(Requested)))


def _open(tx: Connection, pool: WalletId, asset: AssetId, without: str | None) -> list[int]:
    query = (
        select(withdrawal.c.units)
        .outerjoin(member, member.c.wallet == withdrawal.c.wallet)
        .where(
            withdrawal.c.network == network_of(asset),
            withdrawal.c.open.is_(True),
            withdrawal.c.asset == asset,
            func.coalesce(member.c.pool, withdrawal.c.wallet) == pool,
        )
    )
    if without is not None:
        query = query.where(withdrawal.c.state != without)
    return [int(units) for units in tx.execute(query).scalars()]


def _spent_since(tx: Connection, pool: WalletId, asset: AssetId, settled: int) -> int:
    """By transactions of the treasury that are final in blocks above the one balances were confirmed at: no
    withdrawal wants it any more, and the confirmed balance has it still. Where balances were not
    confirmed for long they are many; a whole page of older ones has none before it that matters."""
    spent, page = 0, store.rows(tx, _final(pool))
    while page:
        recent = [one for one in page if _is_above(one, settled)]
        spent += sum(_paid(one, asset) for one in recent)
        page = store.rows(tx, _final(pool).where(withdrawal.c.number < page[-1].number)) if recent else []
    return spent


def _is_above(one: Withdrawal, block: int) -> bool:
    return isinstance(one.state, Confirmed) and one.state.inclusion.block > block


def _paid(one: Withdrawal, asset: AssetId) -> int:
    outputs = parse_intent(one.intent).outputs if one.intent else ()
    return sum(out.amount.units for out in outputs if out.amount.asset == asset)


def _final(pool: WalletId) -> Select[tuple[object, ...]]:
    """A page of what the treasury itself has paid, the last first."""
    paid = (withdrawal.c.wallet == pool, withdrawal.c.open.is_(False))
    query = select(withdrawal).where(*paid, withdrawal.c.state == name_of(Confirmed))
    return query.order_by(withdrawal.c.number.desc()).limit(_PAGE)
