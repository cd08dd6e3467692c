"""Searches for coins that together reach a target: four, each for another good.

Laws: whole numbers only; no search takes more tries than it is given, more coins or more weight than its
bounds; each returns a set that reaches its target, or None. Bitcoin Core's coinselection.cpp: SelectCoinsBnB,
SelectCoinsSRD, CoinGrinder.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.bitcoin.drawing import shuffled
from keepcool.ports.system import Entropy

TRIES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A coin as a search sees it: its number, what it adds at the rate of the search, what it weighs. The
    gain of an offer is above 0."""

    place: int
    gain: int
    weight: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of a set: at most so many coins, of so much weight together, found in so many tries."""

    coins: int
    weight: int
    tries: int = TRIES_MAX

    def hold(self, coins: int, weight: int) -> bool:
        return coins <= self.coins and weight <= self.weight


Found = tuple[Offer, ...] | None


class _Walk:
    """Through the sets of offers, depth first: with an offer before without it. Offers that are alike are
    tried in one order only."""

    __slots__ = ("chosen", "gain", "offers", "place", "tails", "weight")

    def __init__(self, offers: Sequence[Offer]) -> None:
        self.offers = sorted(offers, key=lambda one: (-one.gain, one.weight, one.place))
        self.tails = _tails(self.offers)
        self.chosen: list[int] = []
        self.gain = self.weight = self.place = 0

    @property
    def last(self) -> Offer:
        return self.offers[self.chosen[-1]]

    @property
    def reachable(self) -> int:
        """The gain of this set with everything that may still follow."""
        return self.gain + self.tails[self.place][0]

    @property
    def lightest(self) -> int:
        """The least weight of what may still follow."""
        return self.tails[self.place][1]

    def take(self) -> None:
        self.chosen.append(self.place)
        self.gain += self.last.gain
        self.weight += self.last.weight
        self.place += 1

    def turn(self, *, cut: bool) -> bool:
        """On to the next set, without the last offer; `cut`: neither with any offer after it. False when
        there is none."""
        if cut or self.place == len(self.offers):
            self._drop()
        while self.chosen:
            self.place = self._drop() + 1
            self._skip_alike()
            if self.place < len(self.offers):
                return True
        return False

    def found(self) -> tuple[Offer, ...]:
        return tuple(self.offers[place] for place in self.chosen)

    def _drop(self) -> int:
        offer = self.last
        self.gain -= offer.gain
        self.weight -= offer.weight
        return self.chosen.pop()

    def _skip_alike(self) -> None:
        before = self.offers[self.place - 1]
        while self.place < len(self.offers):
            offer = self.offers[self.place]
            if (offer.gain, offer.weight) != (before.gain, before.weight):
                return
            self.place += 1


def branch_and_bound(
    offers: Sequence[Offer], target: int, window: int, premium: int, bounds: Bounds
) -> Found:
    """The set of least waste whose gain lies from `target` to `target` + `window`: no change is made.
    `premium`: what a unit of weight costs now above what it costs in the long term."""
    walk = _Walk(offers)
    best: Found = None
    least = 0
    if target <= 0 or walk.reachable < target:
        return None
    for _ in range(bounds.tries):
        walk.take()
        cut, turn = walk.reachable < target or len(walk.chosen) > bounds.coins, True
        if cut or walk.gain > target + window or walk.weight > bounds.weight:
            pass
        elif walk.gain >= target:
            waste = premium * walk.weight + walk.gain - target
            if best is None or waste <= least:
                best, least = walk.found(), waste
        else:
            # Each further coin adds at least nothing to the waste, unless spending now is a saving.
            turn = best is not None and premium > 0 and premium * walk.weight > least
        if (turn or walk.place == len(walk.offers)) and not walk.turn(cut=cut):
            break
    return best


def coin_grinder(offers: Sequence[Offer], target: int, bounds: Bounds) -> Found:
    """The lightest set that reaches `target`; of equally light ones the one with the least gain."""
    walk = _Walk(offers)
    best: Found = None
    limit, least = bounds.weight, 0
    if target <= 0 or walk.reachable < target:
        return None
    for _ in range(bounds.tries):
        walk.take()
        cut, turn = walk.reachable < target or len(walk.chosen) > bounds.coins, True
        if cut:
            pass
        elif walk.weight > limit:
            cut = walk.last.weight <= walk.lightest
        elif walk.gain >= target:
            if best is None or (walk.weight, walk.gain) < (limit, least):
                best, limit, least = walk.found(), walk.weight, walk.gain
        else:
            turn = best is not None and _lightest_whole(walk, target) > limit
            cut = turn and walk.last.weight <= walk.lightest
        if (turn or walk.place == len(walk.offers)) and not walk.turn(cut=cut):
            break
    return best


def single_random_draw(offers: Sequence[Offer], target: int, bounds: Bounds, entropy: Entropy) -> Found:
    """Coins as they come until `target` is reached; past the bounds, the least of them is put back."""
    drawn: list[tuple[int, int, Offer]] = []
    gain = weight = 0
    for offer in shuffled(offers, entropy):
        heapq.heappush(drawn, (offer.gain, offer.place, offer))
        gain, weight = gain + offer.gain, weight + offer.weight
        while not bounds.hold(len(drawn), weight):
            back = heapq.heappop(drawn)[2]
            gain, weight = gain - back.gain, weight - back.weight
        if gain >= target:
            return tuple(one for _, _, one in drawn)
    return None


def largest_first(offers: Sequence[Offer], target: int, bounds: Bounds) -> Found:
    """The largest coins until `target` is reached: the last resort, and the fewest coins."""
    taken: list[Offer] = []
    gain = weight = 0
    for offer in sorted(offers, key=lambda one: (-one.gain, one.place)):
        if not bounds.hold(len(taken) + 1, weight + offer.weight):
            continue
        taken.append(offer)
        gain, weight = gain + offer.gain, weight + offer.weight
        if gain >= target:
            return tuple(taken)
    return None


def _lightest_whole(walk: _Walk, target: int) -> int:
    """What the set weighs at least when it reaches the target: what follows gains no more than the last."""
    missing = -(-(target - walk.gain) // walk.last.gain)
    return walk.weight + walk.lightest * missing


def _tails(offers: Sequence[Offer]) -> list[tuple[int, int]]:
    """For each place the gain of all offers from there on, and the least of their weights."""
    tails = [(0, 0)]
    for offer in reversed(offers):
        gain, lightest = tails[-1]
        tails.append((gain + offer.gain, min(offer.weight, lightest or offer.weight)))
    return tails[::-1]
