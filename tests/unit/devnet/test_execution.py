"""How the simulator runs a transaction: what it costs, and what a failure leaves behind."""

from __future__ import annotations

import pytest

from keepcool.devnet import fees
from keepcool.devnet.decoding import decode
from keepcool.devnet.execution import Rules, check, deliver, estimate
from keepcool.devnet.ledger import Account, Coin, Ledger, Owners
from keepcool.devnet.rejections import CallError, Code, Rejection
from tests.fixtures.minter_signing import (
    APP,
    HOT,
    MULTISEND,
    SOMEBODY,
    Draft,
    address,
    owners,
    send,
    single,
    wallet_of,
)

BIP = 10**18
RULES = Rules(chain_id=2)
SENDER = address(APP)
POOL = (1_000 * BIP, 4_000 * BIP)


def ledger(pip: int = 100 * BIP, **balances: int) -> Ledger:
    made = Ledger([Coin(0, "MNT"), Coin(5, "POOLED", POOL), Coin(6, "PRICE", POOL)], keep=10)
    made.put(SENDER, Account(0, {0: pip} | {int(coin[4:]): held for coin, held in balances.items()}))
    return made


def test_a_send_costs_its_price_and_its_bytes() -> None:
    """Type price plus payload bytes, times the gas price; the value goes where it should."""
    state = ledger()
    draft = send(1, 7 * BIP, payload=b"abc", gas_price=3)
    outcome = deliver(state, RULES, single(draft, APP))
    fee = 3 * (10**13 + 3 * 2 * 10**12)
    assert (outcome.code, outcome.tags["tx.commission_amount"]) == (0, str(fee))
    assert state.account(SENDER) == Account(1, {0: 93 * BIP - fee})
    assert state.account(SOMEBODY).balance(0) == 7 * BIP


@pytest.mark.parametrize(("recipients", "price"), [(1, 10**13), (2, 15 * 10**12), (100, 505 * 10**12)])
def test_a_batch_costs_by_its_length(recipients: int, price: int) -> None:
    """The base price pays for one recipient, a delta for each further one."""
    raw = single(Draft(1, MULTISEND, [[[0, SOMEBODY, 1]] * recipients]), APP)
    assert fees.price(decode(raw)) == price
    assert estimate(ledger(), RULES, raw) == price


def test_exact_funds_are_enough_and_one_pip_less_is_not() -> None:
    """107 tells value and fee together when one coin pays both, and nothing changes in a check."""
    raw = single(send(1, BIP), APP)
    assert check(ledger(BIP + 10**13), RULES, raw, 1).fee == 10**13
    state = ledger(BIP + 10**13 - 1)
    with pytest.raises(Rejection) as short:
        check(state, RULES, raw, 1)
    assert short.value.code is Code.FUNDS
    assert short.value.data["needed_value"] == str(BIP + 10**13)
    assert state.account(SENDER) == Account(0, {0: BIP + 10**13 - 1})


def test_failing_costs_and_keeps_the_nonce() -> None:
    """A send without funds pays for failing, keeps its nonce, and succeeds later with the same bytes."""
    state, raw = ledger(BIP), single(send(1, 5 * BIP), APP)
    outcome = deliver(state, RULES, raw)
    assert (outcome.code, outcome.tags["tx.fail_fee"], outcome.tags["tx.fail"]) == (107, str(5 * 10**12), "1")
    assert state.account(SENDER) == Account(0, {0: BIP - 5 * 10**12})
    state.add(SENDER, 0, 10 * BIP)
    assert deliver(state, RULES, raw).code == 0


def test_failing_takes_no_more_than_there_is() -> None:
    """Who has less than the fee of failing loses all; who has nothing loses nothing and gets no tag."""
    poor, broke = ledger(3), ledger(0)
    raw = single(send(1, BIP), APP)
    assert deliver(poor, RULES, raw).tags["tx.fail_fee"] == "3"
    assert poor.account(SENDER).balance(0) == 0
    assert "tx.fail" not in deliver(broke, RULES, raw).tags


def test_a_wrong_nonce_costs_nothing() -> None:
    """What fails before its fee is known leaves no trace at all."""
    state = ledger()
    outcome = deliver(state, RULES, single(send(2, BIP), APP))
    assert (outcome.code, dict(outcome.tags)) == (101, {})
    assert state.account(SENDER) == Account(0, {0: 100 * BIP})


def test_a_pooled_coin_pays_the_fee() -> None:
    """The pool gives exactly the fee in the base coin or more, and takes the least that buys it."""
    state = ledger(coin5=BIP)
    before = state.coins[5].pool
    outcome = deliver(state, RULES, single(send(1, 1, gas_coin=5), APP))
    paid = int(outcome.tags["tx.commission_amount"])
    assert outcome.code == 0
    assert before is not None
    assert fees.affordable(ledger(), 5, paid) >= 10**13 > fees.affordable(ledger(), 5, paid - 2)
    assert state.coins[5].pool == (before[0] + paid, before[1] - 10**13)
    assert state.account(SENDER).balance(5) == BIP - paid


def test_prices_may_be_in_another_coin() -> None:
    """With a price coin the fee is what its pool gives for the price."""
    raw = single(send(1, 1), APP)
    fee = estimate(ledger(), Rules(2, price_coin=6), raw)
    assert 3_990 * 10**10 < fee < 4 * 10**13


def test_an_address_that_has_owners_keeps_them() -> None:
    """602 when the address of creator and nonce is a multisig already; who has no pip for the fee is 107."""
    state = ledger()
    there = Account(owners=Owners(1, (1,), (SOMEBODY,)))
    state.put(wallet_of(APP, 1), there)
    outcome = deliver(state, RULES, single(owners(1, [HOT]), APP))
    assert outcome.code == 602
    assert state.account(wallet_of(APP, 1)) == there
    assert deliver(ledger(0), RULES, single(owners(1, [HOT]), APP)).code == 107


def test_a_type_that_is_not_executed_says_so() -> None:
    """It is a complaint about the simulator, not a code of the chain."""
    with pytest.raises(CallError, match="does not execute this type: 0x25 LockStake"):
        check(ledger(), RULES, single(Draft(1, 0x25, []), APP), 1)


@pytest.mark.parametrize(("waiting", "floor"), [(0, 1), (100, 1), (101, 2), (501, 5), (1001, 10), (5001, 50)])
def test_a_crowded_mempool_raises_the_price(waiting: int, floor: int) -> None:
    """The least gas price follows the number of waiting transactions."""
    assert fees.min_gas_price(waiting) == floor


def test_an_estimate_looks_at_no_signature() -> None:
    """The same price for a transaction without one, and 102 for a gas coin that is not there."""
    unsigned = single(send(1, BIP), APP)
    assert estimate(ledger(), RULES, unsigned) == 10**13
    with pytest.raises(Rejection) as unknown:
        estimate(ledger(), RULES, single(send(1, BIP, gas_coin=99), APP))
    assert unknown.value.code is Code.NO_COIN
