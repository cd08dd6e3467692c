"""Which coins pay: several searches, and of what they find the least waste.

Laws: never more is spent than the coins hold; coins that are settled come before unconfirmed change of our
own, and nothing else unconfirmed comes at all; the same coins, goal and entropy give the same selection;
when the largest coins can pay, something is found. Bitcoin Core's spend.cpp, ChooseSelectionResult.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keepcool.chains.bitcoin.coins import GRAINS, Coin, settled, young
from keepcool.chains.bitcoin.goals import Goal, Method, Selection, balanced, check_goal
from keepcool.chains.bitcoin.searches import (
    Found,
    Offer,
    branch_and_bound,
    coin_grinder,
    largest_first,
    single_random_draw,
)
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.ports.system import Entropy


def select(coins: Sequence[Coin], goal: Goal, entropy: Entropy) -> Selection:
    """Raises Malformed on a goal that is none (`coins.…`), Conflict when the coins that may be spent do not
    pay for it (`coins.insufficient`), Refused when its fee is too high (`coins.fee`)."""
    check_goal(goal)
    check_outpoints(coins)
    if not goal.outputs:
        raise Malformed("coins.nothing", "there is nothing to pay")
    now, later = settled(coins, goal.network), young(coins)
    for pool in (now, [*now, *later]) if later else (now,):
        found = _least_waste(pool, goal, entropy)
        if found is not None:
            check_fee(found, goal)
            return found
    raise _insufficient([*now, *later], goal)


def check_outpoints(coins: Sequence[Coin]) -> None:
    """Raises Malformed when one coin stands twice: it would be counted twice."""
    if len({coin.outpoint for coin in coins}) < len(coins):
        raise Malformed("coins.twice", "one coin stands twice among those offered")


def check_fee(found: Selection, goal: Goal) -> None:
    """Raises Refused."""
    if found.fee_sat > goal.fee_sat_max:
        raise Refused(
            "coins.fee",
            f"the fee would be {found.fee_sat}; at most {goal.fee_sat_max} is allowed: wait for lower rates, "
            "or pay with fewer coins",
        )


def offers_of(coins: Sequence[Coin], fee_rate: int) -> list[Offer]:
    """Those that are worth more than their spending costs, numbered by their place."""
    gains = ((place, coin.gain_grains(fee_rate), coin.shape.weight) for place, coin in enumerate(coins))
    return [Offer(place, gain, weight) for place, gain, weight in gains if gain > 0]


def _least_waste(pool: Sequence[Coin], goal: Goal, entropy: Entropy) -> Selection | None:
    """Of equal waste the one that uses more coins up, as Bitcoin Core has it."""
    offers = offers_of(pool, goal.rate)
    found = [
        balanced(goal, [pool[offer.place] for offer in chosen], method)
        for method, chosen in _searched(offers, goal, entropy)
        if chosen is not None
    ]
    whole = [one for one in found if one is not None]
    if not whole:
        return _last_resort(pool, offers, goal)
    return min(whole, key=lambda one: (one.waste, -len(one.coins)))


def _searched(offers: Sequence[Offer], goal: Goal, entropy: Entropy) -> Iterator[tuple[Method, Found]]:
    target, bounds = goal.target_grains, goal.bounds
    window = goal.change_made_grains
    yield Method.BRANCH_AND_BOUND, branch_and_bound(offers, target, window, goal.premium, bounds)
    extra = goal.change_made_grains + max(goal.change.part_sat - goal.change_least_sat, 0) * GRAINS
    yield Method.RANDOM_DRAW, single_random_draw(offers, target + extra, bounds, entropy)
    if goal.rate >= goal.grind_rate:
        yield Method.GRINDER, coin_grinder(offers, target + extra, bounds)


def _last_resort(pool: Sequence[Coin], offers: Sequence[Offer], goal: Goal) -> Selection | None:
    """The fewest coins: with room for change, and else without."""
    most = sum(sorted((offer.gain for offer in offers), reverse=True)[: goal.inputs_max])
    # The target is rounded up; the balance is not: what misses it by a hair may still pay.
    for target in (goal.target_grains + goal.change_made_grains, goal.target_grains, most):
        chosen = largest_first(offers, target, goal.bounds)
        if chosen is not None:
            found = balanced(goal, [pool[offer.place] for offer in chosen], Method.LARGEST)
            if found is not None:
                return found
    return None


def _insufficient(usable: Sequence[Coin], goal: Goal) -> Conflict:
    offers = sorted(offers_of(usable, goal.rate), key=lambda one: -one.gain)[: goal.inputs_max]
    missing = -(-(goal.target_grains - sum(offer.gain for offer in offers)) // GRAINS)
    return Conflict(
        "coins.insufficient",
        f"the coins that may be spent now do not pay {goal.paid_sat} and its fee; about {max(missing, 1)} is "
        "missing: wait until coins confirm or drafts are done, or bring coins in",
        missing_sat=max(missing, 1),
    )
