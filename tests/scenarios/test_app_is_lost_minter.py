"""App's database is gone on Minter: wallets that were proven by the chain, and what they paid, come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.installation import COIN
from tests.fixtures.lostbooks import alarms, connect_anew, lose_books, told
from tests.fixtures.minterhouse import MNT, NETWORK, USD, MinterHouse, whole_minter_house

pytestmark = pytest.mark.live
RESCAN = ("rescan", "--network", NETWORK, "--from-height", "1")


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[MinterHouse]:
    failed_before = request.session.testsfailed
    with whole_minter_house(lambda: request.session.testsfailed > failed_before) as made:
        yield made


def test_proven_wallets_and_their_balances_come_back(house: MinterHouse) -> None:
    """Coins and a token that came in, payments with their fees, a transfer: after restore and rescan every
    balance is what it was, to the pip; spares that nobody was given stay nobody's, and payments go on."""
    alice, bob = house.wallet(10, 20), house.wallet(5)
    house.confirmed(house.client.withdraw(alice.id, MNT, COIN, house.outside()))
    house.confirmed(house.client.withdraw(alice.id, USD, 7 * COIN, house.outside()))
    house.confirmed(house.client.transfer(bob.id, alice.id, MNT, 2 * COIN))
    house.agrees(alice, bob)
    before = {(one.id, asset): house.available(one, asset) for one in (alice, bob) for asset in (MNT, USD)}
    lose_books(house)

    restored = told(house, "restore", "--from-signers")
    assert (restored["wallets"], restored["users"], restored["refused"]) == (2, 2, [])
    done = told(house, *RESCAN)
    assert (done["even"], done["ended"], done["booked"], done["open"]) == (True, True, 3, [])
    again = told(house, *RESCAN)
    assert (again["even"], again["ended"], again["booked"], again["open"]) == (True, False, 3, [])

    house.start("app")
    connect_anew(house)
    assert before == {(one, asset): house.available(house.client.wallet(one), asset) for one, asset in before}
    to = house.outside()
    paid = house.confirmed(house.client.withdraw(alice.id, MNT, COIN, to))
    assert (house.chain.balance(to), paid.state) == (COIN, "confirmed")
    fresh = house.wallet(3)
    assert fresh.address not in (alice.address, bob.address)
    house.agrees(alice, bob, fresh)
    assert alarms(house) <= {"books.restored", "payout.recalled"}
