"""Decisions as they are remembered and brought: which covers which, who brought it, under which policy."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.approvals import Approval, Decision
from keepcool.core.errors import Conflict, Malformed
from keepcool.core.journal import EMPTY, Head
from keepcool.cosigner import entries
from keepcool.cosigner.approving import ITEMS_MAX
from keepcool.cosigner.decisions import PER_APPROVER_MAX, Decisions, Known, noted
from keepcool.cosigner.entries import APPROVAL, ApprovalRow, Entry, encode
from keepcool.cosigner.evidence import Decided
from keepcool.cosigner.journal import Batch
from keepcool.policy.case import Given
from keepcool.wire import proofs
from keepcool.wire.messages import Failure
from keepcool.wire.reviews import SubmitApprovals
from tests.unit.cosigner.house import NOW_S
from tests.unit.cosigner.people_house import (
    ALICE,
    BOB,
    POLICY,
    codes,
    decision,
    hash_of,
    pay,
    ready,
    signed_by,
)

ONE = pay(300)
SAID = decision(ONE)


def decided(said: Approval = SAID, key: str = ALICE.text) -> Decided:
    [signed] = signed_by(ALICE, said)
    return Decided(said, key, proofs.encode(signed))


def entry(sequence: int, one: Decided, at_s: int = NOW_S) -> Entry:
    row = ApprovalRow(
        at_s=at_s, kind=APPROVAL, approver=one.approval.approver, by="desk",
        decision=one.approval.decision.value, intent_hash=one.approval.intent, key=one.key,
        policy=POLICY.hash, signed=one.signed,
    )  # fmt: skip
    return Entry(Head(sequence, EMPTY.hash), EMPTY.hash, APPROVAL, at_s, encode(row))


def holding(*many: Decided) -> Decisions:
    memory = Decisions()
    for sequence, one in enumerate(many, 1):
        memory.learn(entry(sequence, one))
    return memory


def test_what_is_remembered_is_what_was_said_and_when_it_came() -> None:
    """The statement, its sequence and its time, and for the rules the same as a decision that is brought."""
    memory = Decisions()
    memory.learn(entry(7, decided(), at_s=NOW_S + 5))
    given = Given(
        approver="alice", key=ALICE.text, decision=Decision.APPROVE, effects=SAID.effects, fee_units_max=10,
        policies=SAID.policies, expires_at_s=SAID.expires_at_s, at_s=NOW_S + 5, reason="ok",
    )  # fmt: skip
    assert memory.of(hash_of(ONE)) == (Known(7, NOW_S + 5, SAID, given),)
    assert memory.given(hash_of(ONE)) == (given,)
    assert decided().given(NOW_S + 5) == given


@pytest.mark.parametrize(
    ("news", "covered"),
    [
        (decided(), True),
        (decided(replace(SAID, reason="another word")), True),
        (decided(replace(SAID, fee_units_max=9)), True),
        (decided(replace(SAID, fee_units_max=11)), False),
        (decided(replace(SAID, expires_at_s=SAID.expires_at_s - 1)), True),
        (decided(replace(SAID, expires_at_s=SAID.expires_at_s + 1)), False),
        (decided(replace(SAID, effects="00" * 32)), False),
        (decided(replace(SAID, policies=("c2" * 32,))), False),
        (decided(replace(SAID, decision=Decision.REJECT)), False),
        (decided(replace(SAID, approver="carol")), False),
        (decided(key=BOB.text), False),
    ],
)
def test_a_decision_covers_what_says_no_more(news: Decided, covered: bool) -> None:
    """Of one person under one key, an approval covers the same or less; nothing covers anybody else's."""
    known = holding(decided()).covering(news)
    assert (known is not None) is covered


def test_a_rejection_covers_every_rejection_of_the_same_person() -> None:
    """Whatever its words and bounds; but not of another person, nor under another key."""
    said = replace(SAID, decision=Decision.REJECT)
    memory = holding(decided(said))
    again = replace(said, reason="still", fee_units_max=99, expires_at_s=SAID.expires_at_s + 9)
    assert memory.covering(decided(again)) is not None
    assert memory.covering(decided(replace(again, approver="carol"))) is None
    assert memory.covering(decided(again, BOB.text)) is None


def test_a_person_approves_an_intent_only_so_often() -> None:
    """At the bound he is full, one below not; others and other intents are not, and rejecting is heard."""
    many = [decided(replace(SAID, fee_units_max=fee)) for fee in range(PER_APPROVER_MAX)]
    assert not holding(*many[:-1]).is_full(decided())
    full = holding(*many)
    assert full.is_full(decided())
    assert not full.is_full(decided(replace(SAID, approver="carol")))
    assert not full.is_full(decided(replace(SAID, intent="00" * 32)))
    assert not full.is_full(decided(replace(SAID, decision=Decision.REJECT)))


def test_a_row_names_who_brought_the_decision(tmp_path: Path) -> None:
    """The service that asked, or nobody where the signer noted it by itself; and it can be read again."""

    async def story() -> None:
        house = await ready(tmp_path)
        brought = decided()
        for asked, by in ((house.asked(), "app"), (None, "")):
            with house.signer.journal.batch(asked) as batch:
                sequence = noted(batch, brought, POLICY.hash, NOW_S)
                row = entries.decoded(batch.entries[-1], ApprovalRow)
            await batch.settled()
            assert sequence == batch.entries[-1].head.sequence
            assert row == ApprovalRow(
                at_s=NOW_S, kind=APPROVAL, approver="alice", by=by, decision="approve",
                intent_hash=hash_of(ONE), key=ALICE.text, policy=POLICY.hash, signed=brought.signed,
            )  # fmt: skip

    asyncio.run(story())


def test_a_batch_of_decisions_has_its_bounds(tmp_path: Path) -> None:
    """None and one too many are turned away whole; as many as allowed are answered one by one, with the head
    of the journal."""

    async def story() -> None:
        house = await ready(tmp_path)
        for count in (0, ITEMS_MAX + 1):
            with pytest.raises(Malformed) as caught:
                await house.submit(*[b"{}"] * count)
            assert caught.value.code == "approval.batch"
        body = SubmitApprovals(items=[b"{}"] * ITEMS_MAX)
        answer = await house.approving.submit(body, house.asked())
        assert len(answer.items) == ITEMS_MAX
        assert all(isinstance(one, Failure) for one in answer.items)
        assert answer.head == house.signer.witness.stated()

    asyncio.run(story())


def test_what_falls_due_meanwhile_is_first_in_the_same_batch(tmp_path: Path) -> None:
    """Orders that are due are carried out before decisions count, at the journal's time; when they change the
    policy, nothing is noted and whoever decided must look again."""
    seen: list[int] = []

    async def story() -> None:
        house = await ready(tmp_path)
        assert codes(await house.sign(ONE)) == ["review"]
        house.pass_s(3)

        def due(batch: Batch, now_s: int) -> None:
            assert batch.asked is not None
            seen.append(now_s)

        def changing(batch: Batch, now_s: int) -> None:
            due(batch, now_s)
            house.policy = replace(POLICY, hash="b7" * 32)

        body = SubmitApprovals(items=[proofs.encode(signed_by(ALICE, SAID)[0])])
        rows = house.rows()
        with pytest.raises(Conflict) as caught:
            await replace(house.approving, due=changing).submit(body, house.asked())
        assert (caught.value.code, house.rows()) == ("policy.changed", rows)
        house.policy = POLICY
        answer = await replace(house.approving, due=due).submit(body, house.asked())
        assert codes(answer.items) == ["accepted"]
        assert seen == [NOW_S + 3] * 2

    asyncio.run(story())
