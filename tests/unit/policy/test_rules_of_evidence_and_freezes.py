"""What is offered must hold, and a freeze leaves no way but the one it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keepcool.core.intent import Evidence
from keepcool.core.verdict import Approved, Denied
from keepcool.policy.case import Case, Proofs
from keepcool.policy.rules import evidence_known, not_frozen
from keepcool.policy.terms import Policy
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    ETH,
    NETWORK,
    PAYMENT,
    POLICY,
    network,
    objections,
    pay,
    void,
    with_history,
)
from tests.unit.policy.tier_samples import USER_KEY, given, owned

USER, APPROVAL = Evidence("user", USER_KEY, b"p"), Evidence("approval", "alice", b"p")
BOTH = replace(POLICY, evidence_kinds=frozenset({"user", "approval"}))


def offered(*items: Evidence, case: Case = PAYMENT, **proofs: Any) -> Case:
    return replace(case, evidence=items, proofs=replace(Proofs(), **proofs))


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("none", PAYMENT, BOTH, None),
        ("the owner's", offered(USER, case=owned(), user_key=USER_KEY), BOTH, None),
        ("an approval", offered(APPROVAL, approvals=(given("alice"),)), BOTH, None),
        ("approvals from before", offered(approvals=(given("alice"),)), BOTH, None),
        ("a kind not listed", offered(USER, case=owned(), user_key=USER_KEY), POLICY,
         "of unknown kind: 'user'"),
        ("the owner's, unproven", offered(USER, case=owned()), BOTH, "evidence that was not proven: user"),
        ("an approval, unproven", offered(APPROVAL), BOTH, "evidence that was not proven: approval"),
        ("both, unproven", offered(USER, APPROVAL), BOTH, "evidence that was not proven: approval, user"),
        ("one of both", offered(USER, APPROVAL, approvals=(given("alice"),)), BOTH, "not proven: user"),
        ("one did not verify", offered(USER, case=owned(), user_key=USER_KEY, invalid=("alice's is forged",)),
         BOTH, "evidence that does not hold: alice's is forged"),
        ("it did not verify, unlisted", offered(invalid=("forged",)), POLICY, "does not hold: forged"),
        ("of another key", offered(USER, case=owned(), user_key="ed25519:" + "00" * 32), BOTH,
         "not by the user key of this wallet's record"),
        ("of no key", offered(USER, user_key=USER_KEY), BOTH, "not by the user key of this wallet's record"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)  # fmt: skip
def test_what_is_offered_must_hold(name: str, case: Case, policy: Policy, reason: str | None) -> None:
    """One piece that is unknown, unproven, forged or another's denies, whatever else there is."""
    verdict = evidence_known.judge(case, policy)
    if reason is None:
        assert isinstance(verdict, Approved), (name, verdict)
    else:
        assert isinstance(verdict, Denied), (name, verdict)
        assert reason in verdict.reason, (name, verdict)


def test_it_is_told_in_whole_sentences() -> None:
    """Under the rule's own name, not a word more or less."""
    for case, told in (
        (offered(user_key=USER_KEY), "the owner's signature is not by the user key of this wallet's record"),
        (offered(APPROVAL, USER), "evidence that was not proven: approval, user"),
    ):
        assert evidence_known.judge(case, BOTH) == Denied("evidence_known", told)


def test_only_some_of_it_is_told() -> None:
    """Five kinds or sentences, and of a kind its first forty characters: nobody fills an answer."""
    kinds = [Evidence(f"{n}" + "k" * 50, "", b"") for n in range(7)]
    found = evidence_known.judge(offered(*kinds), BOTH)
    assert isinstance(found, Denied)
    assert found.reason == "evidence of unknown kind: " + ", ".join(f"'{n}{'k' * 39}'" for n in range(5))
    many = evidence_known.judge(offered(invalid=tuple(f"s{n}" for n in range(7))), BOTH)
    assert many == Denied("evidence_known", "evidence that does not hold: s0; s1; s2; s3; s4")


HARBORED = network(harbor=BOB)
FROZEN = ("everything is frozen by drill",)


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("free", PAYMENT, HARBORED, None),
        ("frozen", with_history(PAYMENT, frozen=FROZEN), HARBORED, "frozen: everything is frozen by drill"),
        ("frozen, to the harbor", with_history(pay((BOB, ETH, 9)), frozen=FROZEN), HARBORED,
         "frozen: everything"),
        ("open, to the harbor", with_history(pay((BOB, ETH, 9)), harbor_only=True), HARBORED, None),
        ("open and frozen, to the harbor", with_history(pay((BOB, ETH, 9)), harbor_only=True, frozen=FROZEN),
         HARBORED, None),
        ("open, elsewhere", with_history(PAYMENT, harbor_only=True), HARBORED,
         f"nothing but payments to the harbor is signed now (here that is {BOB})"),
        ("open and frozen, elsewhere", with_history(PAYMENT, harbor_only=True, frozen=FROZEN), HARBORED,
         f"(here that is {BOB}): everything is frozen by drill"),
        ("open, to both", with_history(pay((BOB, ETH, 9), (ALICE, ETH, 1)), harbor_only=True), HARBORED,
         "nothing but payments"),
        ("open, a void", with_history(void(), harbor_only=True), HARBORED, "nothing but payments"),
        ("open, no harbor", with_history(pay((BOB, ETH, 9)), harbor_only=True), POLICY,
         "(the policy names none here)"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)  # fmt: skip
def test_a_freeze_leaves_one_way_at_most(name: str, case: Case, policy: Policy, reason: str | None) -> None:
    """Payments to the harbor alone pass where a freeze says so; nothing else does, and all is told."""
    verdict = not_frozen.judge(case, policy)
    if reason is None:
        assert isinstance(verdict, Approved), (name, verdict)
    else:
        assert isinstance(verdict, Denied), (name, verdict)
        assert reason in verdict.reason, (name, verdict)


def test_all_freezes_are_told() -> None:
    """Each sentence, and nothing where there is none."""
    told = f"nothing but payments to the harbor is signed now (here that is {BOB})"
    only = with_history(PAYMENT, harbor_only=True)
    assert not_frozen.judge(only, HARBORED) == Denied("not_frozen", told)
    two = with_history(only, frozen=("a", "b"))
    assert not_frozen.judge(two, HARBORED) == Denied("not_frozen", f"{told}: a; b")


def test_the_open_way_is_the_harbor_of_that_network() -> None:
    """Another network's harbor is somewhere else, and the whole list of rules says the same."""
    assert HARBORED.harbor_of(NETWORK) == BOB
    case = with_history(pay((BOB, ETH, 9)), harbor_only=True, frozen=FROZEN)
    assert objections(case, HARBORED, (not_frozen,)) == {}
    assert set(objections(case, network(harbor=ALICE), (not_frozen,))) == {"not_frozen"}
