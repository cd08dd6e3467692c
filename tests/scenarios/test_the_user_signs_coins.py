"""Owners sign on networks where the wallet itself pays its fee: the highest one is signed with the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.client.devicekeys import DeviceKey
from keepcool.client.orders import Order
from keepcool.core.errors import Malformed
from keepcool.core.intent import parse_intent
from keepcool.local.bitcoinchain import COIN as LITECOIN
from keepcool.local.plan import BitcoinPlan
from tests.fixtures import bitcoinhouse, minterhouse
from tests.fixtures.bitcoinhouse import whole_bitcoin_house
from tests.fixtures.installation import COIN, SIGNING, WAIT_S, eventually
from tests.fixtures.minterhouse import whole_minter_house

pytestmark = pytest.mark.live
KEY = DeviceKey(b"\x01" * 32)
UNITS, FEE_MAX = LITECOIN // 4, 50_000


def _quick(network: BitcoinPlan) -> BitcoinPlan:
    """Raised soon, by a dearer transaction of the same coins."""
    return replace(network, bump_after_s=2, replacement="any")


def test_one_signature_serves_every_fee_of_the_ladder(request: pytest.FixtureRequest) -> None:
    """On Litecoin: nothing leaves unsigned; the owner's one signature of the intent is shown with each of its
    drafts, so the payment is raised without him; without a highest fee nothing is asked for."""
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(lambda: request.session.testsfailed > failed_before, _quick, SIGNING) as house:
        client, asset = house.client, bitcoinhouse.LTC
        wallet = client.make_wallet(client.make_user().id, bitcoinhouse.NETWORK, user_key=KEY.text)
        house.chain.pay(wallet.address, LITECOIN)
        house.until_available(wallet, asset, LITECOIN)
        to = house.outside()
        with pytest.raises(Malformed, match=r"client\.fee_max"):
            client.withdraw(wallet.id, asset, UNITS, to, sign_with=KEY)
        with house.miner.held():
            asked = client.withdraw(wallet.id, asset, UNITS, to, fee_max=FEE_MAX)
            told = house.until_state(asked, "needs_review")
            assert told.review is not None
            assert len(told.review.drafts) > 1
            assert parse_intent(told.review.intent_bytes).fee_max.units == FEE_MAX
            client.withdrawals.sign(asked.id, KEY, Order(wallet.id, asset, UNITS, to, FEE_MAX))
            eventually(lambda: len(client.withdrawal(asked.id).transactions) > 1, "it was not raised")
        client.settled(asked.id, WAIT_S, reviewed=True)
        ended = house.paid_once(asked, to, UNITS)
        assert 0 < int(ended.fee_paid or 0) <= FEE_MAX


def test_an_owner_signs_on_minter(request: pytest.FixtureRequest) -> None:
    """The wallet was made ahead, for nobody; given to an owner with his key, it pays what he signed."""
    failed_before = request.session.testsfailed
    with whole_minter_house(lambda: request.session.testsfailed > failed_before, SIGNING) as house:
        client, asset, coins = house.client, minterhouse.MNT, COIN
        wallet = client.make_wallet(
            client.make_user().id, minterhouse.NETWORK, user_key=KEY.text, timeout_s=WAIT_S
        )
        house.chain.fund(wallet.address, 10 * coins)
        house.until_available(wallet, asset, 10 * coins)
        to, fee_max = house.outside(), minterhouse.FEE_MAX
        asked = client.withdraw(wallet.id, asset, coins, to, fee_max=fee_max)
        house.until_state(asked, "needs_review")
        client.withdrawals.sign(asked.id, KEY, Order(wallet.id, asset, coins, to, fee_max))
        client.settled(asked.id, WAIT_S, reviewed=True)
        house.paid_once(asked, to, coins)
