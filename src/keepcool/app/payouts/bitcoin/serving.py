"""What drafts that pay nobody have in common: their goal, and the plan they are made of."""

from __future__ import annotations

from keepcool.app.payouts.bitcoin import choosing, drafting
from keepcool.app.payouts.bitcoin.batches import Purpose
from keepcool.app.payouts.bitcoin.choosing import Wanted
from keepcool.app.payouts.bitcoin.drafts import Plan, Treasury
from keepcool.app.payouts.bitcoin.fees import Rates
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.chains.bitcoin.goals import Goal, Selection
from keepcool.core.money import parse_units

AT_ONCE_MAX = 20


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
