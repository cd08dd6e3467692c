"""Payments whose transaction was signed, or sent, and can never confirm: they are drafted again by themselves
and paid once, wherever App dies on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import book
from keepcool.app.payouts.bitcoin import batches, settling
from keepcool.app.payouts.bitcoin.batches import Rung
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.store import Withdrawal
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal import SlotUsed
from keepcool.core.withdrawal_states import Confirmed, Failed, Inclusion, Replaced
from tests.fixtures.bitcoinoffice import crashed
from tests.fixtures.bitcoinrecords import POOL
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow

Make: TypeAlias = Callable[..., House]
POINTS = [
    FaultPoint.APP_CONFIRMED,
    FaultPoint.APP_REQUESTED,
    FaultPoint.APP_DRAFTED,
    FaultPoint.APP_PARTLY_SIGNED,
    FaultPoint.APP_SIGNED,
    FaultPoint.APP_PURSE_STORED,
    FaultPoint.APP_SENT,
]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[House] = []

    def house(**more: Any) -> House:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(House(folder, **more))
        return made[-1]

    yield house
    for one in made:
        one.close()


def rungs_of(house: House, name: str) -> list[Rung]:
    return house.office.store.transact(lambda tx: batches.rungs(tx, batches.of_withdrawal(tx, name)[0].id))


def agrees(house: House, source: str, *wallets: str) -> None:
    """Ledger and chain say the same, and nothing is held."""
    names = wallets or (source,)
    booked = sum(house.office.account(accounts.coins(WalletId(one))) for one in names)
    lying = house.office.store.transact(lambda tx: book.held_sat(tx, WalletId(source)))
    assert booked == lying, house.office.told()
    assert [house.office.account(accounts.held(WalletId(one))) for one in names] == [0] * len(names)
    assert not house.office.store.transact(ledger.check_books)


def hurry(tx: Connection, *names: str) -> None:
    """Nothing of them waits for its next try."""
    for name in names:
        for one in batches.of_withdrawal(tx, name):
            batches.at_once(tx, one.id)


def until(house: House, done: Callable[[], bool], *names: str) -> None:
    """Blocks come, and nobody waits, until it is so."""

    def over() -> bool:
        if house.paper.pool:
            house.paper.mine_pool()
        house.office.store.transact(lambda tx: hurry(tx, *names))
        return done()

    house.live(over)


def displaced(house: House) -> None:
    """One payment spends another one's change before any block has either; then a miner takes a dearer rung
    of the first: the second has lost its coin."""
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(house.office.reached("a", "broadcast"))
    house.live(lambda: bool(house.paper.pool))
    house.office.order("b", "w", COIN // 4, house.outside(2))
    house.live(house.office.reached("b", "broadcast"))
    house.live(lambda: len(house.paper.pool) > 1)
    house.paper.mine(rungs_of(house, "a")[-1].raw or b"")
    assert not house.paper.pool


def test_a_payment_that_lost_its_coin_is_made_again(make: Make) -> None:
    """The transaction can never confirm: it is drafted again from what is there, and each is paid once."""
    house = make()
    displaced(house)
    until(house, lambda: isinstance(house.office.state("b"), Confirmed))
    assert isinstance(house.office.state("a"), Confirmed)
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2
    assert len(house.office.store.transact(lambda tx: batches.of_withdrawal(tx, "b"))) > 1
    agrees(house, "w")


def _ends(tx: Connection, lane: BitcoinLane, each: Withdrawal, seen: Inclusion) -> None:
    lane.step_in(tx, each.id, SlotUsed(seen))


def test_who_ends_it_there_never_pays(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: where it ends with its coin, the amount is free again and nobody is paid."""
    monkeypatch.setattr(settling, "_overtake", _ends)
    house = make()
    displaced(house)
    until(house, lambda: isinstance(house.office.state("b"), Replaced))
    house.linger(10)
    assert house.paper.paid(house.script(2)) == 0


@pytest.mark.parametrize("point", POINTS)
def test_wherever_app_dies_it_is_made_again_once(make: Make, point: FaultPoint) -> None:
    """A death at each point in turn between the loss of the coin and the second payment: paid once."""
    house = make()
    displaced(house)
    house.office.faults.at = point
    with pytest.raises(BaseException) as died:  # noqa: PT011 - whatever the loops make of it
        until(house, lambda: isinstance(house.office.state("b"), Confirmed))
    assert crashed(died.value)
    until(house, lambda: isinstance(house.office.state("b"), Confirmed))
    house.linger(10)
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2
    agrees(house, "w")


def test_one_that_no_node_takes_is_found_and_the_others_are_paid(make: Make) -> None:
    """Three of a pool share a transaction that nodes refuse because of one: it is burnt, they are drafted
    again in parts, two are paid once, and the one fails and has its amount back."""
    house = make()
    pool, users = house.office.issue("pool", 0, profile=POOL), ["u1", "u2", "u3"]
    for number, name in enumerate(users, start=1):
        house.fund(pool, name, COIN, address=house.office.member(pool, name, number))
    house.paper.hated = house.script(3)
    for number, name in enumerate(users, start=1):
        house.office.order(f"of-{name}", name, COIN // 4, house.outside(number))
    names = [f"of-{name}" for name in users]
    until(house, lambda: not any(house.office.reached(one, *_OPEN)() for one in names), *names)
    assert [type(house.office.state(one)) for one in names] == [Confirmed, Confirmed, Failed]
    assert [house.paper.paid(house.script(number)) for number in (1, 2, 3)] == [COIN // 4, COIN // 4, 0]
    agrees(house, "pool", "pool", *users)


_OPEN = (
    "requested",
    "drafted",
    "partly_signed",
    "signed",
    "broadcast",
    "uncertain",
    "frozen",
    "needs_review",
)
