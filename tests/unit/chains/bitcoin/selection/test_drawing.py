"""Chance comes from the entropy that is handed in, and from nowhere else."""

from __future__ import annotations

from collections import Counter

from keepcool.chains.bitcoin.drawing import below, shuffled
from tests.unit.chains.bitcoin.selection.samples import entropy


def test_every_order_comes_up() -> None:
    """Of three things all six orders, none far more often than another; nothing is lost or doubled."""
    orders = Counter(tuple(shuffled("abc", entropy(seed))) for seed in range(1_200))
    assert len(orders) == 6
    assert all(120 < count < 300 for count in orders.values())
    assert sorted(shuffled(range(1_000), entropy())) == list(range(1_000))


def test_the_same_entropy_gives_the_same() -> None:
    """And other entropy another order."""
    things = list(range(50))
    assert shuffled(things, entropy(1)) == shuffled(things, entropy(1)) != shuffled(things, entropy(2))
    assert things == list(range(50))


def test_little_or_nothing_to_shuffle_draws_nothing() -> None:
    """One thing has one order."""

    def never(size_bytes: int) -> bytes:
        raise AssertionError(size_bytes)

    assert shuffled([], never) == []
    assert shuffled(["a"], never) == ["a"]


def test_numbers_stay_below_their_limit() -> None:
    """Each of ten comes up, none beyond."""
    drawn = {below(10, entropy(seed)) for seed in range(300)}
    assert drawn == set(range(10))
