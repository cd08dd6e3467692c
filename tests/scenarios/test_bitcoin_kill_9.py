"""Any service dies with -9 at any point of a Bitcoin payment or of a void: nothing is paid twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from keepcool.core.errors import Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.local.bitcoinchain import COIN
from tests.fixtures.bitcoinhouse import BitcoinHouse, whole_bitcoin_house
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


@pytest.mark.parametrize("point", PAYING)
def test_a_death_at_any_point_pays_once(house: BitcoinHouse, point: FaultPoint) -> None:
    """Killed at the point, started again: one payment of the amount, ledger and chain equal, nothing held."""
    payer, to, units = house.wallet(), house.outside(), COIN // 7
    with house.doomed(point) as service:
        asked = house.withdraw(payer, units, to)
        assert service.wait(WAIT_S) == -signal.SIGKILL
    house.paid_once(asked, to, units)


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
