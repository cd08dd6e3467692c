"""Payouts on Minter: one or many recipients, of the network's coin and of a token, to the pip."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keepcool.core.errors import Conflict, KeepcoolError, Malformed
from tests.fixtures.installation import COIN
from tests.fixtures.minterhouse import MNT, USD, MinterHouse

pytestmark = pytest.mark.live


def test_a_withdrawal_arrives_and_its_fee_is_the_wallets(minter: MinterHouse) -> None:
    """The amount arrives once, the wallet has paid the fee that was quoted, and the books say so."""
    payer, to = minter.wallet(), minter.outside()
    quote = minter.client.quote(payer.id, MNT, COIN, to)
    paid = minter.paid_once(minter.client.withdraw(payer.id, MNT, COIN, to), to, COIN)
    assert abs(int(paid.fee_paid or "0") - int(quote.fee_expected)) < int(quote.fee_expected) // 100
    assert minter.chain.balance(payer.address) == 9 * COIN - int(paid.fee_paid or "0")


def test_a_token_is_paid_and_its_fee_is_of_the_networks_coin(minter: MinterHouse) -> None:
    """A token arrives whole; the fee comes out of the wallet's own coins."""
    payer, to = minter.wallet(coins=5, tokens=20), minter.outside()
    paid = minter.paid_once(minter.client.withdraw(payer.id, USD, 7 * COIN, to), to, 7 * COIN, coin=1993)
    assert minter.chain.balance(payer.address, 1993) == 13 * COIN
    assert minter.chain.balance(payer.address) == 5 * COIN - int(paid.fee_paid or "0")


def test_a_transfer_leaves_one_wallet_and_is_credited_to_the_other(minter: MinterHouse) -> None:
    """What one wallet paid the other was credited, once, and both books equal the chain."""
    payer, payee = minter.wallet(), minter.make_wallet()
    minter.confirmed(minter.client.transfer(payer.id, payee.id, MNT, 3 * COIN))
    minter.until_available(payee, MNT, 3 * COIN)
    minter.agrees(payer, payee)


@pytest.mark.parametrize(("asset", "coin"), [(MNT, 0), (USD, 1993)], ids=["coin", "token"])
def test_many_recipients_are_paid_by_one_transaction(minter: MinterHouse, asset: str, coin: int) -> None:
    """Each of seven gets its own amount, in one transaction that all seven see."""
    payer = minter.wallet(coins=100, tokens=100 if coin else 0)
    payments = {minter.outside(): number * COIN for number in range(1, 8)}
    paid = minter.confirmed(minter.client.withdraw_to_many(payer.id, asset, payments))
    assert {to: minter.chain.balance(to, coin) for to in payments} == payments
    assert int(minter.chain.ask(f"/address/{payer.address}")["transaction_count"]) == 1
    assert paid.transaction is not None
    assert minter.chain.ask(f"/transaction/{paid.transaction}")["code"] == "0"
    minter.agrees(payer)


@pytest.mark.parametrize("recipients", [1, 100])
def test_as_few_and_as_many_recipients_as_the_chain_takes(minter: MinterHouse, recipients: int) -> None:
    """One recipient, and a hundred, are each paid exactly once."""
    payer = minter.wallet(coins=200)
    payments = {minter.outside(): COIN + number for number in range(recipients)}
    minter.confirmed(minter.client.withdraw_to_many(payer.id, MNT, payments))
    assert {to: minter.chain.balance(to) for to in payments} == payments
    minter.agrees(payer)


@pytest.mark.parametrize("recipients", [0, 101])
def test_fewer_or_more_recipients_are_refused_and_nothing_changes(
    minter: MinterHouse, recipients: int
) -> None:
    """No recipient, or more than a Multisend has room for, is refused; nothing is held."""
    payer, payments = minter.wallet(coins=200), {minter.outside(): COIN for _ in range(recipients)}
    with pytest.raises(Malformed):
        minter.client.withdraw_to_many(payer.id, MNT, payments)
    assert minter.client.read.withdrawals(payer.id) == []
    minter.agrees(payer)


def test_what_a_wallet_has_without_its_fee_is_not_enough(minter: MinterHouse) -> None:
    """All of a wallet's coins cannot be asked for: the fee's bound is held beside the amount."""
    payer, to = minter.wallet(), minter.outside()
    with pytest.raises(Conflict, match="fee"):
        minter.client.withdraw(payer.id, MNT, 10 * COIN, to)
    minter.agrees(payer)
    minter.paid_once(minter.client.withdraw(payer.id, MNT, 9 * COIN, to), to, 9 * COIN)


MISTYPED: dict[str, tuple[Callable[[str], str], str]] = {
    "short": (lambda good: good[:-1], "40"),
    "long": (lambda good: good + "0", "40"),
    "upper case": (lambda good: "Mx" + good[2:].upper(), "lower case"),
    "0x": (lambda good: "0x" + good[2:], "EVM address"),
    "no digit": (lambda good: good[:-1] + "g", "0-9 and a-f"),
    "nothing": (lambda _: "Mx", "40"),
}


@pytest.mark.parametrize("typed", MISTYPED)
def test_a_mistyped_address_is_refused_and_nothing_changes(minter: MinterHouse, typed: str) -> None:
    """What is not Mx and forty small digits is refused with a text that says why, and nothing is held."""
    mistyped, said = MISTYPED[typed]
    payer, wrong = minter.wallet(), mistyped(minter.outside())
    with pytest.raises(Malformed) as refused:
        minter.client.withdraw(payer.id, MNT, COIN, wrong)
    assert "Mx" in refused.value.public
    assert said in refused.value.public
    assert minter.client.read.withdrawals(payer.id) == []
    minter.agrees(payer)


def test_an_address_entered_differently_twice_is_refused(minter: MinterHouse) -> None:
    """No checksum finds a wrong digit, so the second entry does: refused, and nothing is held."""
    payer, to, other = minter.wallet(), minter.outside(), minter.outside()
    with pytest.raises(KeepcoolError) as refused:
        minter.client.withdraw(payer.id, MNT, COIN, to, to_again=other)
    assert refused.value.code == "withdrawal.to_again"
    minter.agrees(payer)
    minter.paid_once(minter.client.withdraw(payer.id, MNT, COIN, to, to_again=to), to, COIN)
