"""Sliding sums: a group counts as its largest member per asset, and what leaves takes only its own away."""

from __future__ import annotations

from keepcool.core.ids import AssetId
from keepcool.cosigner.windows import HOUR_S, Spending, Window
from tests.unit.cosigner.house import ETH

USD = AssetId("eip155:31337/erc20:0x1")
A, B, ABSENT = 1, 2, 99


def window(*spendings: Spending) -> Window:
    made = Window(HOUR_S)
    for one in spendings:
        made.add(one)
    return made


def eth(sequence: int, group: int, units: int, at_s: int = 0) -> Spending:
    return Spending(sequence, group, at_s, {ETH: units})


def test_groups_add_up_and_members_exclude_one_another() -> None:
    """Of drafts that exclude one another the largest counts, whichever came first, beside other groups."""
    assert window(eth(1, A, 5), eth(2, B, 3), eth(3, B, 4)).spent() == {ETH: 9}
    assert window(eth(1, A, 5), eth(2, B, 4), eth(3, B, 3)).spent() == {ETH: 9}
    assert window(eth(1, A, 5), eth(2, B, 4), eth(3, B, 4)).spent() == {ETH: 9}


def test_each_asset_has_its_own_largest_member() -> None:
    """One draft of a group may pay more of one asset and another more of the next: both count."""
    first, second = Spending(1, A, 0, {ETH: 7, USD: 1}), Spending(2, A, 0, {ETH: 2, USD: 3})
    assert window(first, second).spent() == {ETH: 7, USD: 3}
    assert window(first, Spending(3, A, 0, {USD: 2})).spent() == {ETH: 7, USD: 2}


def test_a_single_unit_counts_and_none_leaves_no_trace() -> None:
    """The smallest payment fills a window; a draft that pays nothing of an asset does not name it."""
    assert window(eth(1, A, 1), eth(2, A, 1)).spent() == {ETH: 1}
    assert window(eth(1, A, 0)).spent() == {}
    assert window(eth(1, A, 0), eth(2, A, 1)).spent() == {ETH: 1}
    assert window(eth(1, A, 0), eth(2, A, 1), eth(3, B, 1)).spent([A]) == {ETH: 1}


def test_what_is_left_out_is_the_groups_largest() -> None:
    """Without a group its largest member is taken off once; a group that is not there takes nothing off."""
    full = window(eth(1, A, 5), eth(2, A, 8), eth(3, B, 3))
    assert full.spent([A]) == {ETH: 3}
    assert full.spent([A, B]) == {}
    assert full.spent([ABSENT]) == {ETH: 11}
    assert full.spent() == {ETH: 11}


def test_only_the_newest_is_taken_back_and_only_by_its_name() -> None:
    """A row that failed to commit goes; another name, an older row, or an empty window changes nothing."""
    made = window(eth(1, A, 5), eth(2, A, 8), eth(3, B, 3))
    for absent in (1, 2, 4, 0):
        made.drop_newest(absent)
        assert made.spent() == {ETH: 11}
    made.drop_newest(3)
    assert made.spent() == {ETH: 8}
    made.drop_newest(2)
    assert made.spent() == {ETH: 5}
    made.drop_newest(1)
    made.drop_newest(1)
    assert (made.spent(), made.spent([A, B])) == ({}, {})


def test_age_takes_out_to_the_second() -> None:
    """A spending counts for the window's length and not a second longer; what is younger stays."""
    made = window(eth(1, A, 5, at_s=100), eth(2, A, 4, at_s=101), eth(3, B, 3, at_s=102))
    made.advance(99 + HOUR_S)
    assert made.spent() == {ETH: 8}
    made.advance(100 + HOUR_S)
    assert made.spent() == {ETH: 7}
    made.advance(101 + HOUR_S)
    assert made.spent() == {ETH: 3}
    made.advance(102 + HOUR_S)
    assert made.spent() == {}
