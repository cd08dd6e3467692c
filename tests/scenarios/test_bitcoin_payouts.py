"""Bitcoin payouts through real signers, on Litecoin's regtest: paid once, to the satoshi."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from keepcool.client.http import fresh_key
from keepcool.core.errors import Conflict, Malformed
from keepcool.local.bitcoinchain import COIN
from tests.fixtures.bitcoinhouse import LTC, BitcoinHouse, whole_bitcoin_house
from tests.fixtures.installation import WAIT_S

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[BitcoinHouse]:
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(keep=lambda: request.session.testsfailed > failed_before) as made:
        yield made


def test_a_withdrawal_arrives_and_its_fee_is_the_wallets(house: BitcoinHouse) -> None:
    """The amount arrives once, the wallet has paid the fee that was quoted, and the books say so."""
    payer, to = house.wallet(), house.outside()
    quote = house.client.quote(payer.id, LTC, COIN // 4, to)
    paid = house.paid_once(house.withdraw(payer, COIN // 4, to), to, COIN // 4)
    assert paid.fee_paid == quote.fee_expected
    assert house.available(payer, LTC) == COIN - COIN // 4 - int(paid.fee_paid or "0")


def test_asked_twice_it_is_paid_once(house: BitcoinHouse) -> None:
    """The same Idempotency-Key is the same withdrawal: one payment."""
    payer, to, key = house.wallet(), house.outside(), fresh_key()
    first = house.client.withdraw(payer.id, LTC, COIN // 4, to, key=key)
    again = house.client.withdraw(payer.id, LTC, COIN // 4, to, key=key)
    assert again.id == first.id
    house.paid_once(first, to, COIN // 4)


def test_a_transfer_leaves_one_wallet_and_is_credited_to_the_other(house: BitcoinHouse) -> None:
    """What one wallet paid the other was credited, once, and both books equal the chain."""
    payer, payee = house.wallet(), house.make_wallet()
    house.confirmed(house.client.transfer(payer.id, payee.id, LTC, COIN // 4))
    house.until_available(payee, LTC, COIN // 4)
    house.agrees(payer, payee)


@pytest.mark.parametrize("recipients", [1, 100])
def test_as_few_and_as_many_recipients_as_one_withdrawal_has(house: BitcoinHouse, recipients: int) -> None:
    """One recipient, and a hundred, are each paid exactly once, by one transaction."""
    payer = house.wallet(5 * COIN)
    payments = {house.outside(): COIN // 50 + number for number in range(recipients)}
    paid = house.confirmed(house.client.withdraw_to_many(payer.id, LTC, payments))
    assert len(paid.transactions) == 1
    assert {to: house.chain.balance(to) for to in payments} == payments
    house.agrees(payer)


def test_several_payments_of_one_wallet_are_under_way_at_once(house: BitcoinHouse) -> None:
    """While no block comes, each of three payments spends another coin; then all are final."""
    payer = house.wallet(COIN, COIN, COIN)
    with house.miner.held():
        asked = [(house.outside(), COIN // 2 + number) for number in range(3)]
        made = [house.withdraw(payer, units, to) for to, units in asked]
        sent = [house.until_state(one, "broadcast") for one in made]
        assert len({one.transaction for one in sent}) == 3
    for one, (to, units) in zip(made, asked, strict=True):
        house.confirmed(one)
        assert house.chain.balance(to) == units
    house.agrees(payer)


def test_change_that_waits_for_a_block_pays_the_next_one(house: BitcoinHouse) -> None:
    """A wallet with one coin pays twice before any block comes: its own change is spent at once."""
    payer, first, second = house.wallet(), house.outside(), house.outside()
    with house.miner.held():
        one = house.until_state(house.withdraw(payer, COIN // 4, first), "broadcast")
        two = house.until_state(house.withdraw(payer, COIN // 4, second), "broadcast")
    for asked, to in ((one, first), (two, second)):
        house.confirmed(asked)
        assert house.chain.balance(to) == COIN // 4
    house.agrees(payer)


def test_all_of_a_wallet_cannot_be_sent_and_it_is_told_how_much_can(house: BitcoinHouse) -> None:
    """The fee's bound is held beside the amount; what is told to be possible is possible."""
    payer, to = house.wallet(), house.outside()
    with pytest.raises(Conflict, match=r"at most [0-9]+ can be sent") as refused:
        house.withdraw(payer, COIN, to)
    assert house.available(payer, LTC) == COIN
    most = int(re.findall(r"at most ([0-9]+) can be sent", refused.value.public)[0])
    house.paid_once(house.withdraw(payer, most, to), to, most)


def test_dust_and_other_networks_addresses_are_refused_and_nothing_changes(house: BitcoinHouse) -> None:
    """Less than nodes relay, and an address of another network, are refused in words; nothing is held."""
    payer = house.wallet()
    with pytest.raises(Malformed, match="dust"):
        house.withdraw(payer, 100, house.outside())
    with pytest.raises(Malformed, match="bitcoin"):
        house.withdraw(payer, COIN // 4, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")
    assert house.client.read.withdrawals(payer.id) == []
    house.agrees(payer)


def test_what_is_over_the_caps_is_refused_by_both_and_nothing_changes(house: BitcoinHouse) -> None:
    """Both signers say no, each with its rule; the amount is free again and nothing was paid."""
    payer, to = house.wallet(1001 * COIN), house.outside()
    asked = house.withdraw(payer, 1000 * COIN + 1, to)
    ended = house.client.settled(asked.id, WAIT_S)
    assert ended.state == "refused"
    assert {one.signer for one in ended.verdicts} == {"keeper", "cooler"}
    assert all(one.rule == "cap_transaction" for one in ended.verdicts)
    assert house.chain.balance(to) == 0
    house.agrees(payer)
    house.paid_once(house.withdraw(payer, 999 * COIN, to), to, 999 * COIN)


def test_a_node_that_is_away_delays_and_doubles_nothing(house: BitcoinHouse) -> None:
    """The node is stopped before a payment is asked for and comes back: paid once."""
    payer, to = house.wallet(), house.outside()
    with house.miner.held():
        house.chain.stop()
        asked = house.withdraw(payer, COIN // 4, to)
        house.chain.start()
    house.paid_once(asked, to, COIN // 4)
