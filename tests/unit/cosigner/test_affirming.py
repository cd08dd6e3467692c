"""The same request again: granted as remembered, or withheld for one reason that no evidence can mend."""

from __future__ import annotations

from dataclasses import replace

from keepcool.core.approval import STAMP, Approval
from keepcool.core.approvals import Decision
from keepcool.core.effects import Payment
from keepcool.core.verdict import Denied, Failed
from keepcool.cosigner.judge import Granted, Withheld, affirm, judge
from keepcool.policy.case import Case, Given, Proofs, Remembered
from tests.unit.cosigner.house import ETH, NOW_S
from tests.unit.cosigner.people_house import ALICE, POLICY
from tests.unit.cosigner.test_judge import DIGEST, SLOT, a_case, book, no, perhaps, yes


def remembered(case: Case, digests: tuple[bytes, ...] = (DIGEST,)) -> Remembered:
    return Remembered("i1", case.intent.hash(), digests, (SLOT,), {ETH: 1}, NOW_S)


def rejected_by_alice() -> Case:
    given = Given("alice", ALICE.text, Decision.REJECT, "", 0, (), NOW_S + 60, NOW_S, "a thief")
    return replace(a_case(), proofs=Proofs(approvals=(given,)))


def test_other_bytes_of_the_same_name_are_a_failure() -> None:
    """Another digest, or another intent: this is not what is remembered, and asking anybody cannot help."""
    case = a_case()
    withheld = Withheld((Failed("remembered", "this is not the request that is remembered"),), review=False)
    assert affirm(case, remembered(case, (bytes(32),)), book(yes)) == withheld
    assert affirm(case, replace(remembered(case), intent_hash="00" * 32), book(yes)) == withheld


def test_every_freeze_that_withholds_is_told() -> None:
    """All freezes are named, each a denial of its own."""
    case = a_case("wallet w1 is frozen", "everything is frozen")
    denied = (Denied("frozen", "wallet w1 is frozen"), Denied("frozen", "everything is frozen"))
    assert affirm(case, remembered(case), book(yes)) == Withheld(denied, review=False)


def test_an_ended_intent_is_withheld_by_its_end() -> None:
    """The end is the reason that is told, and a new intent is what helps."""
    case = a_case(left_s=0)
    denied = (Denied("expired", "the intent has expired: make a new one"),)
    assert affirm(case, remembered(case), book(yes)) == Withheld(denied, review=False)


def test_a_rejection_withholds_where_the_policy_knows_people() -> None:
    """Who may decide has said no: that holds back a signature that was remembered; where no terms name people
    (the twin) nobody can reject."""
    case = rejected_by_alice()
    denied = (Denied("rejected", "rejected by alice: a thief"),)
    asked = replace(book(yes), terms=POLICY)
    assert affirm(case, remembered(case), asked) == Withheld(denied, review=False)
    assert isinstance(affirm(case, remembered(case), book(yes)), Granted)
    assert isinstance(affirm(a_case(), remembered(a_case()), asked), Granted)


def test_what_asks_nobody_nobody_rejects() -> None:
    """A payment to the harbor is remembered and signed again whoever objects; to anybody else (the twin) the
    objection holds."""
    case, network = rejected_by_alice(), rejected_by_alice().effects.network
    payment = Payment(case.intent.outputs[0].recipient, case.intent.outputs[0].amount)
    case = replace(case, effects=replace(case.effects, payments=(payment,)))
    for place in (payment.recipient, "elsewhere"):
        rules = replace(next(iter(POLICY.networks.values())), network=network, harbor=place)
        asked = replace(book(yes), terms=replace(POLICY, networks={network: rules}))
        ruling = affirm(case, remembered(case), asked)
        assert isinstance(ruling, Granted) is (place == payment.recipient)


def test_an_approval_names_exactly_what_was_judged() -> None:
    """Intent, wallet, digests and leaves of the case and the policy of the book, judged or affirmed."""
    case, rules = a_case(), book(yes)
    approval = Approval(
        case.intent.intent, case.record.wallet, (DIGEST,), rules.policy, STAMP, case.effects.leaves
    )
    assert judge(case, rules) == affirm(case, remembered(case), rules) == Granted(approval)


def test_review_is_told_only_where_it_is_all_that_lacks() -> None:
    """A need for review alone can be met; beside a denial, or where nobody objects to an empty draft, not."""
    assert judge(a_case(), book(yes, perhaps)) == Withheld((yes(a_case()), perhaps(a_case())), review=True)
    assert judge(a_case(), book(perhaps, no)) == Withheld((perhaps(a_case()), no(a_case())), review=False)
    empty = a_case(digests=())
    assert judge(empty, book(yes)) == Withheld((yes(empty),), review=False)
    nobody = Withheld((Failed("rulebook", "there are no rules to ask"),), review=False)
    assert judge(a_case(), book()) == nobody
