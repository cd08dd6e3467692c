"""The purse signs three things and no fourth, and replaces with an eighth more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains.evm import execution, purse, wallets
from keepcool.chains.evm.profiles import PROFILES, profile_named
from keepcool.chains.evm.purse import DeploySafe, ExecuteSafe, Fees, SelfTransfer
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.effects import Slot
from keepcool.core.errors import Malformed, Refused
from tests.unit.chains.samples import ALICE, BOB, CHAIN, NETWORK, PROFILE, PURSE, TOKEN
from tests.vectors import evm

VECTOR = evm.safe_txs()[0]
OWNERS = (ALICE, BOB, TOKEN)
SETUP = wallets.setup_of(PROFILE, OWNERS, 2)
EXECUTE = execution.exec_transaction(VECTOR.tx, VECTOR.signatures)
DEPLOY = wallets.create_proxy_with_nonce(PROFILE, SETUP.initializer(), 9)


def tx(to: str, data: bytes = b"", value: int = 0) -> Transaction:
    return Transaction(
        chain_id=CHAIN,
        nonce=4,
        max_priority_fee_per_gas=100,
        max_fee_per_gas=1000,
        gas=300_000,
        to=to,
        value=value,
        data=data,
    )


def test_it_executes_a_safes_transaction() -> None:
    """execTransaction is read with its signatures, and is the SafeTx once the nonce is known."""
    action = purse.decode_purse(tx(VECTOR.tx.safe, EXECUTE), PURSE, PROFILES)
    assert isinstance(action, ExecuteSafe)
    assert action.execution.at(action.safe, action.chain_id, VECTOR.tx.nonce) == VECTOR.tx
    assert set(execution.signers(VECTOR.tx, action.execution.signatures)) == set(VECTOR.signatures)


def test_it_deploys_a_safe_of_a_known_profile() -> None:
    """A deployment names profile, owners, threshold and the address it leads to."""
    action = purse.decode_purse(tx(PROFILE.factory.address, DEPLOY), PURSE, PROFILES)
    address = wallets.derive_address(PROFILE, OWNERS, 2, 9)
    assert action == DeploySafe(PROFILE, SETUP.initializer(), 9, OWNERS, 2, address)


def test_it_sends_itself_nothing() -> None:
    """The cancellation of its own transaction is the one transfer there is."""
    cancel = purse.cancellation(tx(VECTOR.tx.safe, EXECUTE), PURSE, Fees(1200, 120))
    assert purse.decode_purse(cancel, PURSE, PROFILES) == SelfTransfer(PURSE)
    assert (cancel.nonce, cancel.gas) == (4, 21_000)
    assert purse.purse_slot(cancel, PURSE) == Slot(NETWORK, f"account:{PURSE}", 4)


def other_handler() -> bytes:
    handler = profile_named("safe-1.4.1-l1").fallback_handler.address
    return wallets.create_proxy_with_nonce(PROFILE, replace(SETUP, fallback_handler=handler).initializer(), 9)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (tx(PURSE, value=1), "purse.value"),
        (tx(VECTOR.tx.safe, EXECUTE, value=1), "purse.value"),
        (tx(ALICE), "purse.call"),
        (tx(PURSE, b"\1"), "purse.call"),
        (tx(TOKEN, bytes.fromhex("a9059cbb") + bytes(64)), "purse.call"),
        (tx(VECTOR.tx.safe, EXECUTE + bytes(32)), "abi.form"),
        (tx(ALICE, DEPLOY), "purse.profile"),
        (tx(profile_named("safe-1.4.1-l1").factory.address, DEPLOY), "purse.profile"),
        (tx(PROFILE.factory.address, other_handler()), "purse.fallback"),
        (
            tx(PROFILE.factory.address, wallets.create_proxy_with_nonce(PROFILE, b"\1\2\3\4", 9)),
            "setup.form",
        ),
    ],
)
def test_it_refuses_everything_else(wrong: Transaction, code: str) -> None:
    """Coins sent along, foreign calls, factories, handlers and encodings are malformed."""
    with pytest.raises(Malformed) as refused:
        purse.decode_purse(wrong, PURSE, PROFILES)
    assert refused.value.code == code


def test_a_profile_not_in_use_is_not_deployed() -> None:
    """An installation that uses 1.4.1 alone deploys no 1.5.0."""
    with pytest.raises(Malformed, match=r"purse\.profile"):
        purse.decode_purse(tx(PROFILE.factory.address, DEPLOY), PURSE, [profile_named("safe-1.4.1-l1")])


@pytest.mark.parametrize(
    ("old", "least"),
    [(0, 1), (1, 2), (7, 8), (8, 9), (9, 11), (1000, 1125), (1001, 1127), (10**18 + 1, 1125 * 10**15 + 2)],
)
def test_a_replacement_pays_an_eighth_more_rounded_up(old: int, least: int) -> None:
    """Both fees rise by 12.5 %, rounded up, and by at least one wei."""
    stuck = replace(tx(ALICE), max_fee_per_gas=old, max_priority_fee_per_gas=old)
    assert purse.minimum_replacement(stuck) == Fees(least, least)
    purse.check_replacement(stuck, replace(stuck, max_fee_per_gas=least, max_priority_fee_per_gas=least))


@pytest.mark.parametrize(
    ("fee", "tip", "nonce", "code"),
    [
        (1124, 113, 4, "purse.bump"),
        (1125, 112, 4, "purse.bump"),
        (2000, 100, 4, "purse.bump"),
        (1125, 113, 5, "purse.replace"),
    ],
)
def test_a_replacement_that_pools_would_drop_is_refused(fee: int, tip: int, nonce: int, code: str) -> None:
    """One wei too little on either fee, or another nonce, is refused; exactly enough is taken."""
    stuck = tx(ALICE)
    purse.check_replacement(stuck, replace(stuck, max_fee_per_gas=1125, max_priority_fee_per_gas=113))
    with pytest.raises(Refused) as refused:
        purse.check_replacement(
            stuck, replace(stuck, max_fee_per_gas=fee, max_priority_fee_per_gas=tip, nonce=nonce)
        )
    assert refused.value.code == code
