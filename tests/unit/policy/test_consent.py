"""Whose approval counts: for this draft, this fee, this policy, now, and of somebody else than who asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import Any

import pytest

from keepcool.core.approvals import Decision
from keepcool.core.effects import Payment, Slot
from keepcool.core.money import Amount
from keepcool.policy import consent
from keepcool.policy.case import Case
from keepcool.policy.terms import Approver, NeededApprovals
from tests.unit.policy import bitcoin_samples as bitcoin
from tests.unit.policy.samples import (
    BOB,
    ETH,
    FEE_CEILING,
    NOW_S,
    PAYMENT,
    POLICY,
    with_effects,
    with_intent,
    with_record,
)
from tests.unit.policy.tier_samples import KEYS, approved_by, given, needing, policy, told, with_given

A = needing(("a", 1))
OTHERS = with_record(PAYMENT, owner="u-4")


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("fits", {}, ""),
        ("a second left", {"expires_at_s": NOW_S + 1}, ""),
        ("no second left", {"expires_at_s": NOW_S}, "it held until 1970-01-12 13:46:40 UTC"),
        ("the fee agreed to", {"fee_units_max": FEE_CEILING}, ""),
        ("a unit less", {"fee_units_max": FEE_CEILING - 1},
         "it agrees to a fee of 99.9 ETH, this draft may pay 100 ETH"),
        ("this policy alone", {"policies": (POLICY.hash,)}, ""),
        ("another policy", {"policies": ("cd" * 32,)}, "it was given under another policy"),
        ("no policy", {"policies": ()}, "it was given under another policy"),
        ("another draft", {"effects": "00" * 32}, "it is of a draft that does something else"),
        ("another key", {"key": KEYS["bob"]}, "it was signed with another key than the policy names"),
        ("nobody", {"approver": "mallory"}, "the policy names no such approver"),
        ("a name in another case", {"approver": "Alice"}, "the policy names no such approver"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)  # fmt: skip
def test_an_approval_counts_only_as_it_was_given(name: str, changes: dict[str, Any], why: str) -> None:
    """Each part of it is held against the case, and what does not fit is told with its reason."""
    case = with_given(given("alice", **changes))
    found = told(case, A)
    who = changes.get("approver", "alice")
    missing = f"NeedsReview: tier t needs 1 approval of a; (the approval of {who} does not count: {why})"
    assert found == (missing if why else "yes"), name
    assert bool(consent.counted(case, policy(A))) is not bool(why)


def test_a_rebuilt_draft_keeps_its_approval() -> None:
    """Another nonce does the same; another recipient, amount or call does not."""
    approved = approved_by("alice").proofs
    rebuilt = replace(with_effects(PAYMENT, slots=(Slot(PAYMENT.intent.network, "s", 9),)), proofs=approved)
    assert told(rebuilt, A) == "yes"
    for changes in (
        {"payments": (Payment(BOB, Amount(ETH, 10)),)},
        {"payments": (replace(PAYMENT.effects.payments[0], amount=Amount(ETH, 11)),)},
        {"calls": ()},
        {"data_bytes": 1},
        {"data_hash": "ab" * 32},
    ):
        assert "does something else" in told(replace(with_effects(PAYMENT, **changes), proofs=approved), A)


def test_a_fee_the_draft_states_is_held_against_the_approval() -> None:
    """Where a draft states its fee that is it, whatever more the intent would allow."""
    case = bitcoin.pay((bitcoin.ERIN, 1000))
    rules = replace(bitcoin.POLICY, approvers=policy().approvers, tiers=(A,))
    stated = case.effects.fee_max
    assert stated is not None
    assert stated.units < case.intent.fee_max.units
    for agreed, counts in ((stated.units, True), (stated.units - 1, False)):
        row = given("alice", case, fee_units_max=agreed, policies=(rules.hash,))
        assert bool(consent.counted(with_given(row, case=case), rules)) is counts


def test_nobody_approves_what_he_asked_for() -> None:
    """By his account or by his key, whatever name he has; others' approvals of the same are not touched."""
    own = with_given(given("dave", OTHERS), case=OTHERS)
    said = "the approval of dave does not count: nobody approves what he asked for"
    assert told(own, A) == f"NeedsReview: tier t needs 1 approval of a; ({said})"
    assert told(approved_by("dave"), A) == "yes"
    assert told(with_given(given("alice", OTHERS), case=OTHERS), A) == "yes"
    keyed = with_record(PAYMENT, user_key=KEYS["alice"])
    assert told(approved_by("alice", case=keyed), A).endswith(
        "nobody approves what he asked for: this is the key of the wallet's owner)"
    )
    assert told(approved_by("dave", case=keyed), A) == "yes"


def test_no_owner_is_nobodys() -> None:
    """An approver without an account may approve for a wallet without an owner."""
    assert told(approved_by("alice", case=with_record(PAYMENT, owner="")), A) == "yes"


def test_a_rejection_is_final() -> None:
    """Whatever it says, whenever it was given, beside any approvals: of one the policy knows, by his key."""
    no = replace(given("bob"), decision=Decision.REJECT, reason="unknown to me")
    for changes in ({}, {"expires_at_s": 1}, {"effects": ""}, {"policies": ()}, {"fee_units_max": 0}):
        case = with_given(given("alice"), given("dave"), replace(no, **changes))
        assert told(case, A) == "Denied: rejected by bob: unknown to me"
    later = with_given(no, given("bob"), given("alice"))
    assert told(later, A) == "Denied: rejected by bob: unknown to me"
    assert told(with_given(replace(no, reason="")), A) == "Denied: rejected by bob"
    for other in (replace(no, key=KEYS["carol"]), replace(no, approver="mallory")):
        assert told(with_given(given("alice"), other), A) == "yes"
    assert told(with_given(replace(no, key=KEYS["carol"])), A).endswith("does not count: it is no approval)")


def test_a_person_counts_once() -> None:
    """However often somebody approves, and with one word that does not count beside one that does."""
    two = needing(("a", 2))
    assert told(with_given(given("alice"), given("alice", at_s=1)), two) == (
        "NeedsReview: tier t needs 1 approval of a"
    )
    lapsed = given("alice", expires_at_s=1)
    for rows in ((lapsed, given("alice")), (given("alice"), lapsed)):
        assert told(with_given(*rows), A) == "yes"
        assert consent.discounted(with_given(*rows), policy(A)) == ()


def test_people_of_two_groups_stand_where_they_are_needed() -> None:
    """Bob is in both groups: one place, whichever is open, and never both."""
    both = needing(("a", 1), ("b", 1))
    for names in (("bob", "alice"), ("alice", "bob"), ("bob", "carol"), ("carol", "bob")):
        assert told(approved_by(*names), both) == "yes"
    assert told(approved_by("bob"), both) == "NeedsReview: tier t needs 1 approval of b"
    assert told(approved_by("alice", "dave"), both) == "NeedsReview: tier t needs 1 approval of b"
    assert told(approved_by("alice", "bob"), needing(("a", 2), ("b", 1))) == (
        "NeedsReview: tier t needs 1 approval of b"
    )
    assert told(approved_by("alice", "bob", "carol"), needing(("a", 2), ("b", 1))) == "yes"
    assert told(approved_by("alice", "bob", "dave", "carol"), needing(("b", 2), ("a", 2))) == "yes"


def test_the_matching_is_the_best_there_is() -> None:
    """Against trying every way to seat five people of three groups, as many places are filled."""
    kinds = [frozenset(kind) for kind in ("x", "y", "xy", "yz", "xz")]
    for chosen in product(kinds, repeat=3):
        people = [Approver(f"p{n}", "", groups=groups) for n, groups in enumerate(chosen)]
        for needed in (("x", "y"), ("x", "x", "y"), ("x", "y", "z"), ("z", "z")):
            rows = [NeededApprovals(group, needed.count(group)) for group in dict.fromkeys(needed)]
            best = max(
                sum(group in person.groups for group, person in zip(needed, seated, strict=False))
                for seated in permutations(people)
            )
            lacking = consent.missing(rows, people)
            assert sum(one.count for one in lacking) == len(needed) - best
            assert all(one.count > 0 and one.group in needed for one in lacking)


def test_nobody_is_needed_where_nobody_is_asked() -> None:
    """Approvals beside a tier that asks none change nothing, and are not told of."""
    lapsed: Case = with_given(given("alice", expires_at_s=1))
    assert told(lapsed, needing()) == "yes"
    assert told(PAYMENT, needing(("a", 1), ("b", 2))) == (
        "NeedsReview: tier t needs 1 approval of a; 2 approvals of b"
    )
    assert consent.counted(PAYMENT, policy(A)) == ()


def test_only_some_reasons_are_told() -> None:
    """Five people's, in the order of their names, so that nobody fills an answer."""
    rows = [given("alice", approver=f"x{n}") for n in range(7)]
    found = told(with_given(*reversed(rows)), A)
    assert [f"of x{n} does" in found for n in range(7)] == [True] * 5 + [False] * 2


def test_the_intents_fee_is_held_where_the_draft_states_none() -> None:
    """A Safe's draft says nothing of fees: the intent's bound is what was agreed to."""
    dearer = with_intent(PAYMENT, fee_max=Amount(ETH, FEE_CEILING + 1))
    assert "this draft may pay 100.1 ETH" in told(approved_by("alice", case=dearer), A)
