"""What waits for people: noted once, bounded, shown as this signer decoded it, and there after a restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from keepcool.adapters.sqlite import signer_rows
from keepcool.core import canonical
from keepcool.core.approvals import Decision
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.journal import EMPTY, Head
from keepcool.cosigner import people, reviews
from keepcool.cosigner.entries import WAITING, Entry, WaitingRow, encode
from keepcool.cosigner.owners import Owners
from keepcool.cosigner.waiting import EXPIRED, OPEN, REJECTED, SIGNED, Waiting
from keepcool.policy.terms import NeededApprovals
from keepcool.wire.messages import Failure, SignItem
from keepcool.wire.reviews import REVIEWS_MAX, ReviewRequest, ReviewsRequest
from tests.unit.cosigner.house import ETH, NOW_S
from tests.unit.cosigner.people_house import (
    ALICE,
    BOB,
    OWNER,
    POLICY,
    THIEF,
    House,
    by_owner,
    codes,
    decision,
    hash_of,
    pay,
    ready,
    signed_by,
)
from tests.unit.cosigner.people_house import REVIEWS_MAX as REVIEWS_PER_HOUR


def redraft(one: SignItem, salt: int) -> SignItem:
    draft = canonical.encode({**canonical.decode(one.draft, "draft"), "salt": salt})
    return SignItem(intent=one.intent, draft=draft)


async def hashes(house: House, **wanted: str | int) -> list[str]:
    answer = await house.page(msgspec.convert(wanted, ReviewsRequest))
    return [one.intent_hash for one in answer.items]


def test_what_waits_is_noted_once(tmp_path: Path) -> None:
    """Asked for again and again, drafted anew, and after a restart: one row, one item, and the delay counts
    from the first."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = pay(800)
        for number in range(5):
            house.pass_s(10)
            assert codes(await house.sign(one, redraft(one, number))) == ["review", "review"]
        house = house.reopened()
        assert codes(await house.sign(one)) == ["review"]
        assert house.rows("waiting") == house.rows() == 1
        [summary] = (await house.page()).items
        assert (summary.since_s, summary.until_s, summary.tier) == (NOW_S + 10, NOW_S + 610, "big")
        assert summary.needs[:2] == ["1 approval of accounting", "1 approval of board"]
        review = await house.one(one)
        assert len(review.draft_hashes) == len(review.drafts) == 6

    asyncio.run(story())


def test_what_is_denied_does_not_wait(tmp_path: Path) -> None:
    """Where something besides evidence is missing there is nothing to review."""

    async def story() -> None:
        house = await ready(tmp_path)
        assert codes(await house.sign(pay(901), pay(50, 7))) == ["denied", "denied"]
        assert house.rows() == 0
        answer = await house.page(ReviewsRequest(state=""))
        assert (answer.items, answer.waiting, answer.policy) == ([], 0, POLICY.hash)
        with pytest.raises(Refused, match=r"review\.unknown"):
            await house.one(pay(901))

    asyncio.run(story())


def test_so_much_waits_in_an_hour_and_no_more(tmp_path: Path) -> None:
    """A hostile App puts everything it can think of to wait: so many rows an hour, told as such; what waits
    already goes on; an hour later there is room again. The twin without a bound grows with every request."""

    async def story() -> None:
        house = await ready(tmp_path)
        many = [pay(50, intent=f"i-{number}") for number in range(REVIEWS_PER_HOUR)]
        assert codes(await house.sign(*many)) == ["review"] * REVIEWS_PER_HOUR
        [full] = await house.sign(pay(50, intent="more"))
        assert isinstance(full, Failure)
        assert (full.problem.kind, full.problem.code) == ("unavailable", "signing.reviews")
        assert codes(await house.sign(many[0])) == ["review"]
        assert house.rows() == REVIEWS_PER_HOUR
        house = house.reopened()
        house.pass_s(3599)
        assert codes(await house.sign(pay(50, intent="more"))) == ["signing.reviews"]
        house.pass_s(1)
        assert codes(await house.sign(pay(50, intent="more"))) == ["review"]
        house.policy = replace(POLICY, alarm=None, hash="a2" * 32)
        more = [pay(50, intent=f"j-{number}") for number in range(3 * REVIEWS_PER_HOUR)]
        assert codes(await house.sign(*more)) == ["review"] * len(more)
        assert people.reviews_per_hour_max(house.book()) == people.REVIEWS_PER_HOUR_MAX

    asyncio.run(story())


def test_how_it_ended_is_shown(tmp_path: Path) -> None:
    """Signed, rejected, expired and waiting items are found by state; what is signed and waits again for
    another fee is waiting again."""

    async def story() -> None:
        house = await ready(tmp_path)
        signed, rejected, late = (pay(300, intent=f"i-{n}") for n in range(3))
        await house.sign(*(by_owner(one) for one in (signed, rejected, late)))
        await house.submit(*signed_by(ALICE, decision(signed), decision(late)))
        await house.submit(*signed_by(BOB, decision(rejected, "bob", Decision.REJECT)))
        assert codes(await house.sign(signed)) == ["signed"]
        assert await hashes(house) == [hash_of(late)]
        house.pass_s(7199)
        assert await hashes(house) == [hash_of(late)]
        house.pass_s(1)
        assert await hashes(house) == []
        for state, one in ((SIGNED, signed), (REJECTED, rejected), (EXPIRED, late)):
            assert await hashes(house, state=state) == [hash_of(one)]
        assert len(await hashes(house, state="")) == 3
        house = house.reopened()
        for state, one in ((SIGNED, signed), (REJECTED, rejected), (EXPIRED, late)):
            assert await hashes(house, state=state) == [hash_of(one)]
        assert await hashes(house, state=OPEN) == []
        assert (await house.page()).waiting == 0

    asyncio.run(story())


def test_what_was_signed_and_waits_again_is_shown_again(tmp_path: Path) -> None:
    """A draft that the approval does not cover makes a signed intent wait again, with a row of its own."""
    policy = replace(
        POLICY,
        tiers=(
            replace(POLICY.tiers[0], day_units_max={ETH: 50}),
            replace(POLICY.tiers[1], approvals=(NeededApprovals("accounting", 1),)),
        ),
    )

    async def story() -> None:
        house = await ready(tmp_path, "w1", "w2", policy=policy)
        one, again = by_owner(pay(40)), by_owner(redraft(pay(40), 1))
        assert codes(await house.sign(pay(40))) == ["review"]
        assert codes(await house.sign(one)) == ["signed"]
        assert await hashes(house) == []
        assert codes(await house.sign(by_owner(pay(10, wallet="w2")))) == ["signed"]
        assert codes(await house.sign(by_owner(pay(1, 1, wallet="w2")))) == ["review"]
        assert codes(await house.sign(again)) == ["signed"]
        house.policy = replace(policy, tiers=policy.tiers[1:], hash="a2" * 32)
        assert codes(await house.sign(by_owner(redraft(pay(40), 2)))) == ["review"]
        assert hash_of(one) in await hashes(house)
        house = house.reopened()
        assert hash_of(one) in await hashes(house)

    asyncio.run(story())


def test_a_page_is_searched_and_turned(tmp_path: Path) -> None:
    """Newest first, by as many as asked for, from where the last ended; by id, owner, wallet or recipient, in
    whatever case; bounds are kept."""

    async def story() -> None:
        house = await ready(tmp_path, "w1", "w2")
        made = [pay(300, intent=f"i-{n}", to="eve" if n == 2 else "Bob") for n in range(4)]
        other = pay(300, wallet="w2", intent="other")
        for one in (*made, other):
            await house.sign(one)
        everything = [hash_of(one) for one in (other, *reversed(made))]
        assert await hashes(house) == everything
        first = (await house.page(ReviewsRequest(limit=2))).items
        rest = await hashes(house, before=first[-1].sequence)
        assert [one.intent_hash for one in first] + rest == everything
        assert await hashes(house, text="I-3") == [hash_of(made[3])]
        assert await hashes(house, text="EVE") == [hash_of(made[2])]
        assert await hashes(house, text="w2") == [hash_of(other)]
        assert await hashes(house, text="u1") == everything
        assert await hashes(house, text="nobody") == []
        for wrong in (
            ReviewsRequest(limit=0), ReviewsRequest(limit=REVIEWS_MAX + 1), ReviewsRequest(before=-1),
            ReviewsRequest(text="x" * 201),
        ):  # fmt: skip
            with pytest.raises(Malformed, match=r"reviews\.page"):
                await house.page(wrong)
        assert len((await house.page(ReviewsRequest(limit=REVIEWS_MAX, text="x" * 200))).items) == 0

    asyncio.run(story())


def test_a_page_holds_no_more_bytes_than_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of long intents ends early, never without its first item, and the next goes on there."""
    monkeypatch.setattr(reviews, "PAGE_BYTES_MAX", 1)

    async def story() -> None:
        house = await ready(tmp_path)
        made = [pay(300, intent=f"i-{n}") for n in range(3)]
        await house.sign(*made)
        found, before = list[str](), 0
        while page := (await house.page(ReviewsRequest(before=before))).items:
            assert len(page) == 1
            found, before = [*found, page[0].intent_hash], page[0].sequence
        assert found == [hash_of(one) for one in reversed(made)]

    asyncio.run(story())


def test_a_review_shows_what_the_bytes_do(tmp_path: Path) -> None:
    """Effects, their hash and the fee are this signer's own; owner, key, signature, destinations, history,
    windows, verdicts and hints are there; and after a restart the same."""

    async def story() -> None:
        house = await ready(tmp_path)
        assert codes(await house.sign(by_owner(pay(50, to="bob")))) == ["signed"]
        one = by_owner(pay(300, 1, to="carl"))
        await house.sign(one)
        await house.submit(*signed_by(ALICE, decision(one)))
        said = await house.one(one)
        effects = canonical.decode(said.effects, "effects")
        assert effects["payments"] == [["carl", ETH, "300"]]
        assert (effects["fee"], effects["family"], effects["hazards"]) == (None, "evm", [])
        assert said.effects_hash == decision(one).effects
        assert (said.fee_units_max, said.policy, said.policy_version) == ("0", POLICY.hash, 1)
        assert (said.user_key, said.user_signed) == (OWNER.text, True)
        assert said.drafts == [one.draft]
        [destination] = said.destinations
        assert (destination.recipient, destination.first_s, destination.times) == ("carl", NOW_S, 0)
        [past] = said.history
        assert (past.recipients, past.spent) == (["bob"], {ETH: "50"})
        windows = {(use.window, use.of): (use.spent, use.cap) for use in said.windows}
        assert windows == {
            ("hour", "all"): ("50", "2000"), ("day", "all"): ("50", "3000"),
            ("hour", "user"): ("50", ""), ("day", "user"): ("50", ""),
        }  # fmt: skip
        assert all(one.outcome == "approved" for one in said.verdicts)
        assert said.summary.approvals[0].approver == "alice"
        assert said.summary.approvals[0].reason == "ok"
        assert any("carl was never paid before" in hint for hint in said.hints)
        assert said.record == house.signer.store.records("", 1)[0].record
        house = house.reopened()
        assert replace_head(await house.one(one)) == replace_head(said)

    asyncio.run(story())


def replace_head(answer: object) -> object:
    return msgspec.structs.replace(answer, head=None) if isinstance(answer, msgspec.Struct) else answer


def test_the_dearest_of_a_ladder_is_shown_and_what_does_not_fit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All drafts are named by their hashes, as many as an answer holds come along; the oldest of too many of
    one intent are forgotten."""
    monkeypatch.setattr(reviews, "DRAFTS_BYTES_MAX", 150)

    async def story() -> None:
        house = await ready(tmp_path)
        one = pay(300)
        count = signer_rows.WAITING_DRAFTS_MAX + 3
        for start in range(0, count, 5):
            await house.sign(*[redraft(one, number) for number in range(start, start + 5)])
        said = await house.one(one)
        assert len(said.draft_hashes) == signer_rows.WAITING_DRAFTS_MAX
        assert 1 <= len(said.drafts) < 4

    asyncio.run(story())


def test_what_waits_is_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the drafts of what has ended go first, then the oldest; what lost its draft is still
    in the queue, says so, and has it again once it is asked for again."""
    monkeypatch.setattr(signer_rows, "WAITING_BYTES_MAX", 1000)

    async def story() -> None:
        house = await ready(tmp_path)
        first, second, third, fourth = (pay(300, intent=f"i-{n}") for n in range(4))
        await house.sign(by_owner(first), by_owner(second), by_owner(third))
        await house.submit(*signed_by(BOB, decision(second, "bob", Decision.REJECT)))
        await house.sign(fourth)
        kept = [bool(house.signer.store.waiting(hash_of(one))) for one in (first, second, third, fourth)]
        assert kept == [True, False, True, True]
        await house.sign(pay(300, intent="i-5"))
        assert house.signer.store.waiting(hash_of(first)) == []
        with pytest.raises(Conflict, match=r"review\.no_draft"):
            await house.one(first)
        needs = {one.intent_hash: one.needs for one in (await house.reopened().page()).items}
        assert "asked for again" in needs[hash_of(first)][0]

    asyncio.run(story())


def test_needs_follow_what_people_and_time_bring(tmp_path: Path) -> None:
    """What is still needed is said anew after every decision, when the delay ends, and when the owner signs;
    what is remembered in between is not asked of the rules again."""

    async def story() -> None:
        house = await ready(tmp_path)
        one = pay(800)
        await house.sign(one)
        shown = house.reviews

        async def needs() -> list[str]:
            [summary] = (await shown.page(ReviewsRequest())).items
            return [need.split(",")[0] for need in summary.needs]

        wait = "a wait of 10 min"
        assert await needs() == ["1 approval of accounting", "1 approval of board", wait]
        await house.submit(*signed_by(ALICE, decision(one)))
        assert await needs() == ["1 approval of board", wait]
        house.pass_s(599)
        assert await needs() == ["1 approval of board", wait]
        house.pass_s(1)
        assert await needs() == ["1 approval of board"]
        await house.submit(*signed_by(BOB, decision(one, "bob", now_s=house.now_s)))
        assert await needs() == []

    asyncio.run(story())


def test_what_is_remembered_of_needs_is_bounded_and_of_one_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so much is kept of what the tiers said, the newest, and another policy is asked anew."""
    monkeypatch.setattr(reviews, "ASSESSED_MAX", 2)

    async def story() -> None:
        house = await ready(tmp_path)
        made = [pay(300, intent=f"i-{n}") for n in range(3)]
        await house.sign(*made)
        shown = house.reviews
        await shown.page(ReviewsRequest())
        assert list(shown._assessed) == [hash_of(made[1]), hash_of(made[0])]
        house.policy = replace(POLICY, tiers=(replace(POLICY.tiers[2], name="other"),), hash="a2" * 32)
        house.books.clear()
        assert {one.tier for one in (await shown.page(ReviewsRequest())).items} == {"other"}

    asyncio.run(story())


# --- the memory itself ---------------------------------------------------------------------------


def row(number: int, at_s: int = NOW_S, *, user: bool = False) -> WaitingRow:
    return WaitingRow(
        at_s=at_s, kind=WAITING, intent=pay(1, intent=f"i-{number}").intent, intent_hash=f"{number:064x}",
        owner=f"u{number}", policy="", recipients=["bob"], tier="t", user=user, user_key=OWNER.text,
        wallet="w1",
    )  # fmt: skip


def entry(sequence: int, body: WaitingRow) -> Entry:
    return Entry(Head(sequence, EMPTY.hash), EMPTY.hash, WAITING, body.at_s, encode(body))


def test_what_ended_long_ago_is_not_kept() -> None:
    """Of ended items the oldest are forgotten beyond a bound, of those that wait none."""
    waiting = Waiting(Owners(), ended_max=2)
    for number in range(1, 7):
        waiting.learn(entry(number, row(number)))
    assert (len(waiting), waiting.open_count(NOW_S)) == (6, 6)
    assert waiting.open_count(NOW_S + 7200) == 0
    for number in range(7, 12):
        waiting.learn(entry(number, row(number, NOW_S + 7200)))
    assert waiting.item(f"{1:064x}") is None
    assert waiting.item(f"{11:064x}") is not None


def test_what_expired_is_forgotten_though_nobody_looks() -> None:
    """Where no desk asks how many wait, what has expired makes room all the same."""
    waiting = Waiting(Owners(), ended_max=2)
    for number in range(1, 100):
        waiting.learn(entry(number, row(number, NOW_S + number * 7200)))
    assert len(waiting) <= 5


def test_what_pays_many_counts_as_several() -> None:
    """Recipients are kept for good, so rows that name hundreds of them take up an hour's pace sooner; what
    such a row took up is given back when it fails to commit."""
    waiting = Waiting(Owners())
    one, many = row(1), msgspec.structs.replace(row(2), recipients=[f"r{n}" for n in range(200)])
    waiting.learn(entry(1, one))
    waiting.learn(entry(2, many))
    assert waiting.noted_lately(NOW_S) == 22
    waiting.unlearn(entry(2, many))
    assert waiting.noted_lately(NOW_S) == 1


def test_an_owners_signature_is_remembered_with_the_key_that_made_it() -> None:
    """Asked for under one key and signed with the next: it is the next one's signature, so that it counts for
    nothing when the first comes back."""
    waiting = Waiting(Owners())
    waiting.learn(entry(1, row(1)))
    item = waiting.item(f"{1:064x}")
    assert item is not None
    assert (item.user, item.user_key) == (False, OWNER.text)
    waiting.learn(entry(2, msgspec.structs.replace(row(1, user=True), user_key=THIEF.text)))
    assert (item.user, item.user_key) == (True, THIEF.text)


def test_unlearning_is_the_inverse_of_learning() -> None:
    """A row that failed to commit leaves no item, no pace, no destination, no owner's signature."""
    owners = Owners()
    waiting = Waiting(owners)
    first, second = entry(1, row(1)), entry(2, row(1, user=True))
    waiting.learn(first)
    waiting.learn(second)
    item = waiting.item(f"{1:064x}")
    assert item is not None
    assert item.user
    assert owners.destinations(("u1", OWNER.text), ["bob", "eve"]) == {"bob": NOW_S}
    waiting.unlearn(second)
    assert not item.user
    assert owners.destinations(("u1", OWNER.text), ["bob"]) == {}
    assert (waiting.noted_lately(NOW_S), waiting.open_count(NOW_S)) == (1, 1)
    waiting.unlearn(first)
    assert (len(waiting), waiting.noted_lately(NOW_S), waiting.open_count(NOW_S)) == (0, 0, 0)
    assert waiting.since_s(f"{1:064x}") is None


def test_a_review_request_names_an_intent(tmp_path: Path) -> None:
    """What is asked for by another hash is unknown."""

    async def story() -> None:
        house = await ready(tmp_path)
        with pytest.raises(Refused, match=r"review\.unknown"):
            await house.reviews.one(ReviewRequest(intent_hash="00" * 32))

    asyncio.run(story())
