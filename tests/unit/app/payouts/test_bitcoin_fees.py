"""Rates of Bitcoin payouts: believed within bounds, climbed within bounds, shared to the satoshi."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.payouts.bitcoin.booking import shares
from keepcool.app.payouts.bitcoin.fees import bounded, climbing
from keepcool.core.errors import Unavailable

FEES = BitcoinFeeSettings(fee_rate_max=50_000, fee_rate_fallback=7_000)
RATES = st.integers(1, 10**9)


@given(estimate=st.none() | st.integers(-5, 10**12), floor=st.integers(1, 50_000))
def test_whatever_nodes_estimate_the_rate_keeps_its_bounds(estimate: int | None, floor: int) -> None:
    """Never below what nodes relay, never above the cap, and the fallback where nothing is known."""
    found = bounded(estimate, floor, FEES)
    assert floor <= found.now <= FEES.fee_rate_max
    if estimate is None or estimate <= 0:
        assert (found.estimate, found.now) == (None, max(FEES.fee_rate_fallback, floor))


def test_a_network_that_asks_for_more_than_the_cap_waits() -> None:
    """Nothing is drafted that nodes would not relay, and nothing above the cap."""
    with pytest.raises(Unavailable) as refused:
        bounded(None, FEES.fee_rate_max + 1, FEES)
    assert refused.value.code == "payout.fee_high"


@given(start=RATES, most=RATES, rungs=st.integers(1, 8))
def test_rungs_ascend_to_the_cap_and_no_further(start: int, most: int, rungs: int) -> None:
    """Each above the one below, none above the cap, no more than were asked for."""
    fees = BitcoinFeeSettings(fee_rate_max=most, rungs=rungs)
    found = climbing(start, fees)
    assert len(found) < rungs
    assert list(found) == sorted(set(found))
    assert all(start < rate <= most for rate in found)


@given(fee=st.integers(0, 10**9), parts=st.lists(st.integers(1, 100), min_size=1, max_size=100))
def test_a_shared_fee_is_shared_to_the_satoshi(fee: int, parts: list[int]) -> None:
    """Shares add up to the fee, and none is more than its part rounded up, or less than it rounded down."""
    found = shares(fee, parts)
    assert sum(found) == fee
    assert all(
        abs(one * sum(parts) - fee * part) < sum(parts) for one, part in zip(found, parts, strict=True)
    )
