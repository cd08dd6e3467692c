"""The searches beside btclib's and beside looking at every set there is."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import pytest
from btclib.fee import FeeRate
from btclib.tx import OutPoint, TxOut
from btclib_wallet import coin_selection as btclib
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains.bitcoin.coins import GRAINS
from keepcool.chains.bitcoin.drawing import shuffled
from keepcool.chains.bitcoin.searches import (
    Bounds,
    Offer,
    branch_and_bound,
    coin_grinder,
    largest_first,
    single_random_draw,
)
from tests.unit.chains.bitcoin.selection.samples import entropy

pytestmark = pytest.mark.slow

WIDE = Bounds(coins=1_000, weight=10**9)
RATES = st.sampled_from([1_000, 5_000, 10_000, 40_000])
AMOUNTS = st.lists(st.integers(min_value=40_000, max_value=200_000), min_size=1, max_size=9)
WEIGHTS = st.sampled_from([272, 420, 564, 1_200])


def candidates(amounts_sat: Sequence[int], weights: Sequence[int]) -> list[btclib.Candidate]:
    return [
        btclib.Candidate(OutPoint(bytes([1 + place]) * 32, 0), TxOut(amount, b"\x00\x14" + bytes(20)), weight)
        for place, (amount, weight) in enumerate(zip(amounts_sat, weights, strict=True))
    ]


def offers(amounts_sat: Sequence[int], weights: Sequence[int], rate: int) -> list[Offer]:
    pairs = zip(amounts_sat, weights, strict=True)
    made = [Offer(at, amount * GRAINS - weight * rate, weight) for at, (amount, weight) in enumerate(pairs)]
    return [offer for offer in made if offer.gain > 0]


def subsets(pool: Sequence[Offer]) -> Iterator[tuple[Offer, ...]]:
    for size in range(1, len(pool) + 1):
        yield from combinations(pool, size)


def gain(chosen: Sequence[Offer]) -> int:
    return sum(offer.gain for offer in chosen)


def weight(chosen: Sequence[Offer]) -> int:
    return sum(offer.weight for offer in chosen)


@settings(max_examples=150, deadline=None)
@given(amounts=AMOUNTS, rate=RATES, long_term=RATES, data=st.data())
def test_branch_and_bound_finds_what_btclib_finds(
    amounts: list[int], rate: int, long_term: int, data: st.DataObject
) -> None:
    """The same yes or no, and waste that is no higher; equal where spending now is no saving."""
    weights = [data.draw(WEIGHTS) for _ in amounts]
    pool = offers(amounts, weights, rate)
    target = data.draw(st.integers(min_value=1, max_value=max(sum(amounts), 2)))
    window = data.draw(st.integers(min_value=0, max_value=20_000))
    premium = rate - long_term
    ours = branch_and_bound(pool, target * GRAINS, window * GRAINS, premium, WIDE)
    now, later = FeeRate(sats_per_kvbyte=rate), FeeRate(sats_per_kvbyte=long_term)
    eligible = btclib._eligible(candidates(amounts, weights), now)
    theirs, _ = btclib._branch_and_bound(eligible, target, window, now, later)
    assert (ours is None) == (theirs is None)
    if ours is None or theirs is None:
        return
    waste = premium * weight(ours) + gain(ours) - target * GRAINS
    expected = btclib._waste(theirs, target, now, later, 0, 0) * GRAINS
    assert waste == expected if premium >= 0 else waste <= expected


@settings(max_examples=150, deadline=None)
@given(amounts=AMOUNTS, rate=RATES, data=st.data())
def test_branch_and_bound_finds_the_least_waste_there_is(
    amounts: list[int], rate: int, data: st.DataObject
) -> None:
    """Of all sets within the window and the bounds, none is better."""
    pool = offers(amounts, [data.draw(WEIGHTS) for _ in amounts], rate)
    bounds = Bounds(data.draw(st.integers(1, 9)), data.draw(st.integers(500, 6_000)))
    target = data.draw(st.integers(min_value=1, max_value=sum(amounts))) * GRAINS
    window, premium = 9_000 * GRAINS, data.draw(st.integers(min_value=0, max_value=30_000))
    fitting = [
        premium * weight(chosen) + gain(chosen) - target
        for chosen in subsets(pool)
        if target <= gain(chosen) <= target + window and bounds.hold(len(chosen), weight(chosen))
    ]
    found = branch_and_bound(pool, target, window, premium, bounds)
    assert (found is None) == (not fitting)
    if found is not None:
        assert premium * weight(found) + gain(found) - target == min(fitting)


@settings(max_examples=200, deadline=None)
@given(amounts=AMOUNTS, rate=RATES, data=st.data())
def test_the_grinder_finds_the_lightest_set_there_is(
    amounts: list[int], rate: int, data: st.DataObject
) -> None:
    """Of all sets that reach the target none is lighter, and of equally light ones none gains less."""
    pool = offers(amounts, [data.draw(WEIGHTS) for _ in amounts], rate)
    bounds = Bounds(data.draw(st.integers(1, 9)), data.draw(st.integers(500, 6_000)))
    target = data.draw(st.integers(min_value=1, max_value=sum(amounts))) * GRAINS
    fitting = [
        (weight(chosen), gain(chosen))
        for chosen in subsets(pool)
        if gain(chosen) >= target and bounds.hold(len(chosen), weight(chosen))
    ]
    found = coin_grinder(pool, target, bounds)
    assert (found is None) == (not fitting)
    if found is not None:
        assert (weight(found), gain(found)) == min(fitting)


class Order(random.Random):
    """btclib shuffles by this, and gets the order our entropy gives."""

    def shuffle(self, x: Any) -> None:
        x[:] = shuffled(list(x), entropy("order"))


@settings(max_examples=100, deadline=None)
@given(amounts=AMOUNTS, rate=RATES, target=st.integers(min_value=1, max_value=900_000))
def test_a_draw_takes_what_btclib_takes(amounts: list[int], rate: int, target: int) -> None:
    """From the same order the same coins."""
    weights = [420] * len(amounts)
    pool = offers(amounts, weights, rate)
    ours = single_random_draw(pool, target * GRAINS, WIDE, entropy("order"))
    eligible = btclib._eligible(candidates(amounts, weights), FeeRate(sats_per_kvbyte=rate))
    theirs = btclib._single_random_draw(eligible, target, FeeRate(sats_per_kvbyte=rate), Order())
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert sorted(amounts[one.place] for one in ours) == sorted(one.tx_out.value for one in theirs)


@settings(max_examples=100, deadline=None)
@given(
    amounts=AMOUNTS, most=st.integers(1, 5), heaviest=st.integers(400, 3_000), target=st.integers(1, 10**6)
)
def test_draws_and_the_last_resort_keep_their_bounds(
    amounts: list[int], most: int, heaviest: int, target: int
) -> None:
    """Never more coins or weight than allowed; with coins of one weight, found whenever there is one."""
    pool, bounds = offers(amounts, [420] * len(amounts), 1_000), Bounds(most, heaviest)
    largest = sorted((offer.gain for offer in pool), reverse=True)[: min(most, heaviest // 420)]
    for found in (
        single_random_draw(pool, target * GRAINS, bounds, entropy(target)),
        largest_first(pool, target * GRAINS, bounds),
    ):
        assert (found is not None) == (sum(largest) >= target * GRAINS)
        if found is not None:
            assert bounds.hold(len(found), weight(found))
            assert gain(found) >= target * GRAINS


def test_searches_end_after_their_tries() -> None:
    """A riddle with no answer among two to the 40 sets is given up; a good set found before is kept."""
    pool = [Offer(place, 2**40 + 2**place, 420) for place in range(40)]
    few = Bounds(1_000, 10**9, tries=2_000)
    assert branch_and_bound(pool, 20 * 2**40 + 1, 0, 0, few) is None
    grown = coin_grinder(pool, 20 * 2**40 + 1, few)
    assert grown is not None
    assert gain(grown) > 20 * 2**40


@pytest.mark.parametrize("target", [0, 1, 10**9])
def test_nothing_is_found_among_nothing(target: int) -> None:
    """No offers, no set, whatever is asked."""
    assert branch_and_bound([], target, 10, 0, WIDE) is None
    assert coin_grinder([], target, WIDE) is None
    assert single_random_draw([], target, WIDE, entropy()) is None
    assert largest_first([], target, WIDE) is None
