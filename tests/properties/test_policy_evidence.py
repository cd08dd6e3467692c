"""No order of intents, signatures, approvals, freezes and policies has the rules sign what a model forbids.

Twins: with one rule off, or blind to one fact, the same walk finds the theft.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from keepcool.core.approvals import Decision, effects_hash
from keepcool.core.ids import AssetId
from keepcool.policy.case import Case, Given
from keepcool.policy.rules import ALL, Rule
from keepcool.policy.terms import Policy
from tests.fixtures.effort import examples
from tests.properties.evidence_model import BOOKS, DAY_S, FEE, HARBOR, HOUR_S, KEYS, Book
from tests.properties.evidence_stage import Shown, Stage, Theft, whole
from tests.unit.policy.samples import ALICE, BOB, ETH, USD

pytestmark = pytest.mark.slow

TO = [ALICE, ALICE, BOB, BOB, HARBOR]
UNITS = [1, 20, 40, 41, 50, 50, 51, 60, 99, 100, 100]
OF_WALLETS, OF_ASSETS = ["w-0"] * 5 + ["w-1", "w-2", "w-3"], [ETH] * 7 + [USD]
LIFETIMES_S = [700, 2 * DAY_S, 2 * DAY_S]
WHO = sorted(KEYS)
SIGNED = ["yes"] * 10 + ["no", "another key", "another draft", "a lower fee", "another policy"]
LIVES_S = [1, 600, DAY_S, DAY_S]
PASSES_S = [1, 299, 300, 300, 599, 600, 600, 601, HOUR_S, DAY_S]
CHANGES: list[Book | str] = [*BOOKS, *BOOKS, "", "", "", "", "all", "harbor", "w-0", "w-0", "w-1"]
BACK = [0, 0, 0, 0, 1, 1, 2]
OTHERS_KEY = ["", "", "", "w-1"]
OFFERS = ["right"] * 5 + ["none", "wrong"]
BENDS = [""] * 6 + ["to", "units", "again"]
ACTS = ["draft"] * 3 + ["consent"] * 3 + ["decide"] * 5 + ["wait"] * 3 + ["ask"] * 5 + ["change"]
STEPS, SCENES = 60, 400


class Evidences(RuleBasedStateMachine):
    """The stage, with what happens chosen by hypothesis."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()

    @rule(
        wallet=st.sampled_from(OF_WALLETS),
        rows=st.lists(st.tuples(st.sampled_from(TO), st.sampled_from(UNITS)), max_size=2),
        asset=st.sampled_from(OF_ASSETS),
        lifetime_s=st.sampled_from(LIFETIMES_S),
    )
    def draft(self, wallet: str, rows: list[tuple[str, int]], asset: AssetId, lifetime_s: int) -> None:
        self.stage.draft(wallet, rows, asset, lifetime_s)

    @precondition(lambda self: self.stage.intents)
    @rule(back=st.sampled_from(BACK), wallet=st.sampled_from(OTHERS_KEY))
    def consent(self, back: int, wallet: str) -> None:
        self.stage.consent(back, wallet)

    @precondition(lambda self: self.stage.intents)
    @rule(
        back=st.sampled_from(BACK),
        who=st.lists(st.sampled_from(WHO), min_size=1, max_size=3, unique=True),
        signed=st.sampled_from(SIGNED),
        life_s=st.sampled_from(LIVES_S),
    )
    def decide(self, back: int, who: list[str], signed: str, life_s: int) -> None:
        self.stage.decide(back, who, signed, life_s)

    @rule(later_s=st.sampled_from(PASSES_S))
    def wait(self, later_s: int) -> None:
        self.stage.wait(later_s)

    @rule(what=st.sampled_from(CHANGES))
    def change(self, what: Book | str) -> None:
        self.stage.change(what)

    @precondition(lambda self: self.stage.intents)
    @rule(back=st.sampled_from(BACK), offer=st.sampled_from(OFFERS), bend=st.sampled_from(BENDS))
    def ask(self, back: int, offer: str, bend: str) -> None:
        self.stage.ask(back, offer, bend)


def test_no_reachable_state_signs_what_the_model_forbids() -> None:
    """Windows, tiers, approvals, expiry, four eyes, groups, freezes, new keys and changed policies."""
    health = list(HealthCheck)
    quick = settings(
        max_examples=examples(60), stateful_step_count=30, deadline=None, suppress_health_check=health
    )
    run_state_machine_as_test(Evidences, settings=settings(quick, phases=(Phase.explicit, Phase.generate)))


def step(stage: Stage, chance: Random) -> None:
    """Something happens, the likelier the oftener it stands in its list."""
    one, back = chance.choice, chance.choice(BACK)
    act = one(ACTS) if stage.intents else "draft"
    if act == "draft":
        rows = [(one(TO), one(UNITS)) for _ in range(one([0, 1, 1, 1, 2]))]
        stage.draft(one(OF_WALLETS), rows, one(OF_ASSETS), one(LIFETIMES_S))
    elif act == "consent":
        stage.consent(back, one(OTHERS_KEY))
    elif act == "decide":
        stage.decide(back, chance.sample(WHO, one([1, 2, 3])), one(SIGNED), one(LIVES_S))
    elif act == "wait":
        stage.wait(one(PASSES_S))
    elif act == "change":
        stage.change(one(CHANGES))
    else:
        stage.ask(back, one(OFFERS), one(BENDS))


def walk(rules: Sequence[Rule] = ALL, shown: Shown = whole) -> Counter[str]:
    """The same scenes every time, each from the beginning: in which tiers something was signed, how often."""
    found: Counter[str] = Counter()
    for scene in range(SCENES):
        stage, chance = Stage(rules, shown), Random(scene)  # noqa: S311 - not a secret
        for _ in range(STEPS):
            step(stage, chance)
        found.update(stage.found)
    return found


def test_a_long_walk_reaches_every_tier_and_nothing_forbidden() -> None:
    """Payments of every kind of tier are signed, those with people, delays and cooling among them."""
    found = walk()
    assert {name for name, times in found.items() if times >= 3} >= {"small", "new", "auto", "mid", "big"}, (
        found
    )


@pytest.mark.parametrize(
    "off", ["tiers", "evidence_known", "not_frozen", "cap_transaction", "effects_equal_intent", "never_twice"]
)
def test_with_a_rule_off_the_walk_finds_the_theft(off: str) -> None:
    """Twin: the same scenes, one rule fewer, and something is signed that the model forbids."""
    with pytest.raises(Theft):
        walk(tuple(one for one in ALL if off != one.NAME))


def in_history(**changes: Any) -> Shown:
    return lambda case, policy: (replace(case, history=replace(case.history, **changes)), policy)


def in_given(change: Callable[[Given, Case, Policy], Given]) -> Shown:
    def bent(case: Case, policy: Policy) -> tuple[Case, Policy]:
        rows = tuple(change(one, case, policy) for one in case.proofs.approvals)
        return replace(case, proofs=replace(case.proofs, approvals=rows)), policy

    return bent


def in_force(given: Given, policy: Policy) -> Given:
    person = policy.approvers.get(given.approver)
    return given if person is None else replace(given, key=person.key)


def as_another(case: Case, policy: Policy) -> tuple[Case, Policy]:
    return replace(case, record=replace(case.record, owner="nobody")), policy


def as_if_signed(case: Case, policy: Policy) -> tuple[Case, Policy]:
    return replace(case, proofs=replace(case.proofs, user_key=case.record.user_key)), policy


def with_doubles(case: Case, policy: Policy) -> tuple[Case, Policy]:
    """Everybody stands for a second group as well."""
    doubles = tuple(replace(one, approver=f"{one.approver}-2") for one in case.proofs.approvals)
    people = {f"{name}-2": replace(one, name=f"{name}-2") for name, one in policy.approvers.items()}
    proofs = replace(case.proofs, approvals=(*case.proofs.approvals, *doubles))
    return replace(case, proofs=proofs), replace(policy, approvers={**policy.approvers, **people})


BLIND: dict[str, Shown] = {
    "all wallets' day": in_history(spent_day={}),
    "the owner's day": in_history(user_spent_day={}),
    "the age of destinations": in_history(destinations={ALICE: 0, BOB: 0}),
    "the delay": in_history(waiting_since_s=0),
    "who asked": as_another,
    "the owner's signature": as_if_signed,
    "one person, one place": with_doubles,
    "the draft": in_given(lambda one, case, _: replace(one, effects=effects_hash(case.effects).hex())),
    "the fee": in_given(lambda one, _, __: replace(one, fee_units_max=FEE)),
    "the policy": in_given(lambda one, _, policy: replace(one, policies=(policy.hash,))),
    "the expiry": in_given(lambda one, case, _: replace(one, expires_at_s=case.now_s + 1)),
    "the key": in_given(lambda one, _, policy: in_force(one, policy)),
    "rejections": in_given(lambda one, _, __: replace(one, decision=Decision.APPROVE)),
}


@pytest.mark.parametrize("unseen", sorted(BLIND))
def test_with_tiers_blind_to_one_thing_the_walk_finds_the_theft(unseen: str) -> None:
    """Twin: the rule is not shown one fact, and something is signed that the model forbids."""
    with pytest.raises(Theft):
        walk(shown=BLIND[unseen])
