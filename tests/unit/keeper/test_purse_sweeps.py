"""The purse pays for sweeping forwarders it knows to the treasury they were made for, for no other sweep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains import family
from keepcool.chains.evm import purse
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.evm.forwarders import FACTORY, GAS_EACH, Flush, Item
from keepcool.chains.evm.profiles import pool_profile, profile_named
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.approval import PurseApproval
from keepcool.core.errors import Malformed
from keepcool.core.registry import WalletRecord
from keepcool.core.verdict import Denied
from keepcool.keeper.lock import is_pool
from keepcool.keeper.purse_judge import PurseCase, judge_purse
from tests.unit.keeper.test_purse_judge import (
    ACCOUNT,
    CHAIN,
    FRESH,
    GWEI,
    INTENT,
    LIMITS,
    NETWORK,
    PROFILE,
    RECIPIENT,
    record,
)

TOKEN = "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67"
ATTESTED = 200


def pool(wallet: str = "pool-1") -> WalletRecord:
    blank = replace(record(wallet), profile=pool_profile(PROFILE.name), address="")
    return replace(blank, address=EvmFamily().derive_address(family.terms_of(blank)))


def flush_of(treasury: str, *items: Item, gas_each: int = GAS_EACH) -> Flush:
    return Flush(treasury, items or (Item(1), Item(ATTESTED, TOKEN)), gas_each)


def sent(flush: Flush, to: str = FACTORY.address, value: int = 0) -> Transaction:
    return Transaction(CHAIN, 0, GWEI, 2 * GWEI, 1_000_000, to, value, flush.encoded())


def case(flush: Flush, named: WalletRecord | None) -> PurseCase:
    transaction = sent(flush)
    return PurseCase(
        network=NETWORK, chain_id=CHAIN, account=ACCOUNT, transaction=transaction,
        action=purse.decode_purse(transaction, ACCOUNT, [PROFILE]), record=named, intent=None,
        remembered=(), history=FRESH, limits=LIMITS, frozen=(), attested=ATTESTED, tokens=frozenset({TOKEN}),
    )  # fmt: skip


def objection(one: PurseCase) -> str:
    ruling = judge_purse(one)
    assert not isinstance(ruling, PurseApproval)
    return "; ".join(verdict.reason for verdict in ruling if isinstance(verdict, Denied))


def test_addresses_this_signer_attested_are_swept_to_their_treasury() -> None:
    """Listed assets, up to the last address attested: approved."""
    assert isinstance(judge_purse(case(flush_of(pool().address), pool())), PurseApproval)


@pytest.mark.parametrize(
    ("flush", "named", "said"),
    [
        (flush_of(RECIPIENT), pool(), "not the pool named"),
        (flush_of(pool().address), None, "not the pool named"),
        (flush_of(pool("pool-2").address), pool(), "not the pool named"),
        (flush_of(record().address), record(), "not the pool named"),
        (flush_of(pool().address, Item(ATTESTED + 1)), pool(), "up to 200, not 201"),
        (flush_of(pool().address, Item(1, RECIPIENT)), pool(), f"lists no token {RECIPIENT}"),
        (flush_of(pool().address, gas_each=GAS_EACH + 1), pool(), "is enough"),
    ],
    ids=["foreign treasury", "no pool", "another pool", "no pool's", "not attested", "unlisted", "gas"],
)
def test_any_other_sweep_is_not_paid_for(flush: Flush, named: WalletRecord | None, said: str) -> None:
    """Whatever App names: the purse's coins are not spent on it."""
    assert said in objection(case(flush, named))


def test_a_sweep_for_an_intent_is_none() -> None:
    """No intent's fee bound pays for it."""
    one = replace(case(flush_of(pool().address), pool()), intent=INTENT)
    assert "no intent asks for a sweep" in objection(one)


def test_a_freeze_and_the_budget_hold_it_back() -> None:
    """As everything the purse pays for."""
    one = case(flush_of(pool().address), pool())
    assert "frozen" in objection(replace(one, frozen=("frozen by root1",)))
    dear = replace(one.limits, gas_budget_day_units=10**14)
    assert "budget" in objection(replace(one, limits=dear))


@pytest.mark.parametrize(
    "transaction",
    [
        sent(flush_of(RECIPIENT), to=RECIPIENT),
        sent(flush_of(RECIPIENT), value=1),
        replace(sent(flush_of(RECIPIENT)), data=flush_of(RECIPIENT).encoded() + bytes(32)),
    ],
    ids=["another contract", "coins along", "something behind"],
)
def test_what_only_looks_like_a_sweep_is_not_read_as_one(transaction: Transaction) -> None:
    """Another contract, coins along, a word more: malformed."""
    with pytest.raises(Malformed):
        purse.decode_purse(transaction, ACCOUNT, [PROFILE])


def test_pools_of_evm_chains_are_pools() -> None:
    """Their profile says so, has the same contracts as its namesake, and the lock knows them."""
    assert (is_pool(pool()), is_pool(record())) == (True, False)
    assert profile_named(pool().profile).contracts() == PROFILE.contracts()
    assert pool("w-1").address == record("w-1").address
