"""The same payment at rising fees, made at once, so that a stuck one is raised without asking anybody again;
and, where nodes do not replace, a child that pays for its parent.

Laws: every rung spends the same coins, so at most one of them is ever confirmed, and pays the same outputs;
only change shrinks; a rung costs enough more than the one below for nodes to take it (BIP-125, rules 3 and
4); none passes the highest fee allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keepcool.chains.bitcoin.coins import Coin, fee_of
from keepcool.chains.bitcoin.goals import Goal, Method, Selection, balanced, check_goal
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.chains.bitcoin.selection import check_fee, select
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.ports.system import Entropy


def ladder(first: Selection, goal: Goal, fee_rates: Sequence[int]) -> tuple[Selection, ...]:
    """`first` and a rung above it for each of the rates that is affordable and high enough, ascending; only
    `first` where nodes do not replace."""
    rungs = [first]
    if goal.network.replacement is Replacement.NONE:
        return (first,)
    for fee_rate in sorted(fee_rates):
        raised = _raised(first, replace(goal, fee_rate=fee_rate))
        if raised is not None and _replaces(raised, rungs[-1], goal):
            rungs.append(raised)
    return tuple(rungs)


def climb(
    coins: Sequence[Coin], goal: Goal, fee_rates: Sequence[int], entropy: Entropy
) -> tuple[Selection, ...]:
    """A ladder on coins that pay the highest of the rates, where there are such; else as high as they
    reach. Raises as `select` does when they do not even pay the goal's own rate."""
    if goal.network.replacement is not Replacement.NONE:
        for fee_rate in sorted((rate for rate in fee_rates if rate > goal.rate), reverse=True):
            first = _reaching(coins, goal, fee_rate, entropy)
            if first is not None:
                return ladder(first, goal, fee_rates)
    return ladder(select(coins, goal, entropy), goal, fee_rates)


def child(coin: Coin, parent_vsize: int, parent_fee_sat: int, goal: Goal) -> Selection:
    """A draft that spends `coin`, change of a stuck parent, back to change and lifts both to the goal's
    rate. `goal` has no outputs. Raises Conflict when the coin does not hold so much (`coins.insufficient`),
    Refused when the fee is too high (`coins.fee`)."""
    check_goal(goal)
    if goal.outputs or goal.change.parts != 1:
        raise Malformed("coins.payments", "a child that lifts its parent pays to one coin of change alone")
    vsize = goal.vsize([coin], 1)
    lifted = fee_of(vsize + parent_vsize, goal.rate) - parent_fee_sat
    fee_sat = max(lifted, fee_of(vsize, goal.rate))
    rest = coin.amount_sat - fee_sat
    if rest < goal.change_least_sat:
        raise Conflict("coins.insufficient", "the change of the stuck payment is too small to lift it")
    waste = goal.premium * coin.shape.weight + goal.change_cost_grains
    found = Selection((coin,), (), (rest,), fee_sat, vsize, waste, Method.CHILD)
    check_fee(found, goal)
    return found


def _reaching(coins: Sequence[Coin], goal: Goal, fee_rate: int, entropy: Entropy) -> Selection | None:
    """Coins that still pay at `fee_rate`, chosen as if a rate as high were as far above the long term as the
    goal's is: else every payment would grind the pool."""
    grinds = goal.rate >= goal.grind_rate
    high = replace(
        goal,
        fee_rate=fee_rate,
        long_term_rate=goal.long_term_rate + fee_rate - goal.rate,
        grind_rate=0 if grinds else fee_rate + 1,
    )
    try:
        found = select(coins, high, entropy)
    except (Conflict, Refused):
        return None
    return balanced(goal, found.coins, found.method)


def _raised(first: Selection, goal: Goal) -> Selection | None:
    """With the coins and payments of `first`, and no more change than it has."""
    parts = len(first.change_sat)
    plan = replace(goal.change, parts=max(parts, 1))
    found = balanced(replace(goal, change=plan), first.coins, first.method)
    if found is None or len(found.change_sat) > parts or found.fee_sat > goal.fee_sat_max:
        return None
    return found


def _replaces(raised: Selection, below: Selection, goal: Goal) -> bool:
    """It pays for its own relay on top of what it replaces, and a higher rate."""
    dearer = raised.fee_sat >= below.fee_sat + fee_of(raised.vsize, goal.network.fee_rate_step)
    return dearer and raised.fee_sat * below.vsize > below.fee_sat * raised.vsize
