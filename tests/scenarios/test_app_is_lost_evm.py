"""App's database is gone on an EVM network: Safes, their deposits and their payments come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.chain import NETWORK
from tests.fixtures.installation import COIN, House, eventually, whole_house
from tests.fixtures.lostbooks import alarms, connect_anew, lose_books, told

pytestmark = pytest.mark.live
RESCAN = ("rescan", "--network", NETWORK, "--from-height", "0")


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    failed_before = request.session.testsfailed
    with whole_house(lambda: request.session.testsfailed > failed_before) as made:
        yield made


def test_safes_and_their_balances_come_back(house: House) -> None:
    """Coins and tokens that came in, payments, one to another wallet of ours that does not stand yet: after
    restore and rescan every balance is what it was, to the unit, nobody is accused, and payments go on."""
    alice, bob = house.wallet(10, 50), house.wallet(3)
    house.confirmed(house.client.withdraw(alice.id, house.eth, COIN, house.outside()))
    house.confirmed(house.client.withdraw(alice.id, house.usd, 7 * COIN, house.outside()))
    house.confirmed(house.client.transfer(alice.id, bob.id, house.eth, 2 * COIN))
    house.until_available(bob, house.eth, 5 * COIN)
    house.agrees(alice, bob)
    lose_books(house)

    restored = told(house, "restore", "--from-signers")
    assert (restored["wallets"], restored["users"], restored["refused"]) == (2, 2, [])
    done = told(house, *RESCAN)
    assert (done["even"], done["ended"], done["booked"], done["open"]) == (True, True, 3, [])
    again = told(house, *RESCAN)
    assert (again["even"], again["ended"], again["booked"], again["open"]) == (True, False, 3, [])

    house.start("app")
    connect_anew(house)
    assert (house.available(alice, house.eth), house.available(alice, house.usd)) == (7 * COIN, 43 * COIN)
    assert house.available(bob, house.eth) == 5 * COIN
    assert house.client.wallet(alice.id).address == alice.address
    eventually(lambda: bool(house.client.read.purses()), "the purse is not known again")
    house.agrees(alice, bob)
    to = house.outside()
    house.paid_once(house.client.withdraw(bob.id, house.eth, COIN, to), to, COIN)
    assert alarms(house) <= {"books.restored", "payout.recalled"}
