"""Any service dies with -9 at any point of a Minter payment or a wallet's making: nothing happens twice."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from keepcool.client.api import Wallet
from keepcool.client.http import fresh_key
from keepcool.client.models import Withdrawal
from keepcool.core.errors import Unavailable
from keepcool.core.faults import FaultPoint
from tests.fixtures.deaths import SERVICES, dying_at_each, points_of
from tests.fixtures.installation import COIN, WAIT_S
from tests.fixtures.minterhouse import MNT, MinterHouse

pytestmark = pytest.mark.live

NOT_ON_MINTER = {FaultPoint.APP_DEPLOY_STORED: "wallets are made ahead, none is deployed by a payment"}
MAKING_WALLETS = {
    FaultPoint.KEEPER_PURSE_REMEMBERED: "creators make wallets; the wallet itself pays for payments",
    FaultPoint.KEEPER_PURSE_SIGNED: "as above",
}
PAYING = [point for point in FaultPoint if point not in NOT_ON_MINTER | MAKING_WALLETS]
BURNING = (FaultPoint.APP_PURSE_STORED, FaultPoint.APP_CONFIRMED)


@pytest.fixture(scope="module")
def payer(minter_house: MinterHouse) -> Wallet:
    return minter_house.wallet(1000)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_dies_at_every_point_pays_once(
    minter: MinterHouse, payer: Wallet, service: str
) -> None:
    """Killed at each point in turn, each time over what it had left: one payment of the amount for whatever
    was asked, ledger and chain equal, nothing held."""
    paid = dict[str, str]()

    def ask() -> Withdrawal:
        to = minter.outside()
        asked = minter.client.withdraw(payer.id, MNT, COIN // 7, to)
        paid[asked.id] = to
        return asked

    for asked in dying_at_each(minter, points_of(service, PAYING), ask):
        minter.paid_once(asked, paid[asked.id], COIN // 7)


@pytest.mark.parametrize("point", BURNING)
def test_a_death_while_a_nonce_is_burnt_releases_once(minter: MinterHouse, point: FaultPoint) -> None:
    """A payment both have signed is cancelled, and App dies while its void is on its way: it is never paid,
    and its amount is free again exactly once."""
    payer, to = minter.wallet(), minter.outside()
    minter.restart("app", env={"KEEPCOOL_FAULT": FaultPoint.APP_SIGNED.value})
    asked = minter.client.withdraw(payer.id, MNT, COIN, to)
    assert minter.child("app").wait(WAIT_S) == -signal.SIGKILL
    minter.postpone(asked)
    minter.start("app", env={"KEEPCOOL_FAULT": point.value})
    with suppress(Unavailable):  # App may die before it has answered
        minter.client.cancel(asked.id)
    assert minter.child("app").wait(WAIT_S) == -signal.SIGKILL
    minter.start("app")
    assert minter.until_state(asked, "cancelled", "confirmed").state == "cancelled"
    assert minter.chain.balance(to) == 0
    minter.agrees(payer)


@pytest.mark.parametrize("point", MAKING_WALLETS)
def test_a_death_while_a_wallet_is_made_makes_it_once(minter: MinterHouse, point: FaultPoint) -> None:
    """Keeper is killed while it signs a wallet's creation: every user has a wallet that stands, and the
    creators' books say what they have paid."""
    minter.until_spares_stand()
    user, key = minter.client.make_user().id, fresh_key()
    with minter.doomed(point) as keeper:
        with suppress(Unavailable):  # Keeper may die before it has proven this one
            minter.ask_wallet(user, key)
        assert keeper.wait(WAIT_S) == -signal.SIGKILL
    minter.until_shown(minter.asked_wallet(user, key))
    wallets = [minter.client.wallet(one.id) for one in minter.client.read.wallets(user)]
    assert [minter.chain.multisig(one.address)[0] for one in wallets] == [2]
    minter.until_spares_stand()
    minter.agrees(*wallets)


def test_every_point_is_met_by_one_of_these() -> None:
    """No point of the list is forgotten."""
    assert {*PAYING, *NOT_ON_MINTER, *MAKING_WALLETS} == set(FaultPoint)
