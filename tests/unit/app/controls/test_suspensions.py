"""Suspended: nothing is paid, nothing is lost, and all of it goes on afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.controls import stops, suspensions
from keepcool.app.controls.suspensions import Deposits, Kind, Suspension, Wish
from keepcool.app.events import log
from keepcool.app.payouts import store, turns
from keepcool.app.payouts.store import Kind as PayoutKind
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Conflict, KeepcoolError
from keepcool.core.ids import WalletId
from tests.unit.app.payouts.workshop import ETHER, NATIVE, NETWORK, Workshop

WALLET = WalletId("w1")
SUBJECTS = [(Kind.USER, "owner"), (Kind.ASSET, NATIVE), (Kind.NETWORK, NETWORK)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    made.issue(WALLET)
    made.credit(WALLET, 10 * ETHER)
    yield made
    made.close()


def suspend(shop: Workshop, kind: Kind, subject: str, deposits: Deposits = Deposits.CREDIT) -> Suspension:
    wish = Wish(kind, subject, "a court order", "operator", deposits)
    return shop.store.transact(lambda tx: suspensions.suspend(tx, wish, 5))


def resume(shop: Workshop, kind: Kind, subject: str) -> Suspension:
    return shop.store.transact(
        lambda tx: suspensions.resume(tx, kind, subject, reason="settled", by="boss", at_ms=9)
    )


def events_told(shop: Workshop) -> list[str]:
    return [one.type for one in shop.store.transact(lambda tx: log.list_after(tx, 0, limit=500))]


@pytest.mark.parametrize(("kind", "subject"), SUBJECTS)
def test_a_request_is_refused_and_nothing_changed(shop: Workshop, kind: Kind, subject: str) -> None:
    """With a code of its own and the reason; afterwards the same request is taken."""
    suspend(shop, kind, subject)
    with pytest.raises(Conflict, match="a court order") as caught:
        shop.order("wd1", WALLET, ETHER)
    assert caught.value.code == f"{kind.value}.suspended"
    assert (shop.balance(f"held:{WALLET}"), shop.balance(f"owed:{WALLET}")) == (0, 10 * ETHER)
    resume(shop, kind, subject)
    assert isinstance(shop.order("wd1", WALLET, ETHER).state, lives.Requested)


@pytest.mark.parametrize(("kind", "subject"), SUBJECTS)
def test_what_was_asked_for_waits_and_goes_on(shop: Workshop, kind: Kind, subject: str) -> None:
    """Every step asks; its amount stays held; told why; once resumed nothing stops it."""
    one = shop.order("wd1", WALLET, ETHER)
    suspend(shop, kind, subject)
    told = shop.store.transact(lambda tx: stops.of(tx, one))
    assert told == f"{kind.value} {subject} is suspended: a court order"
    assert shop.balance(f"held:{WALLET}") == ETHER
    resume(shop, kind, subject)
    assert shop.store.transact(lambda tx: stops.of(tx, one)) is None


def test_the_same_order_again_is_told_what_it_was(shop: Workshop) -> None:
    """Who asked before the suspension and asks again hears of his withdrawal."""
    one = shop.order("wd1", WALLET, ETHER)
    suspend(shop, Kind.USER, "owner")
    assert shop.order("wd1", WALLET, ETHER).id == one.id


def test_what_burns_a_slot_is_not_held_up(shop: Workshop) -> None:
    """A void pays nobody: cancelling goes on for a user who is suspended."""
    target = shop.order("wd1", WALLET, ETHER)
    suspend(shop, Kind.USER, "owner")
    void = shop.store.transact(lambda tx: store.request_void(tx, target, 1))
    assert void.kind is PayoutKind.VOID
    assert shop.store.transact(lambda tx: stops.of(tx, void)) is None
    assert turns.whose_turn([void, target]) == void


def test_another_user_and_another_asset_are_not_touched(shop: Workshop) -> None:
    """A suspension is of what it names."""
    suspend(shop, Kind.ASSET, f"{NETWORK}/erc20:0x5FbDB2315678afecb367f032d93F642f64180aa3")
    suspend(shop, Kind.NETWORK, "eip155:1")
    assert isinstance(shop.order("wd1", WALLET, ETHER).state, lives.Requested)


def test_a_deposit_is_credited_to_a_suspended_user(shop: Workshop) -> None:
    """What comes in is his all the same."""
    suspend(shop, Kind.USER, "owner")
    held = shop.store.transact(lambda tx: suspensions.holds_deposits(tx, NETWORK, NATIVE))
    assert not held


@pytest.mark.parametrize(("kind", "subject"), SUBJECTS[1:])
def test_deposits_of_an_asset_are_held_when_it_says_so(shop: Workshop, kind: Kind, subject: str) -> None:
    """Held with the option, credited without it, and no longer once resumed."""

    def held(tx: Connection) -> bool:
        return suspensions.holds_deposits(tx, NETWORK, NATIVE)

    suspend(shop, kind, subject)
    assert not shop.store.transact(held)
    with pytest.raises(Conflict) as caught:
        suspend(shop, kind, subject, Deposits.HOLD)
    assert caught.value.code == "suspension.other"
    resume(shop, kind, subject)
    suspend(shop, kind, subject, Deposits.HOLD)
    assert shop.store.transact(held)
    resume(shop, kind, subject)
    assert not shop.store.transact(held)


def test_who_began_and_ended_it_stays_and_is_told(shop: Workshop) -> None:
    """One event each, with who and why; asked for again it is no news."""
    first = suspend(shop, Kind.USER, "owner")
    assert suspend(shop, Kind.USER, "owner") == first
    ended = resume(shop, Kind.USER, "owner")
    assert (ended.by, ended.ended_by, ended.ended_reason) == ("operator", "boss", "settled")
    assert [one for one in events_told(shop) if one.startswith("user.")] == ["user.suspended", "user.resumed"]
    again = suspend(shop, Kind.USER, "owner")
    listed = shop.store.transact(lambda tx: suspensions.listed(tx, limit=10))
    assert [one.number for one in listed] == [again.number, first.number]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish(Kind.USER, "nobody", "why", "operator"), "user.not_found"),
        (Wish(Kind.USER, "owner", "  ", "operator"), "control.reason"),
        (Wish(Kind.USER, "owner", "why", "operator", Deposits.HOLD), "suspension.deposits"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Workshop, wish: Wish, code: str) -> None:
    """An unknown user, no reason, and holding a user's deposits."""
    with pytest.raises(KeepcoolError) as caught:
        shop.store.transact(lambda tx: suspensions.suspend(tx, wish, 1))
    assert caught.value.code == code


def test_what_goes_on_cannot_be_resumed(shop: Workshop) -> None:
    """It is told so."""
    with pytest.raises(Conflict) as missing:
        resume(shop, Kind.USER, "owner")
    assert missing.value.code == "suspension.not_found"
