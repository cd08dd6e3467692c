"""Decisions that are brought to a signer, and the alarm that too many refusals raise."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.approvals import Decision
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.journal import EMPTY, Head
from keepcool.core.parties import Service
from keepcool.cosigner.decisions import PER_APPROVER_MAX, Decisions
from keepcool.cosigner.entries import APPROVAL, WAITING, ApprovalRow, Entry, WaitingRow, encode
from keepcool.cosigner.freezes import freeze
from keepcool.cosigner.owners import Owners
from keepcool.cosigner.waiting import OPEN, REJECTED, Waiting
from keepcool.policy.terms import Alarm, Approver
from keepcool.wire import proofs
from keepcool.wire.messages import SignItem
from keepcool.wire.proofs import SignedApproval
from keepcool.wire.reviews import Accepted, SubmitApprovals
from tests.fixtures.softkey import SoftPasskey, Touch
from tests.unit.cosigner.house import NOW_S
from tests.unit.cosigner.people_house import (
    ALICE,
    BOB,
    CAROL,
    DENIALS_MAX,
    MALLORY,
    POLICY,
    WINDOW_S,
    House,
    by_owner,
    codes,
    decision,
    hash_of,
    pay,
    ready,
    signed_by,
)


async def waits(folder: Path, one: SignItem) -> House:
    house = await ready(folder)
    assert codes(await house.sign(one)) == ["review"]
    return house


def test_a_decision_is_one_row_for_ever(tmp_path: Path) -> None:
    """Brought by the desk, again, by App, and after a restart: one row, the same answer; its twin of another
    reason is covered by it, and of a higher fee or later end is another."""
    one = by_owner(pay(300))

    async def story() -> None:
        house = await waits(tmp_path, one)
        mine = signed_by(ALICE, decision(one))
        [first] = await house.submit(*mine)
        assert isinstance(first, Accepted)
        assert await house.submit(*mine, by=Service.APP) == [first]
        assert await house.submit(*signed_by(ALICE, decision(one, reason="still ok"))) == [first]
        assert await house.submit(*signed_by(ALICE, decision(one, fee_units_max=9))) == [first]
        assert await house.submit(*signed_by(ALICE, decision(one, expires_in_s=3599))) == [first]
        assert house.rows("approval") == 1
        house = house.reopened()
        assert await house.submit(*mine) == [first]
        house.pass_s(7000)
        assert await house.submit(*mine) == [first]
        more = [decision(one, fee_units_max=11), decision(one, expires_in_s=9000)]
        assert codes(await house.submit(*signed_by(ALICE, *more))) == ["approval.expired", "accepted"]

    asyncio.run(story())


def test_a_higher_fee_or_another_end_is_another_decision(tmp_path: Path) -> None:
    """What an earlier approval does not cover has a row of its own, up to a bound; a rejection is always
    heard."""
    one = by_owner(pay(300))

    async def story() -> None:
        house = await waits(tmp_path, one)
        for number in range(PER_APPROVER_MAX):
            [answer] = await house.submit(*signed_by(ALICE, decision(one, fee_units_max=number)))
            assert codes([answer]) == ["accepted"]
        [full] = await house.submit(*signed_by(ALICE, decision(one, fee_units_max=PER_APPROVER_MAX)))
        assert codes([full]) == ["approval.many"]
        assert codes(await house.submit(*signed_by(CAROL, decision(one, "carol")))) == ["accepted"]
        no = decision(one, verdict=Decision.REJECT)
        assert codes(await house.submit(*signed_by(ALICE, no))) == ["accepted"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("bent", "code"),
    [
        ("forged", "proof.signature"),
        ("unknown", "approval.approver"),
        ("elsewhere", "proof.rp_id"),
        ("garbage", "proof.form"),
        ("policy", "approval.policy"),
        ("expired", "approval.expired"),
        ("intent", "approval.intent"),
    ],
)
def test_what_does_not_count_is_refused_and_nothing_changed(tmp_path: Path, bent: str, code: str) -> None:
    """Each thing that may be wrong with a decision refuses it, alone among good ones, and leaves no row."""
    one = by_owner(pay(300))
    away = Touch("evil.example", "https://desk.example")
    other = replace(POLICY, hash="b7" * 32)
    made: dict[str, SignedApproval | bytes] = {
        "forged": signed_by(MALLORY, decision(one))[0],
        "unknown": signed_by(MALLORY, decision(one, "mallory"))[0],
        "elsewhere": signed_by(SoftPasskey("alice", away), decision(one))[0],
        "garbage": b"{}",
        "policy": signed_by(ALICE, decision(one, policy=other))[0],
        "expired": signed_by(ALICE, decision(one, expires_in_s=0))[0],
        "intent": signed_by(ALICE, decision(pay(301)))[0],
    }

    async def story() -> None:
        house = await waits(tmp_path, one)
        good = signed_by(BOB, decision(one, "bob"))[0]
        assert codes(await house.submit(made[bent], good)) == [code, "accepted"]
        assert house.rows("approval") == 1
        assert codes(await house.sign(one)) == ["review"]
        [last] = signed_by(ALICE, decision(one, expires_in_s=1))
        assert codes(await house.submit(last)) == ["accepted"]

    asyncio.run(story())


def test_a_desk_that_no_policy_names_takes_no_passkey(tmp_path: Path) -> None:
    """Without a site passkeys are nobody's; without people nothing is taken at all; and with the control on
    (the twin) the same decision counts."""
    one = by_owner(pay(300))

    async def story() -> None:
        house = await waits(tmp_path, one)
        mine = signed_by(ALICE, decision(one))
        house.policy = replace(POLICY, desk=None)
        assert codes(await house.submit(*mine)) == ["proof.site"]
        house.policy = replace(POLICY, approvers={"alice": Approver("alice", BOB.text)})
        assert codes(await house.submit(*mine)) == ["proof.signature"]
        house.policy = POLICY
        assert codes(await house.submit(*mine)) == ["accepted"]
        nobody = replace(house.approving, rulebook=lambda: replace(house.book(), terms=None))
        with pytest.raises(Refused, match=r"approval\.approver"):
            await nobody.submit(SubmitApprovals(items=[proofs.encode(mine[0])]), house.asked())

    asyncio.run(story())


def test_the_first_rejection_ends_it(tmp_path: Path) -> None:
    """After a rejection nobody's approval is taken, the same person's neither; another rejection is noted
    once."""
    one = pay(800)

    async def story() -> None:
        house = await waits(tmp_path, one)
        await house.submit(*signed_by(ALICE, decision(one)))
        no = [decision(one, verdict=Decision.REJECT), decision(one, verdict=Decision.REJECT, reason="no!")]
        first, again = await house.submit(*signed_by(ALICE, *no))
        assert first == again
        assert codes(await house.submit(*signed_by(ALICE, decision(one, fee_units_max=99)))) == [
            "approval.rejected"
        ]
        assert codes(await house.submit(*signed_by(BOB, decision(one, "bob")))) == ["approval.rejected"]
        assert codes(await house.submit(*signed_by(BOB, decision(one, "bob", Decision.REJECT)))) == [
            "accepted"
        ]
        house = house.reopened()
        assert codes(await house.sign(one)) == ["denied"]
        assert house.rows("approval") == 3

    asyncio.run(story())


def test_many_are_signed_by_one_touch_and_a_batch_has_a_bound(tmp_path: Path) -> None:
    """A touch over five decisions is verified once, and each has its row; none and too many are refused."""

    async def story() -> None:
        house = await ready(tmp_path)
        many = [by_owner(pay(300, intent=f"i-{number}")) for number in range(5)]
        await house.sign(*many)
        signed = signed_by(ALICE, *[decision(one) for one in many])
        assert codes(await house.submit(*signed)) == ["accepted"] * 5
        assert len(house.signer.people.verifier._lately) == 1 + len(many)  # the owner's five
        for wrong in ([], [b"{}"] * 101):
            with pytest.raises(Malformed, match=r"approval\.batch"):
                await house.submit(*wrong)

    asyncio.run(story())


def test_a_policy_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    """Decisions are judged by the policy under which they were verified, or not at all."""
    one = by_owner(pay(300))

    async def story() -> None:
        house = await waits(tmp_path, one)
        bringing = asyncio.ensure_future(house.submit(*signed_by(ALICE, decision(one))))
        await asyncio.sleep(0)
        house.policy = replace(POLICY, version=2, hash="a2" * 32)
        with pytest.raises(Conflict, match=r"policy\.changed"):
            await bringing
        assert house.rows("approval") == 0

    asyncio.run(story())


# --- the alarm -----------------------------------------------------------------------------------


def hostile(number: int) -> SignItem:
    """Beyond every tier."""
    return pay(901, intent=f"h-{number}")


def frozen(house: House) -> list[str]:
    return house.signer.freezes.all()


def test_too_many_different_denials_freeze_the_signer(tmp_path: Path) -> None:
    """As many as allowed do not; one more does, in the very batch in which it came, and what stands behind it
    is denied; the freeze survives a restart. Its twin without an alarm goes on signing."""

    async def story() -> None:
        house = await ready(tmp_path, "w1", "w2")
        good = by_owner(pay(50, wallet="w2"))
        some = [hostile(number) for number in range(DENIALS_MAX)]
        assert codes(await house.sign(*some, *some, good)) == ["denied"] * (2 * DENIALS_MAX) + ["signed"]
        assert frozen(house) == []
        last, after = await house.sign(hostile(99), by_owner(pay(50, 1, "w2")))
        assert codes([last, after]) == ["denied", "denied"]
        assert frozen(house) == [
            "everything is frozen by rule: 6 different requests of app were refused within 60 s (at most 5)"
        ]
        assert house.rows("freeze") == 1
        house = house.reopened()
        assert codes(await house.sign(by_owner(pay(50, 1, "w2")), good)) == ["denied", "denied"]
        calm = await ready(tmp_path / "calm", policy=replace(POLICY, alarm=None))
        assert codes(await calm.sign(*[hostile(number) for number in range(50)])) == ["denied"] * 50
        assert codes(await calm.sign(by_owner(pay(50)))) == ["signed"]

    (tmp_path / "calm").mkdir()
    asyncio.run(story())


def test_what_is_signed_beside_the_alarm_is_held_back(tmp_path: Path) -> None:
    """A good item at the head of the batch that raises the alarm is not released: the freeze is there before
    its signature."""

    async def story() -> None:
        house = await ready(tmp_path)
        many = [by_owner(pay(50)), *(hostile(number) for number in range(DENIALS_MAX + 1))]
        with pytest.raises(Refused, match=r"freeze\.frozen"):
            await house.sign(*many)
        assert len(frozen(house)) == 1

    asyncio.run(story())


@pytest.mark.parametrize(("wait_s", "counted"), [(WINDOW_S - 1, True), (WINDOW_S, False)])
def test_denials_count_for_their_window(tmp_path: Path, wait_s: int, counted: bool) -> None:
    """A denial counts until its window's last second."""

    async def story() -> None:
        house = await ready(tmp_path)
        await house.sign(*[hostile(number) for number in range(DENIALS_MAX)])
        house.pass_s(wait_s)
        await house.sign(hostile(99))
        assert bool(frozen(house)) is counted

    asyncio.run(story())


def test_each_sender_is_counted_for_himself(tmp_path: Path) -> None:
    """What others sent is not this sender's fault."""

    async def story() -> None:
        house = await ready(tmp_path)
        await house.sign(*[hostile(number) for number in range(DENIALS_MAX)])
        await house.sign(*[hostile(10 + number) for number in range(DENIALS_MAX)], by=Service.WATCHTOWER)
        assert frozen(house) == []
        assert house.signer.people.alarm.count(Service.APP) == DENIALS_MAX

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "trips"),
    [("malformed", True), ("unknown wallet", True), ("forged", True), ("review", False),
     ("expired decision", False), ("conflict", False), ("late", False), ("one by one the same", False)],
)  # fmt: skip
def test_what_is_a_denial(tmp_path: Path, kind: str, trips: bool) -> None:
    """Bytes nobody understands, wallets nobody knows and forged decisions count; what waits, came late, or
    contradicts what was signed, does not, nor the same thing over and over."""

    async def story() -> None:
        house = await ready(tmp_path)
        count = DENIALS_MAX + 1
        signed, waiting = by_owner(pay(50)), pay(300, 1)
        await house.sign(signed, waiting)
        for number in range(count):
            match kind:
                case "malformed":
                    await house.sign(SignItem(intent=pay(50).intent, draft=b"%d" % number))
                case "unknown wallet":
                    await house.sign(pay(50, wallet=f"x{number}"))
                case "forged":
                    forged = decision(waiting, reason=str(number))
                    await house.submit(*signed_by(MALLORY, forged), by=Service.APP)
                case "review":
                    await house.sign(pay(50, 1, intent=f"r-{number}"))
                case "expired decision":
                    late = decision(waiting, expires_in_s=-number)
                    await house.submit(*signed_by(ALICE, late), by=Service.APP)
                case "late":
                    house.signer.hands.at_ms = (NOW_S + 7200) * 1000
                    await house.sign(by_owner(pay(50, intent=f"l-{number}")))
                case "conflict":
                    other = pay(50, intent=f"c-{number}")
                    await house.sign(SignItem(intent=other.intent, draft=signed.draft))
                case _:
                    await house.sign(hostile(0))
        assert bool(frozen(house)) is trips

    asyncio.run(story())


def test_denials_of_a_freeze_raise_no_further_alarm(tmp_path: Path) -> None:
    """A wallet's freeze with a queue before it does not become a freeze of everything."""

    async def story() -> None:
        house = await ready(tmp_path, "w1", "w2")
        approving = house.approving
        await freeze(
            approving.journal, house.signer.freezes, level="wallet", target="w1", reason="",
            asked=house.asked(), clock_ms=NOW_S * 1000,
        )  # fmt: skip
        await house.sign(*[by_owner(pay(50, intent=f"q-{number}")) for number in range(3 * DENIALS_MAX)])
        assert len(frozen(house)) == 1
        assert codes(await house.sign(by_owner(pay(50, wallet="w2")))) == ["signed"]

    asyncio.run(story())


def test_an_alarm_of_zero_tolerates_nothing(tmp_path: Path) -> None:
    """The bound is what may be denied: with zero the first denial freezes."""

    async def story() -> None:
        house = await ready(tmp_path, policy=replace(POLICY, alarm=Alarm(0, 1, 10)))
        assert codes(await house.sign(hostile(0))) == ["denied"]
        assert len(frozen(house)) == 1

    asyncio.run(story())


# --- the memory itself ---------------------------------------------------------------------------


def decided(sequence: int, one: SignItem, verdict: Decision) -> Entry:
    [signed] = signed_by(ALICE, decision(one, verdict=verdict))
    row = ApprovalRow(
        at_s=NOW_S, kind=APPROVAL, approver="alice", by="desk", decision=verdict.value,
        intent_hash=hash_of(one), key=ALICE.text, policy=POLICY.hash, signed=proofs.encode(signed),
    )  # fmt: skip
    return Entry(Head(sequence, EMPTY.hash), EMPTY.hash, APPROVAL, NOW_S, encode(row))


def test_unlearning_is_the_inverse_of_learning() -> None:
    """A decision that failed to commit is no decision: neither is it given to the rules, nor is anything
    ended by it; and what is of another kind is not looked at."""
    one = pay(300)
    decisions, waiting = Decisions(), Waiting(Owners())
    put = WaitingRow(
        at_s=NOW_S, kind=WAITING, intent=one.intent, intent_hash=hash_of(one), owner="u1", policy="",
        recipients=["bob"], tier="middle", user=False, user_key="", wallet="w1",
    )  # fmt: skip
    rows = [
        Entry(Head(1, EMPTY.hash), EMPTY.hash, WAITING, NOW_S, encode(put)),
        decided(2, one, Decision.APPROVE),
        decided(3, one, Decision.REJECT),
    ]
    for row in rows:
        decisions.learn(row)
        waiting.learn(row)
    item = waiting.item(hash_of(one))
    assert item is not None
    assert [given.decision for given in decisions.given(hash_of(one))] == [Decision.APPROVE, Decision.REJECT]
    assert (waiting.state(item, NOW_S), waiting.open_count(NOW_S)) == (REJECTED, 0)
    for row in rows[:0:-1]:
        waiting.unlearn(row)
        decisions.unlearn(row)
        assert (waiting.state(item, NOW_S), waiting.open_count(NOW_S)) == (OPEN, 1)
        assert decisions.rejection(hash_of(one)) is None
    assert (len(decisions), decisions.of(hash_of(one))) == (0, ())


def test_a_rejection_counts_while_its_approver_is_known(tmp_path: Path) -> None:
    """Whoever the policy does not let decide any more, or knows by another key, does not end an intent that
    it asks nobody about."""
    one = by_owner(pay(50))

    async def story() -> None:
        house = await waits(tmp_path, pay(50))
        await house.submit(*signed_by(BOB, decision(one, "bob", Decision.REJECT)))
        assert codes(await house.sign(one)) == ["denied"]
        rekeyed = {**POLICY.approvers, "bob": Approver("bob", MALLORY.text)}
        for approvers in (rekeyed, {}):
            house.policy = replace(POLICY, approvers=approvers, hash=f"{len(approvers):02x}" * 32)
            house.books.clear()
            assert codes(await house.sign(one)) == ["signed"]

    asyncio.run(story())
