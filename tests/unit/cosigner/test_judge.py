"""The judge: unanimous or nothing, whatever a rule does."""

from __future__ import annotations

from typing import cast

import pytest

from keepcool.core.effects import Effects, Slot
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.verdict import Approved, Denied, Failed, NeedsReview, Verdict
from keepcool.cosigner.judge import Granted, Rule, Rulebook, Withheld, affirm, judge
from keepcool.policy.case import Case, History, Remembered
from tests.unit.cosigner.house import ETH, NETWORK, NOW_S, wallet_record

SLOT = Slot(NETWORK, "safe:x", 0)
DIGEST = bytes(range(32))


def a_case(*frozen: str, digests: tuple[bytes, ...] = (DIGEST,), left_s: int = 1) -> Case:
    amount = Amount(ETH, 1)
    intent = Intent(
        IntentId("i1"), Purpose.PAY, NETWORK, WalletId("w1"), (Output("bob", amount),), amount, NOW_S + left_s
    )
    record = wallet_record("w1", 5)
    effects = Effects("evm", NETWORK, record.address, (), (), (), (), (SLOT,), None, digests)
    history = History((), (), {}, {}, {}, frozen)
    return Case(intent, effects, record, frozenset(), record.address, (), history, NOW_S)


def yes(_: Case) -> Verdict:
    return Approved("yes")


def no(_: Case) -> Verdict:
    return Denied("no", "because")


def perhaps(_: Case) -> Verdict:
    return NeedsReview("perhaps", "ask a person")


def broken(_: Case) -> Verdict:
    raise KeyError("secret-looking-text")


def mute(_: Case) -> Verdict:
    return cast("Verdict", None)


def truthy(_: Case) -> Verdict:
    return cast("Verdict", True)


def impostor(_: Case) -> Verdict:
    return Approved("another-rule")


def book(*rules: Rule) -> Rulebook:
    return Rulebook("00" * 32, tuple((str(getattr(rule, "__name__", "")), rule) for rule in rules))


def test_unanimous_approval_covers_the_effects_own_digests() -> None:
    """All rules approving gives an Approval of exactly the digests that were decoded."""
    ruling = judge(a_case(), book(yes, yes))
    assert isinstance(ruling, Granted)
    assert ruling.approval.digests == (DIGEST,)
    assert ruling.approval.policy == "00" * 32


@pytest.mark.parametrize("rule", [no, perhaps, broken, mute, truthy, impostor])
def test_one_objection_withholds_and_every_rule_is_still_asked(rule: Rule) -> None:
    """Denial, doubt, an exception, None, True, or a verdict in another's name: each closes the case."""
    ruling = judge(a_case(), book(yes, rule, yes))
    assert isinstance(ruling, Withheld)
    assert len(ruling.verdicts) == 3
    assert ruling.review == (rule is perhaps)


def test_a_broken_rule_does_not_tell_what_it_saw() -> None:
    """Only the kind of the exception is told: its text may hold anything."""
    ruling = judge(a_case(), book(broken))
    assert isinstance(ruling, Withheld)
    assert ruling.verdicts == (Failed("broken", "the rule broke (KeyError)"),)


def test_review_helps_only_when_nothing_else_objects() -> None:
    """One denial beside a need for review makes review pointless."""
    ruling = judge(a_case(), book(perhaps, no))
    assert isinstance(ruling, Withheld)
    assert not ruling.review


def test_no_rules_and_no_digests_are_not_approval() -> None:
    """An empty rulebook approves nothing, and there is nothing to approve where nothing would be signed."""
    assert isinstance(judge(a_case(), book()), Withheld)
    assert isinstance(judge(a_case(digests=()), book(yes)), Withheld)


def test_affirms_only_the_remembered_request_and_never_a_frozen_one() -> None:
    """A repeat is granted without asking the caps again, but not for other bytes and not under a freeze."""
    intent_hash = a_case().intent.hash()
    remembered = Remembered("i1", intent_hash, (DIGEST,), (SLOT,), {ETH: 1}, NOW_S)
    other = Remembered("i1", intent_hash, (bytes(32),), (SLOT,), {ETH: 1}, NOW_S)
    assert isinstance(affirm(a_case(), remembered, book(no)), Granted)
    assert isinstance(affirm(a_case(), other, book(yes)), Withheld)
    assert isinstance(affirm(a_case("everything is frozen"), remembered, book(yes)), Withheld)


@pytest.mark.parametrize(("left_s", "granted"), [(1, True), (0, False), (-1, False)])
def test_what_is_remembered_is_affirmed_until_its_intent_ends(left_s: int, granted: bool) -> None:
    """A signature that may never have left is not given any more from the second in which the intent ends."""
    case = a_case(left_s=left_s)
    remembered = Remembered("i1", case.intent.hash(), (DIGEST,), (SLOT,), {ETH: 1}, NOW_S)
    assert isinstance(affirm(case, remembered, book(yes)), Granted if granted else Withheld)
