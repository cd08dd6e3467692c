"""Any service dies with -9 at any point of a Bitcoin payment or of a void: nothing is paid twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from keepcool.client.models import Withdrawal
from keepcool.core.errors import Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.local.bitcoinchain import COIN
from tests.fixtures.bitcoinhouse import BitcoinHouse, whole_bitcoin_house
from tests.fixtures.deaths import SERVICES, dying_at_each, points_of
from tests.fixtures.installation import WAIT_S

pytestmark = pytest.mark.live

NOT_ON_BITCOIN = {
    FaultPoint.APP_DEPLOY_STORED: "a wallet is a script, none is deployed",
    FaultPoint.KEEPER_PURSE_REMEMBERED: "transactions pay their fees out of their own coins",
    FaultPoint.KEEPER_PURSE_SIGNED: "as above",
}
PAYING = [point for point in FaultPoint if point not in NOT_ON_BITCOIN]
BURNING = (FaultPoint.APP_PURSE_STORED, FaultPoint.APP_CONFIRMED)


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[BitcoinHouse]:
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(keep=lambda: request.session.testsfailed > failed_before) as made:
        yield made


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_dies_at_every_point_pays_once(house: BitcoinHouse, service: str) -> None:
    """Killed at each point in turn, each time over what it had left: one payment of the amount for whatever
    was asked, ledger and chain equal, nothing held."""
    payer, paid = house.wallet(), dict[str, str]()

    def ask() -> Withdrawal:
        to = house.outside()
        asked = house.withdraw(payer, COIN // 7, to)
        paid[asked.id] = to
        return asked

    for asked in dying_at_each(house, points_of(service, PAYING), ask):
        house.paid_once(asked, paid[asked.id], COIN // 7)


@pytest.mark.parametrize("point", BURNING)
def test_a_death_while_coins_are_burnt_releases_once(house: BitcoinHouse, point: FaultPoint) -> None:
    """A payment both have signed is cancelled, and App dies while its void is on its way: it is never paid,
    and its amount is free again exactly once."""
    payer, to = house.wallet(), house.outside()
    house.restart("app", env={"KEEPCOOL_FAULT": FaultPoint.APP_SIGNED.value})
    asked = house.withdraw(payer, COIN // 4, to)
    assert house.child("app").wait(WAIT_S) == -signal.SIGKILL
    house.postpone(asked)
    house.start("app", env={"KEEPCOOL_FAULT": point.value})
    with suppress(Unavailable):  # App may die before it has answered
        house.client.cancel(asked.id)
    assert house.child("app").wait(WAIT_S) == -signal.SIGKILL
    house.start("app")
    assert house.until_state(asked, "cancelled", "confirmed").state == "cancelled"
    assert house.chain.balance(to) == 0
    house.agrees(payer)


def test_every_point_is_met_by_one_of_these() -> None:
    """No point of the list is forgotten."""
    assert {*PAYING, *NOT_ON_BITCOIN} == set(FaultPoint)
