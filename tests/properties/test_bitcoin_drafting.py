"""Drafting: whatever coins and payments, nothing is overspent and no rung passes its bounds."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.payouts.bitcoin.choosing import Wanted, climbed, goal_of
from keepcool.app.payouts.bitcoin.fees import Rates
from keepcool.chains.bitcoin.coins import Coin, Origin, Shape
from keepcool.chains.bitcoin.goals import Selection
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import Outpoint, TxOutput
from keepcool.core.errors import Conflict, Refused
from tests.fixtures.effort import examples

SHAPE = Shape(ScriptKind.P2WSH, 2, 3)
TO = b"\x00\x14" + bytes(20)
FEES = BitcoinFeeSettings(fee_rate_max=100_000, rungs=4)
AMOUNTS = st.lists(st.integers(3_000, 10**9), min_size=1, max_size=25)


def coins_of(amounts: list[int]) -> list[Coin]:
    names = [hashlib.sha256(str(number).encode()).digest() for number in range(len(amounts))]
    pairs = zip(names, amounts, strict=True)
    return [Coin(Outpoint(name, 0), amount, SHAPE, 6, Origin.FOREIGN) for name, amount in pairs]


def _zeros(size_bytes: int) -> bytes:
    return bytes(size_bytes)


def rungs_of(held: list[int], paid: list[int], fee_max: int, rate: int, parts: int) -> tuple[Selection, ...]:
    wanted = Wanted(tuple(TxOutput(one, TO) for one in paid), fee_max, SHAPE, parts, sum(paid))
    rates = Rates(rate, 1_000, None)
    row = replace(LITECOIN_REGTEST, replacement=Replacement.NONE)
    goal = goal_of(row, wanted, rates, FEES)
    return climbed(coins_of(held), goal, FEES, _zeros)


@settings(max_examples=examples(60), deadline=None)
@given(
    held=AMOUNTS,
    paid=st.lists(st.integers(10_000, 10**8), min_size=1, max_size=20),
    fee_max=st.integers(1_000, 10**6),
    rate=st.integers(1_000, 100_000),
    parts=st.integers(1, 4),
)
def test_no_rung_overspends_or_passes_its_bounds(
    held: list[int], paid: list[int], fee_max: int, rate: int, parts: int
) -> None:
    """Coins are payments, change and fee to the unit; every rung spends the same coins, pays the same, costs
    no more than allowed and more than the one below; the same holds where nodes do not replace."""
    try:
        rungs = rungs_of(held, paid, fee_max, rate, parts)
    except (Conflict, Refused):
        return
    for rung in rungs:
        assert sum(one.amount_sat for one in rung.coins) == sum(paid) + sum(rung.change_sat) + rung.fee_sat
        assert rung.fee_sat <= fee_max
        assert rung.fee_sat * 1000 >= rate * rung.vsize
        assert rung.coins == rungs[0].coins
        assert len(rung.change_sat) <= parts
    fees = [rung.fee_sat for rung in rungs]
    assert fees == sorted(set(fees))
    assert len(rungs) <= FEES.rungs
