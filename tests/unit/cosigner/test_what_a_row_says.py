"""What a signer puts on record when it signs or lets wait, field by field: all go by it later."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.errors import Malformed
from keepcool.core.journal import EMPTY, Head
from keepcool.core.parties import Service
from keepcool.cosigner import entries
from keepcool.cosigner.entries import SIGN, WAITING, Entry, SignRow, WaitingRow
from keepcool.cosigner.journal import Batch, walk
from keepcool.cosigner.owners import Owners
from keepcool.cosigner.waiting import OPEN, SIGNED, Waiting
from keepcool.cosigner.windows import Spending
from keepcool.wire.messages import ITEMS_MAX, SignItem, SignRequest
from tests.unit.cosigner.house import ETH, NETWORK, NOW_S
from tests.unit.cosigner.people_house import (
    OWNER,
    POLICY,
    House,
    by_owner,
    code,
    codes,
    hash_of,
    owned,
    pay,
    ready,
)

ONE = pay(50)


def rows(house: House, kind: str) -> list[Entry]:
    return [entry for entry in walk(house.signer.store) if entry.kind == kind]


def signed_row(one: SignItem = ONE, *, requester: str = "app", user: bool = True) -> SignRow:
    record = owned("w1", 5)
    return SignRow(
        at_s=NOW_S, kind=SIGN, digests=[hashlib.sha256(one.draft).hexdigest()],
        draft=hashlib.sha256(one.draft).hexdigest(), intent="w1-0", intent_bytes=one.intent.hex(),
        intent_hash=hash_of(one), policy=POLICY.hash, requester=requester,
        slots=[(NETWORK, f"safe:{record.address}", 0)], spent={ETH: "50"}, wallet="w1", owner="u1",
        recipients=["bob"], revision=record.revision, user=user, user_key=OWNER.text,
    )  # fmt: skip


@pytest.mark.parametrize("requester", [Service.APP, Service.COOLER])
def test_a_signature_is_remembered_with_all_it_rests_on(tmp_path: Path, requester: Service) -> None:
    """Who asked, from whom to whom, how much of what, which place it takes, under which policy and record."""

    async def story() -> None:
        house = await ready(tmp_path)
        assert codes(await house.sign(by_owner(ONE), by=requester)) == ["signed"]
        [entry] = rows(house, SIGN)
        assert entries.decoded(entry, SignRow) == signed_row(requester=requester.value)

    asyncio.run(story())


def test_a_signature_without_its_owners_says_so(tmp_path: Path) -> None:
    """Where no tier asks for him, the row does not claim that the owner signed; his key is named."""

    async def story() -> None:
        house = await ready(tmp_path, policy=replace(POLICY, tiers=()))
        assert codes(await house.sign(ONE)) == ["signed"]
        [entry] = rows(house, SIGN)
        assert entries.decoded(entry, SignRow) == signed_row(user=False)

    asyncio.run(story())


def test_what_waits_is_noted_with_what_people_will_ask(tmp_path: Path) -> None:
    """The intent's own bytes, its owner and his key, where it goes and the tier that lets it wait."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = pay(300)
        assert codes(await house.sign(one)) == ["review"]
        assert codes(await house.sign(by_owner(one))) == ["review"]
        first, second = (entries.decoded(entry, WaitingRow) for entry in rows(house, WAITING))
        assert first == WaitingRow(
            at_s=NOW_S, kind=WAITING, intent=one.intent, intent_hash=hash_of(one), owner="u1",
            policy=POLICY.hash, recipients=["bob"], tier="middle", user=False, user_key=OWNER.text,
            wallet="w1",
        )  # fmt: skip
        assert second.user

    asyncio.run(story())


def test_a_request_has_its_bounds_and_its_answer_the_head(tmp_path: Path) -> None:
    """None and one too many are turned away whole; as many as allowed are answered, each in its place."""

    async def story() -> None:
        house = await ready(tmp_path)
        for count in (0, ITEMS_MAX + 1):
            with pytest.raises(Malformed) as caught:
                await house.signer.sign(*[ONE] * count)
            assert caught.value.code == "signing.batch"
        many = [SignItem(intent=ONE.intent, draft=b"x")] * (ITEMS_MAX - 1)
        answer = await house.signer.sign(*many[1:], by_owner(ONE), many[0])
        assert [code(one) == "signed" for one in answer.items] == [False] * (ITEMS_MAX - 2) + [True, False]
        assert (answer.policy, answer.head) == (POLICY.hash, house.signer.witness.stated())

    asyncio.run(story())


def test_a_change_while_people_are_heard_closes_the_request(tmp_path: Path) -> None:
    """What falls due in the very batch may bring another policy: nothing is judged, nothing noted."""
    seen: list[tuple[bool, int]] = []

    async def story() -> None:
        house = await ready(tmp_path)
        house.pass_s(2)

        def due(batch: Batch, now_s: int) -> None:
            seen.append((batch.asked is None, now_s))
            if batch.asked is not None:
                house.policy = replace(POLICY, hash="b8" * 32)

        cosigner = replace(house.signer.cosigner, due=due)
        before = house.rows()
        with pytest.raises(Exception, match=r"policy\.changed: another policy came into force") as caught:
            await cosigner.sign(SignRequest(items=[by_owner(ONE)]), house.asked())
        assert getattr(caught.value, "code", "") == "policy.changed"
        assert (house.rows(), seen) == (before, [(True, NOW_S + 2), (False, NOW_S + 2)])

    asyncio.run(story())


def test_an_item_is_signed_until_its_row_is_taken_back() -> None:
    """A signature that failed to commit leaves its item waiting as before; another row's name takes nothing
    back, and what was never put to wait is no concern."""
    waiting = Waiting(Owners())
    one = pay(300)
    put = WaitingRow(
        at_s=NOW_S, kind=WAITING, intent=one.intent, intent_hash=hash_of(one), owner="u1", policy="",
        recipients=["bob"], tier="middle", user=False, user_key="", wallet="w1",
    )  # fmt: skip
    waiting.learn(Entry(Head(1, EMPTY.hash), EMPTY.hash, WAITING, NOW_S, entries.encode(put)))
    item = waiting.item(hash_of(one))
    assert item is not None
    row = signed_row(one)
    for sequence in (2, 3):
        waiting.signed(row, Spending(sequence, 1, NOW_S, {ETH: 300}))
        assert (waiting.state(item, NOW_S), waiting.open_count(NOW_S)) == (SIGNED, 0)
    waiting.unsigned(row, 9)
    assert list(item.marks) == [1, -2, -3]
    waiting.unsigned(row, 3)
    assert (waiting.state(item, NOW_S), list(item.marks)) == (SIGNED, [1, -2])
    waiting.unsigned(row, 2)
    assert (waiting.state(item, NOW_S), waiting.open_count(NOW_S), list(item.marks)) == (OPEN, 1, [1])
    stranger = signed_row(pay(1))
    waiting.signed(stranger, Spending(4, 1, NOW_S, {}))
    waiting.unsigned(stranger, 4)
    assert [found.marks for found in waiting.latest(5)] == [(1,)]
    assert waiting.latest(0) == []
