"""Any service dies with -9 at any point of a withdrawal, and exactly one payment stands."""

from __future__ import annotations

import signal

import pytest

from keepcool.core.faults import FaultPoint
from tests.fixtures.installation import COIN, WAIT_S, House

pytestmark = pytest.mark.live

DEPLOYING = {FaultPoint.APP_DEPLOY_STORED}
PAID_BY_PURSE = (
    FaultPoint.APP_SENT,
    FaultPoint.APP_CONFIRMED,
    FaultPoint.KEEPER_PURSE_REMEMBERED,
    FaultPoint.KEEPER_PURSE_SIGNED,
)


@pytest.fixture(scope="module")
def payer(house: House) -> str:
    """A wallet that has been deployed, so that the point is met by the payment itself."""
    return house.deployed(100).id


@pytest.mark.parametrize("point", FaultPoint)
def test_a_death_at_any_point_pays_once(house: House, payer: str, point: FaultPoint) -> None:
    """Killed at the point, started again: one payment of the amount, ledger and chain equal, nothing held."""
    _dies_and_pays_once(house, house.wallet().id if point in DEPLOYING else payer, point)


@pytest.mark.parametrize("point", PAID_BY_PURSE)
def test_a_death_during_a_deployment_pays_once(house: House, point: FaultPoint) -> None:
    """Killed while the purse deploys the wallet: it is deployed once, and then paid from once."""
    _dies_and_pays_once(house, house.wallet().id, point)


def _dies_and_pays_once(house: House, payer: str, point: FaultPoint) -> None:
    to, units = house.outside(), COIN // 7
    with house.doomed(point) as service:
        asked = house.client.withdraw(payer, house.eth, units, to)
        assert service.wait(WAIT_S) == -signal.SIGKILL
    house.paid_once(asked, to, units)
