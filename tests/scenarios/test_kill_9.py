"""Any service dies with -9 at any point of a withdrawal, and exactly one payment stands."""

from __future__ import annotations

import signal

import pytest

from keepcool.client.models import Withdrawal
from keepcool.core.faults import FaultPoint
from keepcool.core.parties import Service
from tests.fixtures.deaths import SERVICES, dying_at_each, points_of
from tests.fixtures.installation import COIN, WAIT_S, House

pytestmark = pytest.mark.live

PAYING = [point for point in FaultPoint if point is not FaultPoint.APP_DEPLOY_STORED]
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


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_dies_at_every_point_pays_once(house: House, payer: str, service: str) -> None:
    """Killed at each point in turn, each time over what it had left: one payment of the amount for whatever
    was asked, ledger and chain equal, nothing held."""
    paid = dict[str, str]()

    def ask() -> Withdrawal:
        to = house.outside()
        asked = house.client.withdraw(payer, house.eth, COIN // 7, to)
        paid[asked.id] = to
        return asked

    for asked in dying_at_each(house, points_of(service, PAYING), ask):
        house.paid_once(asked, paid[asked.id], COIN // 7)


def test_a_death_before_a_wallet_is_deployed_pays_once(house: House) -> None:
    """Killed when the deployment is stored and not sent: the wallet is deployed once, and paid from once."""
    _dies_and_pays_once(house, house.wallet().id, FaultPoint.APP_DEPLOY_STORED)


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


def test_a_death_in_the_middle_of_a_batch_pays_each_once(house: House, payer: str) -> None:
    """Killed with a batch of three handed to the network and not noted: each is paid once, by one
    transaction."""
    with house.edited(Service.APP, _waiting_for_others), house.doomed(FaultPoint.APP_SENT) as service:
        to = [house.outside() for _ in range(3)]
        asked = [house.client.withdraw(payer, house.eth, COIN // 11, one) for one in to]
        assert service.wait(WAIT_S) == -signal.SIGKILL
    for one, recipient in zip(asked, to, strict=True):
        house.paid_once(one, recipient, COIN // 11)
    paid = [house.client.withdrawal(one.id) for one in asked]
    assert len({one.transaction for one in paid}) == len({one.batch for one in paid}) == 1
    house.restart("app")  # which others know as it was


def _waiting_for_others(text: str) -> str:
    """App's configuration, of an App whose first withdrawal waits a little for others."""
    return text.replace("withdrawal_fee_max", "batch_wait_s = 2.0\nwithdrawal_fee_max", 1)
