"""Which coins pay for what: least waste, change worth having, and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from btclib.fee import FeeRate
from btclib.tx import OutPoint, TxOut
from btclib_wallet import coin_selection as btclib

from keepcool.chains.bitcoin.coins import GRAINS, fee_of
from keepcool.chains.bitcoin.goals import ChangePlan, Goal, Method, balanced, parted
from keepcool.chains.bitcoin.selection import select
from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from tests.unit.chains.bitcoin.psbt.samples import ALICE, DOGE
from tests.unit.chains.bitcoin.selection.samples import COIN, DATA, bare, change_of, entropy, goal


def test_pays_without_change_where_coins_fit() -> None:
    """Two coins that come to the payment and its fee, and little more: no change is made."""
    coins = [bare(amount, number) for number, amount in enumerate((70_000, 31_300, 900_000))]
    found = select(coins, goal(100_000), entropy())
    assert found.method is Method.BRANCH_AND_BOUND
    assert sorted(coin.amount_sat for coin in found.coins) == [31_300, 70_000]
    assert found.change_sat == ()
    assert found.fee_sat == 1_300


def test_makes_change_where_nothing_fits() -> None:
    """The rest comes back, less the fee of the whole transaction at exactly its rate."""
    found = select([bare(COIN)], goal(100_000), entropy())
    assert found.fee_sat == fee_of(found.vsize, 5_000)
    assert found.change_sat == (COIN - 100_000 - found.fee_sat,)


def test_waste_is_counted_as_btclib_counts_it() -> None:
    """With change and without, at rates above and below the long term."""
    coin = bare(COIN)
    for rate in (5_000, 10_000, 40_000):
        wanted = replace(goal(100_000, rate=rate), change=ChangePlan(coin.shape))
        kept = balanced(wanted, [coin], Method.LARGEST)
        assert kept is not None
        theirs = btclib.Candidate(OutPoint(b"\1" * 32, 0), TxOut(COIN, ALICE), coin.shape.weight + 2)
        now, later = FeeRate(sats_per_kvbyte=rate), FeeRate(sats_per_kvbyte=10_000)
        cost = wanted.change_cost_grains // GRAINS
        waste = btclib._waste([theirs], 0, now, later, 1, cost)
        assert abs(kept.waste // GRAINS - waste) <= 2 * rate // 1_000


def test_splits_change_into_parts_worth_having() -> None:
    """As many as wanted and affordable, together exactly the rest, none below the least."""
    wanted = replace(goal(COIN), change=ChangePlan(bare(1).shape, parts=5, part_sat=COIN))
    for held, parts in ((2, 1), (3, 2), (7, 5), (50, 5)):
        found = select([bare(held * COIN + COIN // 2)], wanted, entropy())
        assert len(found.change_sat) == parts
        assert sum(found.change_sat) + found.fee_sat == (held - 1) * COIN + COIN // 2
        assert max(found.change_sat) - min(found.change_sat) <= 1
    assert parted(10, 3) == (4, 3, 3)


def test_change_not_worth_its_spending_goes_to_the_fee() -> None:
    """One unit below the least it is fee; from the least on it is change."""
    wanted = goal(100_000)
    fee = fee_of(wanted.vsize([bare(1)], 1), wanted.rate)
    least = wanted.change_least_sat
    kept = select([bare(100_000 + fee + least)], wanted, entropy())
    dropped = select([bare(100_000 + fee + least - 1)], wanted, entropy())
    assert kept.change_sat == (least,)
    assert dropped.change_sat == ()
    assert dropped.fee_sat == fee + least - 1


def test_saves_weight_when_fees_are_high() -> None:
    """Above the rate given, one large coin is preferred to many small ones; below it, they may go."""
    small = [bare(60_000, number) for number in range(40)]
    coins = [*small, bare(5 * COIN, 99)]
    high = select(coins, goal(1_500_000, rate=60_000), entropy(3))
    low = select(coins, goal(1_500_000, rate=1_000), entropy(3))
    assert [coin.amount_sat for coin in high.coins] == [5 * COIN]
    assert len(low.coins) > len(high.coins)


def test_settled_coins_come_before_young_ones() -> None:
    """Unconfirmed change of our own is touched only when the rest does not pay."""
    young = change_of(bare(COIN, 1))
    enough = select([bare(COIN, 2), young], goal(COIN // 2), entropy())
    assert young not in enough.coins
    needed = select([bare(COIN, 2), young], goal(3 * COIN // 2), entropy())
    assert young in needed.coins


def test_never_spends_what_somebody_may_take_back() -> None:
    """An unconfirmed foreign coin is as good as none: the payment is refused and says what is missing."""
    foreign = bare(COIN, confirmations=0)
    with pytest.raises(Conflict) as refused:
        select([foreign, bare(40_000, 1)], goal(100_000), entropy())
    assert refused.value.code == "coins.insufficient"
    assert 60_000 < int(refused.value.fields["missing_sat"]) < 63_000
    assert select([replace(foreign, confirmations=6)], goal(100_000), entropy())


def test_the_floor_of_the_network_is_kept() -> None:
    """A rate below what nodes relay is raised to it: a hundredth of a coin per 1000 bytes on Dogecoin."""
    found = select([bare(900 * COIN, wallet=DOGE)], goal(3 * COIN, wallet=DOGE, rate=1), entropy())
    assert found.fee_sat == fee_of(found.vsize, COIN // 100)


def _dust(wanted: Goal) -> Goal:
    return replace(wanted, outputs=(*wanted.outputs, TxOutput(293, ALICE)))


def _burnt(wanted: Goal) -> Goal:
    return replace(wanted, outputs=(*wanted.outputs, TxOutput(1, DATA)))


@pytest.mark.parametrize(
    ("error", "code", "wanted"),
    [
        (Malformed, "coins.nothing", goal()),
        (Malformed, "coins.dust", _dust(goal(COIN))),
        (Malformed, "coins.burn", _burnt(goal(COIN))),
        (Malformed, "coins.rate", goal(COIN, rate=0)),
        (Malformed, "coins.rate", replace(goal(COIN), long_term_rate=-1)),
        (Malformed, "coins.parts", goal(COIN, parts=0)),
        (Malformed, "coins.bounds", replace(goal(COIN), inputs_max=0)),
        (Malformed, "coins.bounds", replace(goal(COIN), tries_max=0)),
        (Refused, "coins.fee", replace(goal(COIN), fee_sat_max=100)),
        (Conflict, "coins.insufficient", goal(20 * COIN)),
        (Conflict, "coins.insufficient", replace(goal(3 * COIN), inputs_max=1)),
        (Malformed, "script.network", replace(goal(COIN, wallet=DOGE), change=goal(1).change)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_goals_that_cannot_be(error: type[KeepcoolError], code: str, wanted: Goal) -> None:
    """Each with its code; the same coins pay a goal that can be."""
    coins = [bare(2 * COIN, 1), bare(2 * COIN, 2)]
    assert select(coins, goal(COIN), entropy())
    with pytest.raises(error) as refused:
        select(coins, wanted, entropy())
    assert refused.value.code == code


def test_refuses_a_coin_offered_twice() -> None:
    """It would be counted twice and the draft would be short."""
    with pytest.raises(Malformed) as refused:
        select([bare(COIN), bare(COIN)], goal(COIN + COIN // 2), entropy())
    assert refused.value.code == "coins.twice"


def test_a_hair_is_enough() -> None:
    """Coins that pay to the last unit pay; one unit less and they do not."""
    wanted = goal(100_000)
    coins = [bare(60_000, 1), bare(50_000, 2)]
    exact = 100_000 + fee_of(wanted.vsize(coins, 0), wanted.rate)
    found = select([bare(60_000, 1), bare(exact - 60_000, 2)], wanted, entropy())
    assert found.change_sat == ()
    assert found.held_sat == exact
    with pytest.raises(Conflict):
        select([bare(60_000, 1), bare(exact - 60_001, 2)], wanted, entropy())


def test_a_draft_stays_within_its_size() -> None:
    """However many coins there are, the transaction is one that nodes relay."""
    coins = [bare(100_000, number) for number in range(600)]
    found = select(coins, replace(goal(25_000_000, rate=1_000), inputs_max=300), entropy())
    assert len(found.coins) <= 300
    with pytest.raises(Conflict):
        select(coins, replace(goal(25_000_000, rate=1_000), vsize_max=10_000), entropy())
