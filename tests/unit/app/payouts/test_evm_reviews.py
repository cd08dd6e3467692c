"""What waits for people on an EVM chain: it keeps nobody else of its source waiting, and no place is that of
two payments."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, func, select

from keepcool.app.events.log import event_out
from keepcool.app.payouts import answers, carried, signing, store
from keepcool.app.payouts.answers import Answer, Outcome
from keepcool.app.payouts.carried import Fixed
from keepcool.app.payouts.evm import groups
from keepcool.app.payouts.evm.groups import Round
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.store import Kind, NewWithdrawal
from keepcool.core import withdrawal_states as lives
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.withdrawal import DraftMade, Objected, SignatureMade
from keepcool.core.withdrawal_states import Draft, NeedsReview, Objection
from keepcool.ports.evmnode import EvmNode
from tests.unit.app.payouts.workshop import NATIVE, NETWORK, Workshop

SIGNERS = (Service.KEEPER, Service.COOLER)
WALLET = WalletId("w1")
LONG_AGO_MS = 60_000


class Desk:
    """One wallet, whose withdrawals are put to wait by hand."""

    def __init__(self, folder: Path) -> None:
        self.shop = Workshop(folder)
        self.shop.issue(WALLET)
        self.shop.credit(WALLET, 1000)

    def asks(self, name: str) -> None:
        self.shop.order(name, WALLET, 7)

    def reviewed(self, name: str, *, ago_ms: int = LONG_AGO_MS, lives_s: int = 3600) -> None:
        """A batch `b-name` of the one withdrawal, which both signers have put to wait."""
        self.asks(name)
        now_ms = self.shop.clock.now_ms()
        batch = NewWithdrawal(f"b-{name}", Kind.BATCH, WALLET, NETWORK, NATIVE, 0, "", 10**15)
        fixed = Fixed((name,), made(0), b"intent", b"draft", now_ms // 1000 + lives_s, 1)
        objections = tuple(Objection(one, "tiers", "needs_review", "an approval") for one in SIGNERS)

        def work(tx: Connection) -> None:
            carried.begin(tx, taking(tx), batch, fixed, now_ms)
            for one in objections:
                said = Answer(one.by, Outcome.NEEDS_REVIEW, None, (one,), "p", None, now_ms - ago_ms)
                answers.put(tx, batch.id, said)
            step = partial(carried.step, tx, taking(tx), now_ms=now_ms)
            step(store.get(tx, batch.id), Objected(objections, review=True))

        self.shop.store.transact(work)

    def signed(self, name: str, by: Service) -> None:
        now_ms = self.shop.clock.now_ms()
        self.shop.store.transact(
            lambda tx: carried.step(tx, taking(tx), store.get(tx, name), SignatureMade(by), now_ms)
        )

    def turns(self) -> Round:
        return self.shop.store.transact(lambda tx: groups.turns_of(tx, self.lane()))

    def lane(self) -> EvmLane:
        async def opened() -> EvmLane:
            office = await self.shop.office(cast(EvmNode, object()))
            return cast(EvmLane, office.lanes[NETWORK])

        return asyncio.run(opened())

    def signs(self, *again: str) -> None:
        """One round of the signers."""

        async def asked() -> None:
            office = await self.shop.office(cast(EvmNode, object()))
            may_ask = partial(groups.may_ask, again=frozenset(again))
            await signing.sign_all(office.lanes[NETWORK], may_ask)

        asyncio.run(asked())

    def news(self) -> int:
        return self.shop.store.transact(
            lambda tx: tx.execute(select(func.count(event_out.c.cursor))).scalar_one()
        )


def made(slot: int) -> DraftMade:
    return DraftMade(Draft(Slot(NETWORK, "safe:x", slot), f"{slot:02x}" * 32))


def taking(tx: Connection) -> carried.Step:
    return lambda name, event, **columns: store.step(tx, name, event, 1_000, **columns)


def paid(found: Round) -> list[list[str]]:
    return [[one.id for one in group.members] for group in found.groups]


def again(found: Round) -> list[str]:
    return [one.id for one in found.again]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.shop.close()


def test_others_are_paid_while_one_waits_for_people(desk: Desk) -> None:
    """Whoever waits for people and is signed by nobody gives his place to others of his source."""
    desk.reviewed("big", ago_ms=0)
    desk.asks("small")
    found = desk.turns()
    assert (paid(found), again(found)) == ([["small"]], [])


@pytest.mark.parametrize("by", SIGNERS)
def test_what_one_signer_has_signed_keeps_its_place(desk: Desk, by: Service) -> None:
    """Twin: one signature is there, so nobody else is drafted at its place, and it is asked for as it is."""
    desk.reviewed("big", ago_ms=0)
    desk.signed("b-big", by)
    desk.asks("small")
    assert desk.turns() == Round((), ())
    assert desk.shop.store.transact(
        lambda tx: groups.may_ask(tx, store.get(tx, "b-big"), frozenset()) and groups.is_occupied(tx, WALLET)
    )


def test_what_a_signer_may_have_signed_keeps_its_place(desk: Desk) -> None:
    """Twin: a signer was asked and has not answered, so it may have signed."""
    desk.reviewed("big", ago_ms=0)
    desk.asks("small")
    desk.shop.store.transact(lambda tx: answers.asked(tx, Service.COOLER, ["b-big"], 1))
    assert desk.turns() == Round((), ())


def test_both_take_turns(desk: Desk) -> None:
    """What was not asked about lately goes before others, once; then they go."""
    desk.reviewed("big")
    desk.asks("small")
    found = desk.turns()
    assert (paid(found), again(found)) == ([], ["b-big"])
    desk.reviewed("other", ago_ms=0)
    found = desk.turns()
    assert (paid(found), again(found)) == ([["small"]], [])


def test_of_many_that_wait_one_is_asked_for_at_a_time(desk: Desk) -> None:
    """Two at one place would exclude each other: one after another, whoever has waited longest first."""
    desk.reviewed("first")
    desk.reviewed("second")
    assert again(desk.turns()) == ["b-first"]
    now_ms = desk.shop.clock.now_ms()
    desk.shop.store.transact(
        lambda tx: store.postpone(tx, "b-first", now_ms=now_ms, wait_ms=50_000, problem="people")
    )
    assert again(desk.turns()) == ["b-second"]


def test_nobody_is_asked_for_a_draft_of_a_place_that_may_be_anothers(desk: Desk) -> None:
    """Out of its turn it is not shown to a signer, which would refuse it for good; it expires as ever."""
    desk.reviewed("big")
    desk.signs()
    assert desk.shop.keeper.asked == desk.shop.cooler.asked == []
    assert isinstance(desk.shop.state("big"), NeedsReview)
    desk.reviewed("late", lives_s=-1)
    desk.signs()
    ended = desk.shop.state("late")
    assert isinstance(ended, lives.Failed)
    assert (ended.code, desk.shop.keeper.asked) == ("payout.expired", [])


def test_another_place_is_the_same_intent_and_no_news(desk: Desk) -> None:
    """Drafted again, batch and withdrawal name the new draft, their intent stays, and no event is told."""
    desk.reviewed("big")
    before, news = desk.shop.read("b-big"), desk.news()
    desk.shop.store.transact(
        lambda tx: carried.redraft(tx, taking(tx), before, made(5), draft=b"another", block=9)
    )
    for name in ("b-big", "big"):
        one = desk.shop.read(name)
        assert isinstance(one.state, NeedsReview)
        assert (one.state.draft, one.draft, one.intent) == (made(5).draft, b"another", b"intent")
    after = desk.shop.read("b-big")
    assert (after.slot, after.drafted_at_block, after.expires_at_s) == (5, 9, before.expires_at_s)
    assert desk.news() == news


def test_what_is_signed_is_not_drafted_again(desk: Desk) -> None:
    """Refused, and nothing changed: that signature may not stand beside another draft's."""
    desk.reviewed("big")
    desk.signed("b-big", Service.KEEPER)
    before = desk.shop.read("b-big")
    with pytest.raises(Conflict, match="takes no other"):
        desk.shop.store.transact(
            lambda tx: carried.redraft(tx, taking(tx), before, made(5), draft=b"another", block=9)
        )
    assert desk.shop.read("b-big") == before
