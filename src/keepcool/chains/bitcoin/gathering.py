"""Coins moved without a payment: many small ones made into few, and all of them swept to one script.

Laws: small coins are gathered only while spending them costs less than it is expected to cost later, and
only when that saves more than the gathering costs; nothing unconfirmed and nothing that costs more than it
holds is gathered; a sweep leaves no change behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keepcool.chains.bitcoin.coins import Coin, fee_of, settled
from keepcool.chains.bitcoin.goals import Goal, Method, Selection, balanced, check_goal
from keepcool.chains.bitcoin.searches import Offer
from keepcool.chains.bitcoin.selection import check_fee, check_outpoints, offers_of
from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.core.errors import Conflict, Malformed


def consolidate(coins: Sequence[Coin], goal: Goal) -> Selection | None:
    """The smallest coins, as many as one draft holds, made into change; None while it does not pay. `goal`
    has no outputs. Raises Malformed on a goal that is none, Refused when the fee is too high."""
    _check(coins, goal)
    if goal.premium >= 0:
        return None
    chosen = _within(goal, sorted(_offers(coins, goal), key=lambda one: (one[0].gain, one[0].place)))
    if len(chosen) <= goal.change.parts:
        return None
    found = balanced(goal, chosen, Method.CONSOLIDATION)
    if found is None or found.waste >= 0:
        return None
    check_fee(found, goal)
    return found


def sweep(coins: Sequence[Coin], goal: Goal, script_pubkey: bytes) -> Selection:
    """All settled coins, the largest first where one draft cannot hold them all, paid to one script. `goal`
    has no outputs. Raises Malformed on a goal that is none, Conflict when nothing would arrive
    (`coins.insufficient`), Refused when the fee is too high."""
    _check(coins, goal)
    chosen = _within(goal, sorted(_offers(coins, goal), key=lambda one: (-one[0].gain, one[0].place)))
    held = sum(coin.amount_sat for coin in chosen)
    all_of_it = replace(goal, outputs=(TxOutput(held, script_pubkey),))
    vsize = all_of_it.vsize(chosen, 0)
    fee_sat = fee_of(vsize, goal.rate)
    least = goal.network.dust_sat(script_pubkey)
    if held - fee_sat < least:
        raise Conflict("coins.insufficient", "the coins that may be spent now are not worth their own fee")
    waste = goal.premium * sum(coin.shape.weight for coin in chosen)
    output = TxOutput(held - fee_sat, script_pubkey)
    found = Selection(tuple(chosen), (output,), (), fee_sat, vsize, waste, Method.SWEEP)
    check_fee(found, goal)
    return found


def _offers(coins: Sequence[Coin], goal: Goal) -> list[tuple[Offer, Coin]]:
    pool = settled(coins, goal.network)
    return [(offer, pool[offer.place]) for offer in offers_of(pool, goal.rate)]


def _within(goal: Goal, ordered: Sequence[tuple[Offer, Coin]]) -> list[Coin]:
    bounds, chosen, weight = goal.bounds, list[Coin](), 0
    for offer, coin in ordered:
        if not bounds.hold(len(chosen) + 1, weight + offer.weight):
            break
        chosen.append(coin)
        weight += offer.weight
    return chosen


def _check(coins: Sequence[Coin], goal: Goal) -> None:
    check_goal(goal)
    check_outpoints(coins)
    if goal.outputs:
        raise Malformed("coins.payments", "coins are gathered and swept without payments beside")
