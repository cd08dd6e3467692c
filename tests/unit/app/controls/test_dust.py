"""Dust: on the books from the first day, its owner's once somebody credits it, and gone with its block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.books import accounts, ledger
from keepcool.app.controls import dust, suspensions
from keepcool.app.controls.suspensions import Deposits, Kind, Wish
from keepcool.app.deposits.records import Deposit
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId
from tests.unit.app.deposits.bitcoin_office import ALICE, BitcoinOffice
from tests.unit.app.deposits.bitcoin_office import ASSET as COIN
from tests.unit.app.deposits.office import NATIVE, NETWORK
from tests.unit.app.deposits.paperbitcoin import PaperBitcoin, payment
from tests.unit.app.deposits.paperchain import sends, transfers
from tests.unit.app.deposits.test_crediting import ASSET, TOKEN, A, Desk

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.office.minimums = {NATIVE: 10}
    yield made
    made.office.close()


def dust_of(desk: Desk, asset: AssetId = NATIVE) -> int:
    return desk.office.store.transact(lambda tx: ledger.balance(tx, accounts.dust(desk.a), asset))


def credit(desk: Desk, one: Deposit) -> Deposit:
    return desk.office.store.transact(
        lambda tx: dust.credit(tx, one.id, by="operator", reason="asked for", at_ms=9)
    )


def test_dust_lies_on_the_books_until_it_is_credited(desk: Desk) -> None:
    """Coins and dust have it, its owner has not; by hand it becomes his, once."""
    desk.happens(sends(A, 9))
    (one,) = desk.office.deposits()
    assert (one.state.value, one.posted, one.credited) == ("dust", True, 0)
    assert (desk.office.coins(desk.a), dust_of(desk), desk.office.owed(desk.a)) == (9, 9, 0)
    for _ in range(2):
        assert credit(desk, one).credited == 9
        assert (desk.office.coins(desk.a), dust_of(desk), desk.office.owed(desk.a)) == (9, 0, 9)
    assert desk.office.is_balanced()


@pytest.mark.parametrize("spent", [0, 4, 9])
def test_credited_dust_goes_with_its_block(desk: Desk, spent: int) -> None:
    """Nobody's books keep it; what the owner has spent of it his wallet falls short of."""
    desk.happens(sends(A, 9))
    credit(desk, desk.office.deposits()[0])
    if spent:
        desk.office.store.transact(
            lambda tx: ledger.hold(tx, withdrawal="w", wallet=desk.a, asset=NATIVE, units=spent, at_ms=1)
        )
    desk.chain.reorganise(3)
    desk.follow()
    short = desk.office.store.transact(lambda tx: ledger.wallet_short(tx, desk.a))
    assert short == ({NATIVE: spent} if spent else {})
    assert (dust_of(desk), desk.office.owed(desk.a), desk.office.is_balanced()) == (0, 0, True)


def test_uncredited_dust_goes_with_its_block(desk: Desk) -> None:
    """The twin without a person's hand in it."""
    desk.happens(sends(A, 9))
    desk.chain.reorganise(3)
    desk.follow()
    assert (desk.office.coins(desk.a), dust_of(desk), desk.office.is_balanced()) == (0, 0, True)


def test_only_dust_is_credited_by_hand(desk: Desk) -> None:
    """What is pending or short is not, and nothing changes."""
    desk.happens(transfers(TOKEN, A, 100, arrives=0))
    (short,) = desk.office.deposits()
    with pytest.raises(Conflict) as caught:
        credit(desk, short)
    assert (caught.value.code, desk.office.owed(desk.a, ASSET)) == ("deposit.not_dust", 0)


def test_held_deposits_stay_pending_and_are_credited_afterwards(desk: Desk) -> None:
    """While an asset is suspended with its deposits held, nothing of it is credited; then all of it is."""
    store = desk.office.store
    wish = Wish(Kind.NETWORK, NETWORK, "a split", "operator", Deposits.HOLD)
    store.transact(lambda tx: suspensions.suspend(tx, wish, 1))
    desk.happens(sends(A, 50), transfers(TOKEN, A, 7))
    desk.happens(sends(A, 60))
    assert {row[1] for row in desk.office.told()} == {"pending"}
    store.transact(
        lambda tx: suspensions.resume(tx, Kind.NETWORK, NETWORK, reason="over", by="operator", at_ms=2)
    )
    desk.happens()
    assert {row[1] for row in desk.office.told()} == {"credited"}
    assert (desk.office.owed(desk.a), desk.office.owed(desk.a, ASSET), desk.codes()) == (110, 7, [])


@pytest.fixture
def office(tmp_path: Path) -> Iterator[BitcoinOffice]:
    one = BitcoinOffice(tmp_path)
    yield one
    one.close()


def test_a_coin_of_dust_may_be_spent_once_it_is_credited(office: BitcoinOffice) -> None:
    """Chosen like any other from then on; held while its network is suspended so."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower, store = office.follower(node), office.store
    wish = Wish(Kind.ASSET, COIN, "a split", "operator", Deposits.HOLD)
    store.transact(lambda tx: suspensions.suspend(tx, wish, 1))
    node.mine(payment([(to, 999)]))
    node.mine()
    office.follow(follower)
    assert office.told() == [(ALICE, "pending", 999)]
    store.transact(lambda tx: suspensions.resume(tx, Kind.ASSET, COIN, reason="x", by="o", at_ms=2))
    node.mine()
    office.follow(follower)
    assert (office.told(), office.spendable(ALICE)) == ([(ALICE, "dust", 999)], [])
    name = office.deposits()[0].id
    store.transact(lambda tx: dust.credit(tx, name, by="operator", reason="asked for", at_ms=3))
    assert [one.amount_sat for one in office.spendable(ALICE)] == [999]
    assert (office.owed(ALICE), office.on_books(ALICE)) == (999, 999)
