"""A signer of coins: whatever many-input drafts it is asked for, no set of them that could all confirm passes
a cap, fees included, or pays an intent twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.core.effects import Slot
from keepcool.core.journal import EMPTY, Head, next_head
from keepcool.core.verdict import Approved
from keepcool.cosigner import entries
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.entries import SIGN, Entry, SignRow
from keepcool.cosigner.windows import DAY_S, HOUR_S
from keepcool.policy.case import Case, Remembered
from keepcool.policy.rules import ALL, Rule, cap_day, cap_hour, never_twice
from keepcool.policy.spending import leaving
from tests.fixtures.effort import examples
from tests.unit.policy.bitcoin_samples import CAP, ERIN, FRANK, LTC, POLICY, pay

pytestmark = pytest.mark.slow

COINS = tuple(f"{number:02x}" * 32 for number in range(6))
CAP_HOUR, CAP_DAY = 2 * CAP, 4 * CAP
START_S = 1_000_000


@dataclass(frozen=True)
class Ask:
    """A draft that is asked for: a void pays 0."""

    intent: int
    units: int
    coins: tuple[str, ...]
    fee: int
    later_s: int

    def case(self) -> Case:
        if not self.units:
            made = pay(intent=f"v-{self.intent}", coins=self.coins, fee=self.fee)
        else:
            recipient = ERIN if self.intent % 2 else FRANK
            made = pay((recipient, self.units), intent=f"i-{self.intent}", coins=self.coins, fee=self.fee)
        return replace(made, intent=replace(made.intent, expires_at_s=10**9))


asks = st.builds(
    Ask,
    intent=st.integers(0, 5),
    units=st.sampled_from([0, 2_000, 5_000, 9_950, CAP]),
    coins=st.lists(st.sampled_from(COINS), min_size=1, max_size=4, unique=True).map(tuple),
    fee=st.sampled_from([1, 100, 180, 200]),
    later_s=st.sampled_from([0, 1, 600, 3_599, 3_600, 40_000]),
)


@dataclass
class Signer:
    """The rules, and the memory that co-signers really have."""

    rules: tuple[Rule, ...] = ALL
    drafts: SignedDrafts = field(default_factory=SignedDrafts)
    head: Head = EMPTY
    signed: list[tuple[int, Case]] = field(default_factory=list)

    def ask(self, case: Case, now_s: int) -> bool:
        slots = case.effects.slots
        history = self.drafts.history(case.intent.intent, slots, now_s, ())
        policy = replace(POLICY, intent_lifetime_s_max=10**9)
        judged = replace(case, history=history, now_s=now_s)
        if not all(isinstance(rule.judge(judged, policy), Approved) for rule in self.rules):
            return False
        entry = self.entry(case, now_s)
        self.drafts.learn(entry)
        self.head = entry.head
        self.signed.append((now_s, case))
        return True

    def entry(self, case: Case, at_s: int) -> Entry:
        effects = case.effects
        row = SignRow(
            at_s=at_s,
            kind=SIGN,
            digests=[digest.hex() for digest in effects.digests],
            draft="00" * 32,
            intent=case.intent.intent,
            intent_bytes="",
            intent_hash=case.intent.hash(),
            policy="",
            requester="app",
            slots=[(slot.network, slot.space, slot.position) for slot in effects.slots],
            spent={asset: str(units) for asset, units in leaving(effects).items()},
            wallet=case.record.wallet,
        )
        body = entries.encode(row)
        return Entry(next_head(self.head, body), self.head.hash, SIGN, at_s, body)

    def within(self, length_s: int, now_s: int) -> list[Case]:
        return [case for at_s, case in self.signed if at_s > now_s - length_s]


def dearest(cases: Sequence[Case], taken: frozenset[Slot] = frozenset()) -> int:
    """The most that can leave: the dearest of all sets of drafts of which no two share a coin."""
    if not cases:
        return 0
    first, rest = cases[0], cases[1:]
    without = dearest(rest, taken)
    slots = frozenset(first.effects.slots)
    if not taken.isdisjoint(slots):
        return without
    return max(without, leaving(first.effects).get(LTC, 0) + dearest(rest, taken | slots))


def paid_together(cases: Sequence[Case]) -> bool:
    """Whether two of these could both confirm."""
    return any(
        set(one.effects.slots).isdisjoint(other.effects.slots)
        for place, one in enumerate(cases)
        for other in cases[place + 1 :]
    )


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(asks, max_size=14))
def test_no_set_of_drafts_that_could_confirm_passes_a_cap(trace: list[Ask]) -> None:
    """After every signature, whichever drafts of the last hour and day the chain takes."""
    signer, now_s = Signer(), START_S
    for ask in trace:
        now_s += ask.later_s
        signer.ask(ask.case(), now_s)
        assert dearest(signer.within(HOUR_S, now_s)) <= CAP_HOUR
        assert dearest(signer.within(DAY_S, now_s)) <= CAP_DAY


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(asks, max_size=14))
def test_no_two_drafts_of_an_intent_can_confirm(trace: list[Ask]) -> None:
    """However its coins were mixed with others; and no coin is in payments of two intents."""
    signer, now_s = Signer(), START_S
    for ask in trace:
        now_s += ask.later_s
        signer.ask(ask.case(), now_s)
    cases = [case for _, case in signer.signed]
    for name in {case.intent.intent for case in cases}:
        assert not paid_together([case for case in cases if case.intent.intent == name])
    for coin in COINS:
        holders = {
            case.intent.intent
            for case in cases
            if case.effects.payments and coin in {slot.space for slot in case.effects.slots}
        }
        assert len(holders) <= 1


def drained(rules: tuple[Rule, ...]) -> int:
    """Ten payments of the cap from ten coins within an hour: what could leave."""
    signer = Signer(rules)
    for number in range(10):
        signer.ask(pay((ERIN, CAP - 200), intent=f"i-{number}", coins=(f"{number:02x}" * 32,)), START_S)
    return dearest(signer.within(HOUR_S, START_S))


def test_the_twin_without_caps_is_drained() -> None:
    """With the caps two payments are signed; without them all ten."""
    assert drained(ALL) == 2 * (CAP - 100)
    assert drained(tuple(rule for rule in ALL if rule not in (cap_hour, cap_day))) == 10 * (CAP - 100)


def burnt(*, counted: bool) -> int:
    """A hostile App asks for consolidations without end, each at the highest fee share."""
    signer, fees = Signer(), 0
    for number in range(400):
        void = pay(intent=f"v-{number}", coins=(f"{number:064x}",), fee=200)
        if signer.ask(void, START_S):
            fees += 200
        if not counted:
            signer.drafts, signer.head = SignedDrafts(), EMPTY
    return fees


def test_fees_of_voids_are_bounded_by_the_caps() -> None:
    """An hour's cap is all that voids can burn; a memory that does not count their fees lets all be burnt."""
    assert burnt(counted=True) == CAP_HOUR
    assert burnt(counted=False) == 400 * 200


def paid_by(rules: tuple[Rule, ...]) -> bool:
    """One intent, asked for with two coins that do not exclude each other."""
    signer = Signer(rules)
    for coin in COINS[:2]:
        signer.ask(pay((ERIN, 2_000), intent="i-1", coins=(coin,)), START_S)
    return paid_together([case for _, case in signer.signed])


def test_the_twin_without_never_twice_pays_twice() -> None:
    """With the rule the second draft is refused; with it off both could confirm."""
    assert not paid_by(ALL)
    assert paid_by(tuple(rule for rule in ALL if rule is not never_twice))


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(asks, max_size=14), st.integers(0, 14))
def test_unlearning_coins_is_the_inverse_of_learning(trace: list[Ask], back: int) -> None:
    """What failed to commit leaves memory as if it had never been staged."""
    signer, kept, made = Signer(), Signer(), []
    now_s = START_S
    for ask in trace:
        now_s += ask.later_s
        entry = signer.entry(ask.case(), now_s)
        signer.head = entry.head
        signer.drafts.learn(entry)
        made.append(entry)
    for entry in made[: max(0, len(made) - back)]:
        kept.drafts.learn(entry)
    for entry in reversed(made[max(0, len(made) - back) :]):
        signer.drafts.unlearn(entry)
    for coins in (COINS[:1], COINS[1:4], COINS):
        slots = pay((ERIN, 1), coins=coins).effects.slots
        ours, theirs = (one.drafts.history("i-1", slots, now_s, ()) for one in (signer, kept))
        assert ours == theirs


def test_an_outputs_number_costs_nothing() -> None:
    """Coins at output 4,294,967,295 are learned, told and unlearned without counting up to them."""
    signer = Signer()
    case = pay((ERIN, 2_000))
    far = replace(case.effects, slots=tuple(replace(one, position=2**32 - 1) for one in case.effects.slots))
    entry = signer.entry(replace(case, effects=far), START_S)
    signer.drafts.learn(entry)
    history = signer.drafts.history("i-b", far.slots, START_S, ())
    assert history.lowest_unsigned == {}
    assert [one.slots for one in history.same_slots] == [far.slots]
    assert isinstance(history.same_slots[0], Remembered)
    signer.drafts.unlearn(entry)
    assert signer.drafts.history("i-b", far.slots, START_S, ()).same_slots == ()
