"""Small coins gathered while it is cheap, all coins swept, stuck payments lifted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from keepcool.chains.bitcoin.coins import fee_of
from keepcool.chains.bitcoin.combining import combine
from keepcool.chains.bitcoin.gathering import consolidate, sweep
from keepcool.chains.bitcoin.goals import Goal, Method
from keepcool.chains.bitcoin.ladder import child, climb, ladder
from keepcool.chains.bitcoin.limits import UNBOUNDED
from keepcool.chains.bitcoin.selection import select
from keepcool.core.errors import Conflict, Malformed, Refused
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import DOGE, sign
from tests.unit.chains.bitcoin.selection.samples import (
    COIN,
    P2WPKH,
    bare,
    change_of,
    entropy,
    goal,
    purse,
)


def _cheap(parts: int = 1) -> Goal:
    return goal(rate=1_000, parts=parts)


def test_gathers_the_smallest_while_it_is_cheap() -> None:
    """Below the long-term rate the smallest coins become one; nothing is paid and nothing is lost."""
    coins = [bare(20_000 + number, number) for number in range(30)]
    found = consolidate(coins, replace(_cheap(), inputs_max=12))
    assert found is not None
    assert sorted(coin.amount_sat for coin in found.coins) == [20_000 + number for number in range(12)]
    assert found.outputs == ()
    assert found.held_sat == sum(found.change_sat) + found.fee_sat
    assert found.waste < 0


def test_gathers_nothing_when_it_does_not_pay() -> None:
    """At or above the long-term rate, with a coin or two, with coins not worth their spending: nothing."""
    coins = [bare(20_000, number) for number in range(30)]
    assert consolidate(coins, _cheap()) is not None
    assert consolidate(coins, goal(rate=10_000)) is None
    assert consolidate(coins[:1], _cheap()) is None
    assert consolidate(coins[:3], _cheap(parts=3)) is None
    assert consolidate([bare(90, number) for number in range(30)], _cheap()) is None
    assert consolidate([replace(coin, confirmations=0) for coin in coins], _cheap()) is None
    with pytest.raises(Malformed):
        consolidate(coins, goal(COIN, rate=1_000))
    with pytest.raises(Refused):
        consolidate(coins, replace(_cheap(), fee_sat_max=10))


def test_a_gathering_finishes() -> None:
    """Its draft proves with nothing but change, and Core accepts it."""
    held = purse([20_000, 30_000, 40_000, 50_000])
    found = consolidate(held.coins, _cheap(parts=2))
    assert found is not None
    proven = held.wallet.proven(held.built(found).raw, UNBOUNDED)
    assert len(proven.outputs) == len(found.change_sat) == 2
    assert combine(proven, sign(proven, "hot", "cold"), core).tx.vsize <= found.vsize


def test_a_sweep_leaves_nothing() -> None:
    """Everything settled and worth its spending goes to one script, less the fee."""
    held = purse([COIN, 2 * COIN, 300])
    found = sweep(held.coins, goal(), P2WPKH)
    (output,) = found.outputs
    assert output.amount_sat == 3 * COIN - fee_of(found.vsize, 5_000)
    assert found.change_sat == ()
    assert found.method is Method.SWEEP
    proven = held.wallet.proven(held.built(found).raw, UNBOUNDED)
    assert (proven.fee_sat, proven.vsize) == (found.fee_sat, found.vsize)
    assert combine(proven, sign(proven, "cool", "cold"), core).txid


def test_a_sweep_of_many_takes_the_largest_first() -> None:
    """What one draft does not hold is left for the next; worthless coins are not swept at all."""
    coins = [bare(20_000 + number, number) for number in range(30)]
    found = sweep(coins, replace(goal(), inputs_max=5), P2WPKH)
    assert min(coin.amount_sat for coin in found.coins) == 20_025
    for worthless in ([], [bare(300)], [bare(COIN, confirmations=0)]):
        with pytest.raises(Conflict):
            sweep(worthless, goal(), P2WPKH)


def test_rungs_of_a_ladder_exclude_one_another() -> None:
    """The same coins and payments at rising fees, each dear enough to replace the one below."""
    held = purse([COIN, 2 * COIN])
    wanted = goal(COIN // 2)
    first = select(held.coins, wanted, entropy())
    rungs = ladder(first, wanted, [80_000, 20_000, 5_001, 300_000])
    assert [
        fee_of(rung.vsize, rate) for rung, rate in zip(rungs, (5_000, 20_000, 80_000, 300_000), strict=True)
    ] == [rung.fee_sat for rung in rungs]
    for below, above in pairwise(rungs):
        assert above.coins == below.coins
        assert above.outputs == below.outputs
        assert above.fee_sat >= below.fee_sat + above.vsize
    for rung in rungs:
        proven = held.wallet.proven(held.built(rung).raw, UNBOUNDED)
        assert combine(proven, sign(proven, "hot", "cool"), core).txid


def test_a_ladder_ends_where_it_is_not_affordable() -> None:
    """Above the highest fee allowed, beyond the change, or where nodes do not replace: no rung."""
    wanted = goal(COIN // 2)
    first = select([bare(COIN)], wanted, entropy())
    assert len(ladder(first, wanted, [20_000])) == 2
    assert ladder(first, replace(wanted, fee_sat_max=first.fee_sat), [20_000]) == (first,)
    assert ladder(first, wanted, [10**9]) == (first,)
    assert ladder(first, wanted, [1_000, 5_000]) == (first,)
    there = goal(COIN, wallet=DOGE)
    stuck = select([bare(100 * COIN, wallet=DOGE)], there, entropy())
    assert ladder(stuck, there, [10**8]) == (stuck,)


def test_coins_are_chosen_so_that_the_ladder_can_be_climbed() -> None:
    """Coins that fit the first rate alone leave nothing to climb with; those chosen for the highest do."""
    wanted = goal(100_000)
    coins = [bare(amount, number) for number, amount in enumerate((70_000, 31_300, 400_000))]
    alone = select(coins, wanted, entropy())
    assert ladder(alone, wanted, [20_000, 60_000]) == (alone,)
    rungs = climb(coins, wanted, [20_000, 60_000], entropy())
    assert [fee_of(rung.vsize, rate) for rung, rate in zip(rungs, (5_000, 20_000, 60_000), strict=True)] == [
        rung.fee_sat for rung in rungs
    ]
    assert len(climb(coins, wanted, [20_000, 10**8], entropy())) == 2
    assert climb(coins[:2], wanted, [20_000], entropy()) == (alone,)
    with pytest.raises(Conflict):
        climb(coins, goal(COIN), [20_000], entropy())
    there = goal(COIN, wallet=DOGE)
    assert len(climb([bare(100 * COIN, wallet=DOGE)], there, [10**8], entropy())) == 1


def test_a_child_lifts_its_parent() -> None:
    """Both together pay the rate; a coin too small for that is not spent."""
    coin = change_of(bare(COIN))
    found = child(coin, parent_vsize=200, parent_fee_sat=200, goal=goal(rate=50_000))
    assert found.fee_sat + 200 == fee_of(found.vsize + 200, 50_000)
    assert found.change_sat == (COIN - found.fee_sat,)
    with pytest.raises(Conflict):
        child(replace(coin, amount_sat=10_000), 200, 200, goal(rate=50_000))
    with pytest.raises(Refused):
        child(coin, 200, 200, replace(goal(rate=50_000), fee_sat_max=1_000))
    with pytest.raises(Malformed):
        child(coin, 200, 200, goal(COIN))
