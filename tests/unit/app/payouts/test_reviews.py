"""Withdrawals that wait for people: asked about again in good time, kept while their intent lives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from keepcool.app.payouts import answers, reviews, signing, store
from keepcool.app.payouts.evm.drafting import safe_tx
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.reviews import wait_ms
from keepcool.app.payouts.store import WAIT_MS_MAX
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.payouts.turns import intent_of
from keepcool.chains.evm.safe import encode_draft, safe_tx_hash
from keepcool.core import withdrawal_states as lives
from keepcool.core.intent import Evidence
from keepcool.core.withdrawal import DraftMade, Undrafted
from keepcool.core.withdrawal_states import Draft
from keepcool.ports.evmnode import EvmNode
from tests.unit.app.payouts.workshop import ETHER, NETWORK, Workshop

pytestmark = pytest.mark.usefixtures("both_engines")

NOW_MS = 1_800_000_000_000
YES = Evidence("approval", "alice", b"yes")


def test_the_wait_doubles_up_to_a_bound() -> None:
    """A second at first, a quarter of a minute for ten minutes, then a minute; never more."""
    waits = [wait_ms(tries=tries, others=1, now_ms=NOW_MS) for tries in range(60)]
    assert waits[:5] == [1_000, 2_000, 4_000, 8_000, 15_000]
    assert (waits[40], waits[-1], max(waits)) == (15_000, WAIT_MS_MAX, WAIT_MS_MAX)
    assert sum(waits[:45]) > 10 * 60_000


def test_many_that_wait_are_asked_about_less_often() -> None:
    """A thousand waiting cost the signers no more questions a second than a hundred."""
    assert wait_ms(tries=0, others=1_000, now_ms=NOW_MS) == 20_000
    assert wait_ms(tries=0, others=10**6, now_ms=NOW_MS) == WAIT_MS_MAX


def test_the_time_a_signer_named_ends_the_wait() -> None:
    """The nearest one that is still to come; one that is over, or none, shortens nothing."""
    soon_s, later_s = NOW_MS // 1000 + 5, NOW_MS // 1000 + 3_000
    told = {"tries": 50, "others": 1, "now_ms": NOW_MS}
    assert 5_000 <= wait_ms(**told, until_s=[later_s, soon_s]) < 6_000
    for over in ([0, 0], [NOW_MS // 1000 - 1], [later_s]):
        assert wait_ms(**told, until_s=over) == WAIT_MS_MAX


class Room:
    """A withdrawal as drafted, and one round of asking at a time."""

    def __init__(self, folder: Path) -> None:
        self.shop = Workshop(folder)
        self.record = self.shop.issue("w1")
        self.shop.credit(self.record.wallet, 5 * ETHER)
        self.shop.order("wd1", self.record.wallet, ETHER)

    def drafted(self, lane: EvmLane, lives_s: int = 3600) -> None:
        shop, one = self.shop, self.shop.read("wd1")
        wallet = shop.store.transact(lambda tx: shop.attesters.wallet(tx, one.wallet))
        tx_ = safe_tx(lane, wallet, one, 0)
        expires_at_s = shop.clock.now_ms() // 1000 + lives_s
        columns = {
            "intent": intent_of(lane, one, expires_at_s).encoded(),
            "draft": encode_draft(tx_),
            "slot": 0,
            "expires_at_s": expires_at_s,
        }
        made = DraftMade(Draft(tx_.slot, safe_tx_hash(tx_).hex()))
        shop.store.transact(lambda tx: store.step(tx, "wd1", made, shop.clock.now_ms(), **columns))

    async def lane(self) -> EvmLane:
        office = await self.shop.office(cast(EvmNode, object()))
        return cast(EvmLane, office.lanes[NETWORK])

    def rounds(self, count: int = 1, *, lives_s: int = 3600, fresh: bool = True) -> None:
        async def asked() -> None:
            lane = await self.lane()
            if fresh:
                self.drafted(lane, lives_s)
            for _ in range(count):
                await signing.sign_all(lane)

        asyncio.run(asked())

    def give(self) -> None:
        self.shop.store.transact(lambda tx: self.shop.desk.add_evidence(tx, "wd1", YES))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.shop.close()


def test_it_waits_and_is_asked_about_at_once_when_somebody_signs(room: Room) -> None:
    """Between two rounds nobody is asked again before its time; evidence ends the wait, and it is signed."""
    room.shop.cooler.objects = lambda _: "review"
    room.rounds(2)
    assert isinstance(room.shop.state("wd1"), lives.NeedsReview)
    assert room.shop.cooler.asked == ["wd1"]
    room.give()
    room.rounds(fresh=False)
    assert isinstance(room.shop.state("wd1"), lives.Signed)


def test_what_comes_while_signers_are_asked_is_not_made_to_wait(room: Room) -> None:
    """Somebody signs between a signer's question and its answer: the next round asks again, with it."""

    def while_asked(_: str) -> str:
        if len(room.shop.cooler.asked) == 1:
            room.give()
        return "review"

    room.shop.cooler.objects = while_asked
    room.rounds(2)
    assert room.shop.cooler.asked == ["wd1", "wd1"]
    assert isinstance(room.shop.state("wd1"), lives.Signed)


def test_a_rejection_ends_it_with_its_reason(room: Room) -> None:
    """First it waits, then the desk says no: refused, told whose words these are, and the hold goes back."""
    said = iter(["review", "deny"])
    room.shop.cooler.objects = lambda _: next(said)
    room.rounds()
    room.shop.store.transact(lambda tx: store.at_once(tx, "wd1"))
    room.rounds(fresh=False)
    state = room.shop.state("wd1")
    assert isinstance(state, lives.Refused)
    assert [(one.by.value, one.outcome) for one in state.objections] == [("cooler", "denied")]
    assert room.shop.balance(f"held:{room.record.wallet}") == 0


def test_an_intent_that_expires_says_that_another_is_to_be_signed(room: Room) -> None:
    """It ends as failed, names what was lacking, and the hold goes back."""
    for signer in (room.shop.keeper, room.shop.cooler):
        signer.objects = lambda _: "review"
    room.rounds()
    assert isinstance(room.shop.state("wd1"), lives.NeedsReview)
    past = withdrawal.update().where(withdrawal.c.id == "wd1").values(expires_at_s=1, try_after_ms=0)
    room.shop.store.transact(lambda tx: tx.execute(past))
    room.rounds(fresh=False)
    state = room.shop.state("wd1")
    assert isinstance(state, lives.Failed)
    assert state.code == "payout.expired"
    assert "signed anew" in state.text
    assert "cooler: the test said no" in state.text
    assert room.shop.balance(f"held:{room.record.wallet}") == 0


def test_evidence_is_of_one_intent(room: Room) -> None:
    """Drafted anew, it has another intent: what was signed before is not shown to signers, and is known."""
    room.shop.cooler.objects = lambda _: "review"
    room.rounds()
    room.give()
    first = room.shop.read("wd1").intent or b""
    room.shop.store.transact(lambda tx: store.step(tx, "wd1", Undrafted(), room.shop.clock.now_ms()))
    room.rounds(lives_s=7200)
    second = room.shop.read("wd1").intent or b""
    assert second != first
    assert room.shop.store.transact(lambda tx: answers.evidence_of(tx, "wd1", second)) == []
    assert room.shop.store.transact(lambda tx: answers.evidence_of(tx, "wd1", first)) == [YES]
    assert room.shop.store.transact(lambda tx: answers.signed_before(tx, "wd1", second))
    assert isinstance(room.shop.state("wd1"), lives.NeedsReview)
    assert room.shop.store.transact(lambda tx: reviews.waiting(tx, NETWORK)) == 1
