"""What drafts that pay nobody have in common: their goal, and the plan they are made of."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from keepcool.app.payouts.bitcoin import batches, choosing, drafting
from keepcool.app.payouts.bitcoin.batches import Purpose, Stage
from keepcool.app.payouts.bitcoin.choosing import Wanted
from keepcool.app.payouts.bitcoin.drafts import Plan, Treasury
from keepcool.app.payouts.bitcoin.fees import Rates
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.chains.bitcoin.goals import Goal, Selection
from keepcool.core.money import parse_units

AT_ONCE_MAX = 20
_AGAIN_MS = 10 * 60 * 1000


def is_paused(tx: Connection, lane: BitcoinLane, purpose: Purpose, of: ColumnElement[bool]) -> bool:
    """The newest of this kind was given up not long ago: who refused it would refuse the next one too, and
    every draft that one of two has signed for keeps coins from being used."""
    like = (batch.c.network == lane.network, batch.c.purpose == purpose.value, of)
    newest = batches.rows(tx, select(batch).where(*like).order_by(batch.c.number.desc()).limit(1))
    now_ms = lane.clock.now_ms()
    return any(one.stage is Stage.ENDED and abs(now_ms - one.updated_at_ms) < _AGAIN_MS for one in newest)


def fee_bound(lane: BitcoinLane) -> int:
    return parse_units(lane.settings.fees.withdrawal_fee_max)


def goal_of(lane: BitcoinLane, treasury: Treasury, fee_max: int, rates: Rates) -> Goal:
    wanted = Wanted(outputs=(), fee_max=fee_max, shape=treasury.shape)
    return choosing.goal_of(lane.row, wanted, rates, lane.settings.fees)


def plan_of(
    lane: BitcoinLane, purpose: Purpose, selections: tuple[Selection, ...], parent: str | None = None
) -> Plan:
    return Plan(
        id=drafting.fresh_name(lane, purpose.value[0]),
        purpose=purpose,
        outputs=(),
        fee_max=fee_bound(lane),
        selections=selections,
        parent=parent,
    )
