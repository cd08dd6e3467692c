"""The broker may die, forget everything and come back: it holds nothing that is needed."""

from __future__ import annotations

import shutil

import pytest

from keepcool.local.layout import JETSTREAM
from tests.fixtures.installation import COIN, House, eventually

pytestmark = pytest.mark.live
WALLETS = 4


@pytest.mark.parametrize("wait_for", ["requested", "signed"])
def test_wiped_in_the_middle_everything_is_paid_once(house: House, wait_for: str) -> None:
    """Killed with its memory wiped while withdrawals are open, and started again: each is paid once."""
    payers = [house.wallet() for _ in range(WALLETS)]
    to = [house.outside() for _ in payers]
    asked = [
        house.client.withdraw(one.id, house.eth, COIN, there) for one, there in zip(payers, to, strict=True)
    ]
    if wait_for == "signed":
        first = asked[0].id
        eventually(lambda: house.client.withdrawal(first).state not in ("requested", "drafted"), "no step")
    house.child("broker").kill9()
    store = house.places.broker / JETSTREAM
    shutil.rmtree(store)
    store.mkdir(mode=0o700)
    house.start("broker")
    for one, there in zip(asked, to, strict=True):
        house.paid_once(one, there, COIN)


def test_without_a_broker_nothing_is_signed_and_nothing_is_lost(house: House) -> None:
    """While the broker is away orders are taken and wait, no journal grows; they are paid when it is back."""
    payer, to = house.wallet(), house.outside()
    rows = house.rows("keeper"), house.rows("cooler")
    house.stop("broker")
    asked = house.client.withdraw(payer.id, house.eth, COIN, to)
    eventually(lambda: house.client.withdrawal(asked.id).state == "drafted", "not drafted")
    assert (house.rows("keeper"), house.rows("cooler")) == rows
    assert house.chain.balance(to) == 0
    house.start("broker")
    house.paid_once(asked, to, COIN)
