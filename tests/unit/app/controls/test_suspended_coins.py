"""Suspended on a Bitcoin network: payments wait before they are drafted, and before they are sent, and go on
afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import book
from keepcool.app.controls import stops, suspensions
from keepcool.app.controls.suspensions import Kind, Wish
from keepcool.app.payouts.bitcoin import batches, lookups
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Stage
from keepcool.core.errors import Conflict, Unavailable
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal_states import Confirmed, Requested, Signed
from tests.fixtures.bitcoinoffice import ASSET
from tests.fixtures.bitcoinrecords import NETWORK, POOL
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A pool with two members, each with a coin, and a payment of each."""
    made = House(tmp_path)
    record = made.office.issue("pool", 0, profile=POOL)
    for number, name in enumerate(("alice", "bob"), start=1):
        address = made.office.member(record, name, number, owner=f"user-of-{name}")
        made.fund(record, name, COIN, address=address)
    for number, name in enumerate(("alice", "bob"), start=1):
        made.office.order(name[0], name, COIN // 4, made.outside(number))
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "subject"), [(Kind.NETWORK, NETWORK), (Kind.ASSET, ASSET)])
def test_nothing_is_drafted_until_it_is_resumed(house: House, kind: Kind, subject: str) -> None:
    """Both wait and say why, a third is refused; resumed, both are paid once."""
    transact, wish = house.office.store.transact, Wish(kind, subject, "a split", "operator")
    transact(lambda tx: suspensions.suspend(tx, wish, 1))
    house.live(lambda: all("a split" in (house.office.read(one).problem or "") for one in "ab"))
    assert all(isinstance(house.office.read(one).state, Requested) for one in "ab")
    with pytest.raises(Conflict, match="a split"):
        house.office.order("c", "alice", COIN // 4, house.outside(3))
    transact(lambda tx: suspensions.resume(tx, kind, subject, reason="over", by="operator", at_ms=2))
    house.confirmed("a")
    house.confirmed("b")
    assert [house.paper.paid(house.script(number)) for number in (1, 2, 3)] == [COIN // 4, COIN // 4, 0]


def batch_of(house: House, name: str) -> Batch:
    return house.office.store.transact(lambda tx: batches.of_withdrawal(tx, name))[-1]


def both_signed(house: House) -> Batch:
    """One transaction pays both and is signed by both signers; no node can be reached to send it."""
    house.paper.refusal = Unavailable("node.unreachable", "away")
    house.live(lambda: all(isinstance(house.office.state(one), Signed) for one in "ab"))
    one = batch_of(house, "a")
    assert one == batch_of(house, "b")
    return one


def suspend(house: House, kind: Kind, subject: str) -> None:
    wish = Wish(kind, subject, "card fraud", "operator")
    house.office.store.transact(lambda tx: suspensions.suspend(tx, wish, 1))


def resume(house: House, kind: Kind, subject: str) -> None:
    transact, waiting = house.office.store.transact, batch_of(house, "a").id
    transact(lambda tx: suspensions.resume(tx, kind, subject, reason="his", by="operator", at_ms=2))
    transact(lambda tx: batches.at_once(tx, waiting))


def paid(house: House) -> list[int]:
    return [house.paper.paid(house.script(number)) for number in (1, 2)]


def agrees(house: House) -> None:
    wallets = ("pool", "alice", "bob")
    booked = sum(house.office.account(accounts.coins(WalletId(one))) for one in wallets)
    assert booked == house.office.store.transact(lambda tx: book.held_sat(tx, WalletId("pool")))
    assert not house.office.store.transact(ledger.check_books), house.office.told()


def test_what_is_signed_is_not_sent_for_a_suspended_user_and_others_are_paid(house: House) -> None:
    """Her signed payment is held back and its coins are burnt, her amount held all the while; the other is
    paid by a transaction without her, and she once she is resumed."""
    signed = both_signed(house)
    suspend(house, Kind.USER, "user-of-alice")
    house.paper.refusal = None
    house.confirmed("b")
    house.live(lambda: isinstance(house.office.state("a"), Requested))
    assert (paid(house), house.office.account(accounts.held(WalletId("alice"))) >= COIN // 4) == (
        [0, COIN // 4],
        True,
    )
    assert batch_of(house, "b").id != signed.id
    burnt = house.office.store.transact(lambda tx: batches.children(tx, signed.id, Purpose.BURN))
    assert [one.stage for one in burnt].count(Stage.CONFIRMED) == 1
    assert "payout.taken_apart" in house.office.notes()
    agrees(house)
    resume(house, Kind.USER, "user-of-alice")
    house.confirmed("a")
    assert paid(house) == [COIN // 4, COIN // 4]
    agrees(house)


def test_whoever_does_not_look_again_pays_the_suspended_user(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: without a look before it is sent, the signed payment pays her although she is suspended."""
    both_signed(house)
    suspend(house, Kind.USER, "user-of-alice")
    monkeypatch.setattr(stops, "of_operators", lambda *_: None)
    house.paper.refusal = None
    house.confirmed("a", "b")
    assert paid(house) == [COIN // 4, COIN // 4]


@pytest.mark.parametrize(("kind", "subject"), [(Kind.NETWORK, NETWORK), (Kind.ASSET, ASSET)])
def test_what_is_signed_waits_as_it_is_while_all_it_pays_are_suspended(
    house: House, kind: Kind, subject: str
) -> None:
    """Nothing is burnt, nothing is sent and it says why; resumed, the very transaction pays both."""
    signed = both_signed(house)
    suspend(house, kind, subject)
    house.paper.refusal = None
    house.live(lambda: "card fraud" in (batch_of(house, "a").problem or ""))
    house.linger()
    assert (house.paper.sent, batch_of(house, "a").stage) == ([], Stage.SIGNED)
    assert "card fraud" in (house.office.store.transact(lambda tx: lookups.problem(tx, "a")) or "")
    resume(house, kind, subject)
    house.confirmed("a", "b")
    assert (paid(house), batch_of(house, "b").id) == ([COIN // 4, COIN // 4], signed.id)
    assert all(isinstance(house.office.state(one), Confirmed) for one in "ab")
    agrees(house)
