"""A signer that asks the rules and remembers what it signs never passes a cap, and pays no intent twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.core.effects import Slot
from keepcool.core.ids import AssetId
from keepcool.core.verdict import Approved
from keepcool.policy.case import Case, History, Remembered
from keepcool.policy.rules import ALL
from tests.fixtures.effort import examples
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    CAP_DAY,
    CAP_HOUR,
    ETH,
    POLICY,
    SAFE,
    USD,
    pay,
    remembered,
    void,
    with_effects,
)

pytestmark = pytest.mark.slow

HOUR_S, DAY_S = 3600, 86_400
WALLETS = tuple(f"safe:{name}" for name in (SAFE, "second", "third"))


@dataclass
class Signer:
    """The plainest memory that satisfies `History`: a list, summed anew for every question."""

    signed: list[Remembered] = field(default_factory=list)

    def ask(self, case: Case, now_s: int) -> bool:
        case = replace(case, now_s=now_s, history=self.history(case, now_s))
        case = replace(case, intent=replace(case.intent, expires_at_s=10**8))
        policy = replace(POLICY, intent_lifetime_s_max=10**9)
        if not all(isinstance(rule.judge(case, policy), Approved) for rule in ALL):
            return False
        self.signed.append(remembered(case, at_s=now_s))
        return True

    def history(self, case: Case, now_s: int) -> History:
        slots = set(case.effects.slots)
        rivals = tuple(row for row in self.signed if slots & set(row.slots))
        return History(
            same_intent=tuple(row for row in self.signed if row.intent == case.intent.intent),
            same_slots=rivals,
            lowest_unsigned={slot.space: self.lowest(slot.space) for slot in slots},
            spent_hour=self.spent(now_s - HOUR_S, rivals),
            spent_day=self.spent(now_s - DAY_S, rivals),
            frozen=(),
        )

    def lowest(self, space: str) -> int:
        taken = {slot.position for row in self.signed for slot in row.slots if slot.space == space}
        return next(position for position in range(len(taken) + 1) if position not in taken)

    def spent(self, after_s: int, without: tuple[Remembered, ...] = ()) -> dict[AssetId, int]:
        """Per slot (a draft here has one) the dearest draft, summed per asset."""
        dearest: dict[tuple[Slot, AssetId], int] = {}
        for row in self.signed:
            if row.at_s > after_s and row not in without:
                for asset, units in row.spent.items():
                    key = (row.slots[0], asset)
                    dearest[key] = max(units, dearest.get(key, 0))
        total: dict[AssetId, int] = {}
        for (_, asset), units in dearest.items():
            total[asset] = total.get(asset, 0) + units
        return total

    def outcomes(self) -> Iterator[tuple[Remembered, ...]]:
        """Every way the chain may go: of each slot one draft confirms."""
        slots = sorted({row.slots[0] for row in self.signed}, key=lambda slot: (slot.space, slot.position))
        rivals = [[row for row in self.signed if row.slots[0] == slot] for slot in slots]
        return iter(product(*rivals))


@dataclass(frozen=True)
class Ask:
    intent: str
    space: str
    position: int
    asset: AssetId
    units: int
    variant: int
    later_s: int


asks = st.builds(
    Ask,
    intent=st.sampled_from([f"i-{n}" for n in range(6)]),
    space=st.sampled_from(WALLETS),
    position=st.integers(0, 3),
    asset=st.sampled_from([ETH, USD]),
    units=st.sampled_from([0, 1, 50, 99, 100, 101]),
    variant=st.integers(0, 1),
    later_s=st.sampled_from([0, 1, 600, 3599, 3600, 40_000]),
)


def case_of(ask: Ask) -> Case:
    if ask.units == 0:
        made = void(f"v-{ask.intent}")
    else:
        made = pay((BOB if ask.variant else ALICE, ask.asset, ask.units), intent=ask.intent)
    return with_effects(
        made,
        slots=(replace(made.effects.slots[0], space=ask.space, position=ask.position),),
        digests=(bytes([ask.variant]) * 32,),
    )


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(asks, max_size=30))
def test_no_order_of_requests_passes_a_cap(trace: list[Ask]) -> None:
    """After every signature, the sums of the last hour and day over all wallets are within the caps."""
    signer, now_s = Signer(), DAY_S
    for ask in trace:
        now_s += ask.later_s
        signer.ask(case_of(ask), now_s)
        for asset in (ETH, USD):
            assert signer.spent(now_s - HOUR_S).get(asset, 0) <= CAP_HOUR
            assert signer.spent(now_s - DAY_S).get(asset, 0) <= CAP_DAY


@settings(max_examples=examples(120), deadline=None)
@given(st.lists(asks, max_size=12))
def test_however_the_chain_goes_an_intent_is_paid_once(trace: list[Ask]) -> None:
    """Whichever signed draft wins each slot, no intent is paid twice, and none under another's name."""
    signer, now_s = Signer(), DAY_S
    for ask in trace:
        now_s += ask.later_s
        signer.ask(case_of(ask), now_s)
    for confirmed in signer.outcomes():
        paying = [row.intent for row in confirmed if row.spent]
        assert len(paying) == len(set(paying))
    for row in signer.signed:
        rivals = [one for one in signer.signed if one.slots == row.slots and one.spent]
        assert len({one.intent_hash for one in rivals}) <= 1


def test_the_cap_is_reached_and_then_frees_again() -> None:
    """The twin that shows the model signs at all: full to the unit, closed, and open an hour later."""
    signer = Signer()
    hour = [case_of(Ask(f"i-{n}", WALLETS[n], 0, ETH, units, 0, 0)) for n, units in enumerate((100, 100, 50))]
    assert [signer.ask(case, DAY_S) for case in hour] == [True, True, True]
    more = case_of(Ask("i-9", WALLETS[0], 1, ETH, 1, 0, 0))
    assert signer.spent(DAY_S - HOUR_S) == {ETH: CAP_HOUR}
    assert not signer.ask(more, DAY_S + HOUR_S - 1)
    assert signer.ask(more, DAY_S + HOUR_S)
