"""EVM codecs: what is written is read back, and any bytes read are exactly those that would be written."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepcool.chains import rlp
from keepcool.chains.evm import abi, batch, execution, payouts, transaction, wallets
from keepcool.chains.evm.address import is_reserved, parse_address, to_checksum
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.profiles import PROFILES, SafeProfile
from keepcool.chains.evm.safe import SafeTx, encode_draft, parse_draft, safe_tx_hash
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from tests.unit.chains.samples import CHAIN, NATIVE, NETWORK, PROFILE, SAFE
from tests.vectors import evm

pytestmark = pytest.mark.slow

words = st.integers(0, 2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(to_checksum)
people = addresses.filter(
    lambda a: not is_reserved(a) and a != SAFE and not any(profile.owns(a) for profile in PROFILES)
)
datas = st.binary(max_size=200)
safe_txs = st.builds(
    SafeTx,
    safe=people,
    chain_id=st.integers(1, 2**63 - 1),
    to=addresses,
    value=words,
    data=datas,
    operation=st.sampled_from((0, 1)),
    nonce=st.integers(0, 2**63 - 1),
    safe_tx_gas=words,
    base_gas=words,
    gas_price=words,
    gas_token=addresses,
    refund_receiver=addresses,
)
transactions = st.builds(
    lambda fee, tip, **rest: Transaction(
        max_fee_per_gas=max(fee, tip), max_priority_fee_per_gas=min(fee, tip), **rest
    ),
    fee=st.integers(0, 2**100),
    tip=st.integers(0, 2**100),
    chain_id=st.integers(1, 2**63 - 1),
    nonce=st.integers(0, 2**64 - 2),
    gas=st.integers(0, 2**64 - 1),
    to=addresses,
    value=words,
    data=datas,
)
items: st.SearchStrategy[rlp.Item] = st.recursive(
    st.binary(max_size=80), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)


@given(st.binary(min_size=20, max_size=20))
def test_an_address_has_one_spelling(raw: bytes) -> None:
    """Its EIP-55 spelling is read back; with one letter's case turned it is refused."""
    text = to_checksum(raw)
    assert parse_address(text) == text
    for at, letter in enumerate(text[2:], start=2):
        if letter.isalpha():
            with suppress(Malformed):
                parse_address(text[:at] + letter.swapcase() + text[at + 1 :])
                raise AssertionError("a changed letter was accepted")


@given(safe_txs)
def test_a_draft_reads_back(tx: SafeTx) -> None:
    """Every SafeTx has a draft, and the draft has that SafeTx."""
    draft = encode_draft(tx)
    assert parse_draft(draft) == tx
    assert encode_draft(parse_draft(draft)) == draft


@given(safe_txs, st.lists(st.sampled_from(sorted(evm.OWNERS.values())), min_size=1, unique=True))
def test_an_execution_reads_back(tx: SafeTx, owners: list[str]) -> None:
    """Call data of execTransaction keeps every field of any SafeTx."""
    read = execution.parse_execution(execution._encode(tx, bytes(65 * len(owners))))
    assert read.at(tx.safe, tx.chain_id, tx.nonce) == tx
    assert len(read.signatures) == len(owners)


@given(transactions)
def test_a_transaction_reads_back(tx: Transaction) -> None:
    """The unsigned payload of any transaction gives that transaction, and the same payload again."""
    payload = tx.unsigned_payload()
    read = transaction.parse_unsigned(payload)
    assert read == tx
    assert read.unsigned_payload() == payload


@given(items)
def test_rlp_reads_back(item: rlp.Item) -> None:
    """Any nest of lists and bytes within the depth bound is read back; a deeper one is refused."""
    encoded = rlp.encode(item)
    with suppress(Malformed):
        assert rlp.decode(encoded) == item


@given(st.binary(max_size=60))
def test_rlp_that_is_read_is_canonical(data: bytes) -> None:
    """Whatever bytes decode at all encode to themselves."""
    with suppress(Malformed):
        assert rlp.encode(rlp.decode(data)) == data


@given(st.lists(st.builds(batch.Call, to=addresses, value=words, data=datas), max_size=5))
def test_a_batch_reads_back(calls: list[batch.Call]) -> None:
    """The calls of a batch come back in their order."""
    assert batch.parse_batch(batch.encode_batch(calls)) == tuple(calls)


@given(
    people,
    st.lists(people, min_size=1, max_size=6, unique=True),
    st.sampled_from(PROFILES),
    words,
)
def test_a_deployment_reads_back(handler: str, owners: list[str], profile: SafeProfile, salt: int) -> None:
    """Setup and creation keep owners, their order, handler and salt."""
    setup = wallets.Setup(tuple(owners), len(owners), handler)
    assert wallets.parse_initializer(setup.initializer()) == setup
    data = wallets.create_proxy_with_nonce(profile, setup.initializer(), salt)
    read = wallets.parse_create_proxy(data)
    assert (read.initializer, read.salt) == (setup.initializer(), salt)


@given(st.lists(st.tuples(people, st.integers(1, 2**256 - 1), st.none() | people), min_size=1, max_size=8))
def test_payouts_decode_to_what_was_asked(rows: list[tuple[str, int, str | None]]) -> None:
    """Any outputs, coins and tokens mixed, are built, encoded, read and decoded to exactly themselves."""
    outputs = [
        Output(who, Amount(NATIVE if token is None else AssetId(f"{NETWORK}/erc20:{token}"), units))
        for who, units, token in rows
        if who != token
    ]
    if not outputs:
        return
    tx = payouts.pay(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=1, outputs=outputs)
    effects = decode_safe_tx(parse_draft(encode_draft(tx)), PROFILE)
    assert [(p.recipient, p.amount) for p in effects.payments] == [(o.recipient, o.amount) for o in outputs]
    assert effects.hazards == ()


@given(
    st.lists(st.sampled_from(("address", "uint256", "bytes", "address[]", "bool", "bytes32")), max_size=5),
    st.data(),
)
def test_call_data_that_is_read_is_canonical(kinds: list[str], data: st.DataObject) -> None:
    """Whatever words decode under a signature are what the encoder writes for the values read."""
    size = 32 * data.draw(st.integers(0, 8))
    small = st.sampled_from([bytes(32), abi.uint(1), abi.uint(32), abi.uint(64), abi.uint(96), b"\1" * 32])
    raw = b"".join(data.draw(st.lists(small, min_size=size // 32, max_size=size // 32)))
    with suppress(Malformed):
        values = abi.decode(tuple(kinds), raw)
        assert abi.encode(*map(_argument, kinds, values)) == raw


def _argument(kind: str, value: abi.Value) -> bytes | abi.Tail:
    match value:
        case bytes():
            return value if kind == "bytes32" else abi.dynamic_bytes(value)
        case tuple():
            return abi.addresses(value)
        case str():
            return abi.address(value)
        case bool() | int():
            return abi.uint(int(value))


@given(safe_txs, safe_txs)
def test_every_field_is_in_the_hash(one: SafeTx, other: SafeTx) -> None:
    """Taking any single field from another transaction changes the hash when it changes the field."""
    for changed in (
        replace(one, safe=other.safe),
        replace(one, chain_id=other.chain_id),
        replace(one, to=other.to),
        replace(one, value=other.value),
        replace(one, data=other.data),
        replace(one, operation=other.operation),
        replace(one, nonce=other.nonce),
        replace(one, safe_tx_gas=other.safe_tx_gas),
        replace(one, base_gas=other.base_gas),
        replace(one, gas_price=other.gas_price),
        replace(one, gas_token=other.gas_token),
        replace(one, refund_receiver=other.refund_receiver),
    ):
        assert (safe_tx_hash(changed) == safe_tx_hash(one)) == (changed == one)
