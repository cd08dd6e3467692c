"""Any part dies at any moment, again and again, under load: every order is paid once, every book balances."""

from __future__ import annotations

import random
import time

import pytest

from keepcool.client.http import fresh_key
from keepcool.core.errors import KeepcoolError
from keepcool.local.running import PARTS
from tests.fixtures.installation import COIN, House, eventually

pytestmark = pytest.mark.live
WALLETS, ORDERS, DEATHS = 5, 3, 7


@pytest.mark.parametrize("seed", [1, 2])
def test_every_order_is_paid_once_whatever_dies(house: House, seed: int) -> None:
    """Fifteen orders of five wallets while parts are killed with -9 and started again: each recipient got
    exactly its amount, ledger and chain are equal, nothing is held."""
    chance = random.Random(seed)  # noqa: S311 - which part dies, to be repeated
    payers = [house.wallet() for _ in range(WALLETS)]
    orders = [(one, house.outside(), fresh_key(), units) for one in payers for units in range(1, ORDERS + 1)]
    chance.shuffle(orders)
    asked = {}
    victims = [chance.choice(PARTS) for _ in range(DEATHS)]
    for number, (payer, to, key, units) in enumerate(orders):
        if number % 2 == 0 and victims:
            _die_and_rise(house, victims.pop(), chance.random())
        asked[key] = _order(house, payer.id, to, key, units)
    for victim in victims:
        _die_and_rise(house, victim, chance.random())
    eventually(lambda: _supervised(house), "not all parts are well again", timeout_s=60)
    for _, to, key, units in orders:
        house.confirmed(house.client.withdrawal(asked[key]), timeout_s=90)
        assert house.chain.balance(to) == units * COIN // 10
    house.agrees(*payers)


def _die_and_rise(house: House, name: str, pause_s: float) -> None:
    time.sleep(pause_s)
    house.child(name).kill9()
    house.start(name, ready=False)


def _supervised(house: House) -> bool:
    """Whether all is well. A signer that found its keystore sealed has ended by itself, as it must: it is
    started again, as `keepcool up` does."""
    for name in PARTS:
        if not house.child(name).alive:
            house.start(name, ready=False)
    return not house.installation.unready()


def _order(house: House, payer: str, to: str, key: str, units: int) -> str:
    """Sent under its key until App has taken it."""
    for _ in range(100):
        try:
            return house.client.withdraw(payer, house.eth, units * COIN // 10, to, key=key).id
        except KeepcoolError:
            time.sleep(0.2)
    raise AssertionError("App takes no orders")
