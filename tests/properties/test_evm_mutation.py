"""One byte changed anywhere is refused or changes what the signers see and sign."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains.evm import execution, payouts, purse, transaction, wallets
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.profiles import PROFILES
from keepcool.chains.evm.safe import encode_draft, parse_draft
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.errors import Malformed
from tests.fixtures.effort import examples
from tests.unit.chains.samples import ALICE, BOB, CHAIN, PROFILE, PURSE, SAFE, TOKEN, TOKEN_ASSET, output
from tests.vectors import evm
from tests.vectors.evm import unhex

VECTOR = evm.safe_txs()[0]
DRAFTS = [
    encode_draft(tx)
    for tx in (
        payouts.pay_native(safe=SAFE, chain_id=CHAIN, nonce=1, recipient=ALICE, wei=10**18),
        payouts.pay_token(safe=SAFE, chain_id=CHAIN, nonce=1, token=TOKEN, recipient=ALICE, units=7),
        payouts.pay(
            PROFILE,
            safe=SAFE,
            chain_id=CHAIN,
            nonce=1,
            outputs=[output(ALICE, 1), output(BOB, 2, TOKEN_ASSET)],
        ),
        payouts.void(safe=SAFE, chain_id=CHAIN, nonce=1),
    )
]
RAW = unhex(evm.ACCOUNTS[2]["raw"])
EXECUTE = execution.exec_transaction(VECTOR.tx, VECTOR.signatures)
SETUP = wallets.setup_of(PROFILE, (ALICE, BOB, TOKEN), 2)
DEPLOY = wallets.create_proxy_with_nonce(PROFILE, SETUP.initializer(), 9)


def mutated(data: bytes, at: int, byte: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes((byte,)) + data[at + 1 :]


def carried(to: str, data: bytes) -> Transaction:
    return Transaction(
        chain_id=CHAIN,
        nonce=0,
        max_priority_fee_per_gas=1,
        max_fee_per_gas=2,
        gas=300_000,
        to=to,
        value=0,
        data=data,
    )


@settings(max_examples=examples(300))
@given(st.sampled_from(DRAFTS), st.integers(0, 2**16), st.integers(0, 255))
def test_a_draft(draft: bytes, at: int, byte: int) -> None:
    """Another draft is malformed, or has other effects and another digest."""
    other = mutated(draft, at, byte)
    if other == draft:
        return
    try:
        tx = parse_draft(other)
        effects = decode_safe_tx(tx, PROFILE)
    except Malformed:
        return
    before = decode_safe_tx(parse_draft(draft), PROFILE)
    assert effects.digests != before.digests
    assert (effects.payments, effects.calls, effects.hazards, effects.slots, effects.source) != (
        before.payments,
        before.calls,
        before.hazards,
        before.slots,
        before.source,
    )


@settings(max_examples=examples(250))
@given(st.integers(0, 2**16), st.integers(0, 255))
def test_a_signed_transaction(at: int, byte: int) -> None:
    """Another raw transaction is malformed, or comes from another sender."""
    other = mutated(RAW, at, byte)
    if other == RAW:
        return
    try:
        _, sender = transaction.parse_signed(other)
    except Malformed:
        return
    assert sender != evm.ACCOUNTS[2]["address"]


@settings(max_examples=examples(250))
@given(st.integers(4, 2**16), st.integers(0, 255))
def test_an_execution(at: int, byte: int) -> None:
    """Other call data of execTransaction are malformed, or no longer signed by the same owners."""
    other = mutated(EXECUTE, at, byte)
    if other == EXECUTE:
        return
    try:
        action = purse.decode_purse(carried(VECTOR.tx.safe, other), PURSE, PROFILES)
        assert isinstance(action, purse.ExecuteSafe)
        tx = action.execution.at(action.safe, VECTOR.tx.chain_id, VECTOR.tx.nonce)
        found = execution.signers(tx, action.execution.signatures)
    except Malformed:
        return
    assert set(found) != set(VECTOR.signatures)


@settings(max_examples=examples(250))
@given(st.integers(0, 2**16), st.integers(0, 255))
def test_a_deployment(at: int, byte: int) -> None:
    """Another deployment is malformed, or makes another address."""
    other = mutated(DEPLOY, at, byte)
    if other == DEPLOY:
        return
    try:
        action = purse.decode_purse(carried(PROFILE.factory.address, other), PURSE, [PROFILE])
    except Malformed:
        return
    assert isinstance(action, purse.DeploySafe)
    assert action.address != wallets.derive_address(PROFILE, SETUP.owners, 2, 9)


@given(st.sampled_from([*DRAFTS, RAW, EXECUTE, DEPLOY]), st.binary(min_size=1, max_size=40), st.booleans())
def test_a_tail_or_a_cut(data: bytes, extra: bytes, longer: bool) -> None:
    """Bytes appended to or cut from any of them are refused."""
    other = data + extra if longer else data[: -len(extra)]
    for read in (
        parse_draft,
        transaction.parse_signed,
        execution.parse_execution,
        wallets.parse_create_proxy,
    ):
        try:
            read(other)
        except Malformed:
            continue
        raise AssertionError("bytes of another length were read")
