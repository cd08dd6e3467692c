"""Batches of withdrawals, whatever befalls them: each is paid once or not at all, and the books know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from keepcool.app.books import ledger
from keepcool.app.payouts import carried, store
from keepcool.app.payouts.bitcoin.booking import shares
from keepcool.app.payouts.carried import Fixed
from keepcool.app.payouts.requests import Order
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_states as lives
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict
from keepcool.core.parties import Service
from keepcool.core.withdrawal_states import Draft, Failed, Inclusion, Objection
from tests.unit.app.payouts.workshop import NATIVE, NETWORK, RECIPIENT, Workshop

NOW_MS, UNITS, COUNT_MAX, WALLET = 1_000, 7, 6, "w"
BLOCK = Inclusion("0x" + "11" * 32, 5, "0x" + "22" * 32)
OTHERS = Inclusion("0x" + "33" * 32, 6, "0x" + "44" * 32)
NO = Objection(Service.COOLER, "cap", "denied", "too much")
EVENTS: tuple[life.Event, ...] = (
    life.SignatureMade(Service.KEEPER),
    life.SignatureMade(Service.COOLER),
    life.Objected((NO,), False),
    life.Objected((NO,), True),
    life.Sent(),
    life.SendUnclear("no answer"),
    life.Seen(BLOCK),
    life.Orphaned(),
    life.Finalized(),
    life.Abandoned(Failed("payout.expired", "late"), "late"),
    life.Abandoned(Failed(carried.REVERTS, "no"), "no"),
    life.SlotUsed(OTHERS),
    life.Undrafted(),
    life.Froze("look"),
    life.Thawed(),
)
OPENED = life.SignatureMade(Service.KEEPER), life.SignatureMade(Service.COOLER), life.Seen(BLOCK)


@dataclass
class Books:
    """One wallet, its withdrawals, and the batch that is open."""

    shop: Workshop
    count: int
    made: int = 0
    paid: dict[str, int] = field(default_factory=dict)

    def names(self) -> list[str]:
        return [f"wd-{number}" for number in range(self.count)]

    def rows(self, tx: Connection) -> list[Withdrawal]:
        return [store.get(tx, name) for name in self.names()]

    def open_batch(self, tx: Connection) -> Withdrawal | None:
        found = [one for one in store.open_of_wallet(tx, self.rows(tx)[0].wallet) if one.kind is Kind.BATCH]
        assert len(found) <= 1
        return found[0] if found else None

    def begin(self, tx: Connection, picks: list[int]) -> None:
        waiting = [one for one in self.rows(tx) if isinstance(one.state, lives.Requested)]
        chosen = [one for place, one in enumerate(waiting) if place in picks]
        if not chosen or self.open_batch(tx) is not None:
            return
        self.made += 1
        first, name = chosen[0], f"b-{self.made}"
        new = NewWithdrawal(name, Kind.BATCH, first.wallet, NETWORK, NATIVE, 0, "", 10**15)
        draft = life.DraftMade(Draft(Slot(NETWORK, "safe:x", self.made), "ab" * 32))
        fixed = Fixed(tuple(one.id for one in chosen), draft, b"intent", b"draft", 10, 1)
        carried.begin(tx, take(tx), new, fixed, NOW_MS)

    def befalls(self, tx: Connection, event: life.Event) -> None:
        batch = self.open_batch(tx)
        if batch is None:
            return
        if isinstance(event, life.Undrafted) and not isinstance(batch.state, lives.Drafted):
            return
        before = {one.id: one.state for one in self.rows(tx)}
        life.advance(batch.state, event)
        try:
            carried.step(tx, take(tx), batch, event, NOW_MS)
        except Conflict as error:  # what befalls the batch can always befall what it carries
            raise AssertionError(f"{batch.state} {event}: {error.public}") from error
        for one in self.rows(tx):
            if isinstance(one.state, lives.Confirmed) and not isinstance(before[one.id], lives.Confirmed):
                self.paid[one.id] = self.paid.get(one.id, 0) + 1

    def by_hand(self, tx: Connection, asked: tuple[int, str]) -> None:
        place, what = asked
        one = self.rows(tx)[place % self.count]
        if not carried.is_concerned(one) or not lives.is_open(one.state):
            return
        if what == "cancel":
            carried.cancel(tx, one, NOW_MS)
        elif what == "freeze":
            carried.freeze(tx, one, "look", NOW_MS)
        else:
            carried.thaw(tx, one, NOW_MS)

    def holds(self, tx: Connection) -> None:
        """What is so after every step."""
        batch, rows = self.open_batch(tx), self.rows(tx)
        for one in rows:
            if isinstance(one.state, lives.Requested):
                assert one.batch is None
            elif lives.is_open(one.state) and one.batch is not None and batch is not None:
                assert one.batch == batch.id
        held = sum(UNITS for one in rows if lives.is_open(one.state))
        assert self.shop_balance(tx, f"held:{rows[0].wallet}") == held
        settled = sum(UNITS for one in rows if isinstance(one.state, lives.Confirmed))
        assert self.shop_balance(tx, f"coins:{rows[0].wallet}") == COUNT_MAX * UNITS - settled
        assert all(times == 1 for times in self.paid.values())

    def finish(self, tx: Connection) -> None:
        """Everybody who waits is paid, what is to be burnt is burnt."""
        for place in range(self.count):
            quietly(tx, partial(self.by_hand, asked=(place, "thaw")))
            one = self.rows(tx)[place]
            if isinstance(one.state, lives.Frozen):
                store.step(tx, one.id, life.Thawed(), NOW_MS)
        for _ in range(3 * self.count):
            batch = self.open_batch(tx)
            if batch is None:
                self.begin(tx, list(range(self.count)))
            elif isinstance(batch.state, lives.Uncertain) and batch.state.then is not None:
                self.befalls(tx, life.SlotUsed(OTHERS))
            else:
                for event in (*OPENED, life.Finalized()):
                    quietly(tx, partial(self.befalls, event=event))
        carried.settle_left(tx, take(tx), NETWORK)

    def shop_balance(self, tx: Connection, account: str) -> int:
        return ledger.balance(tx, account, NATIVE)


def take(tx: Connection) -> carried.Step:
    return lambda name, event, **columns: store.step(tx, name, event, NOW_MS, **columns)


def quietly(tx: Connection, work: Callable[[Connection], None]) -> None:
    """An event that is not legal now changes nothing."""
    with suppress(Conflict), tx.begin_nested():
        work(tx)


class _Over(Exception):
    """An example has ended: nothing of it stays in the database."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    found = Workshop(tmp_path_factory.mktemp("books"))
    record = found.issue(WALLET)
    found.credit(record.wallet, COUNT_MAX * UNITS)
    yield found
    found.close()


STEPS = st.lists(
    st.one_of(
        st.builds(lambda picks: ("begin", picks), st.lists(st.integers(0, 5), min_size=1, max_size=6)),
        st.builds(lambda event: ("event", event), st.sampled_from(EVENTS)),
        st.builds(
            lambda place, what: ("hand", (place, what)),
            st.integers(0, 5),
            st.sampled_from(("cancel", "freeze", "thaw")),
        ),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(count=st.integers(1, 6), steps=STEPS)
def test_each_is_paid_once_or_not_at_all(shop: Workshop, count: int, steps: list[tuple[str, object]]) -> None:
    """Whatever grouping is made and whatever befalls the batches, in any order: nobody is paid twice, what is
    held and what has left add up, and in the end everybody who still waits can be paid."""
    books = Books(shop, count)

    def life_of_them(tx: Connection) -> None:
        for name in books.names():
            shop.desk.request(tx, Order(name, WALLET, NATIVE, UNITS, recipient=RECIPIENT))
        lived(tx, books, steps)
        raise _Over

    with pytest.raises(_Over):
        shop.store.transact(life_of_them)


def befall(tx: Connection, books: Books, kind: str, what: Any) -> None:
    works: dict[str, Callable[..., None]] = {
        "begin": books.begin,
        "event": books.befalls,
        "hand": books.by_hand,
    }
    works[kind](tx, what)


def lived(tx: Connection, books: Books, steps: list[tuple[str, object]]) -> None:
    for kind, what in steps:
        quietly(tx, partial(befall, books=books, kind=kind, what=what))
        books.holds(tx)
    books.finish(tx)
    books.holds(tx)
    assert not any(lives.is_open(one.state) for one in books.rows(tx)), [one.state for one in books.rows(tx)]


@given(st.integers(0, 10**18), st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_shares_of_a_fee_add_up(fee: int, parts: list[int]) -> None:
    """However many payments each withdrawal has: the shares of a fee are the fee, to the unit."""
    found = shares(fee, parts)
    assert sum(found) == fee
    pairs = zip(found, parts, strict=True)
    assert all(abs(share * sum(parts) - fee * part) <= sum(parts) for share, part in pairs)
