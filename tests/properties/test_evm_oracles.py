"""Our hashes, call data and signatures against independent implementations, on random fields."""

from __future__ import annotations

from importlib import import_module

import pytest
from eth_abi.abi import encode as oracle_encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st
from safe_eth.eth.eip712 import eip712_encode_hash

from keepcool.chains import rlp
from keepcool.chains.evm import abi, execution, transaction, wallets
from keepcool.chains.evm.address import signer_of, to_checksum
from keepcool.chains.evm.profiles import PROFILES, SafeProfile
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.chains.evm.transaction import Transaction
from tests.fixtures.effort import examples
from tests.properties.test_evm_roundtrip import addresses, items, people, safe_txs, transactions, words
from tests.vectors import evm

pytestmark = pytest.mark.slow

oracle_rlp = import_module("rlp")  # carries no types
FIELDS = (
    ("to", "address"),
    ("value", "uint256"),
    ("data", "bytes"),
    ("operation", "uint8"),
    ("safeTxGas", "uint256"),
    ("baseGas", "uint256"),
    ("gasPrice", "uint256"),
    ("gasToken", "address"),
    ("refundReceiver", "address"),
    ("nonce", "uint256"),
)


def typed(tx: SafeTx) -> dict[str, object]:
    return {
        "types": {
            "EIP712Domain": [
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "SafeTx": [{"name": name, "type": kind} for name, kind in FIELDS],
        },
        "primaryType": "SafeTx",
        "domain": {"chainId": tx.chain_id, "verifyingContract": tx.safe},
        "message": {
            "to": tx.to,
            "value": tx.value,
            "data": tx.data,
            "operation": tx.operation,
            "safeTxGas": tx.safe_tx_gas,
            "baseGas": tx.base_gas,
            "gasPrice": tx.gas_price,
            "gasToken": tx.gas_token,
            "refundReceiver": tx.refund_receiver,
            "nonce": tx.nonce,
        },
    }


@settings(max_examples=examples(80), deadline=None)
@given(safe_txs, st.sampled_from(sorted(evm.KEYS)))
def test_the_hash_of_any_safe_tx(tx: SafeTx, name: str) -> None:
    """safe-eth-py and eth-account compute the same hash; a signature by eth-account recovers here."""
    digest = safe_tx_hash(tx)
    assert bytes(eip712_encode_hash(typed(tx))) == digest
    account = Account.from_key(evm.KEYS[name])
    signed = account.sign_message(encode_typed_data(full_message=typed(tx)))
    assert bytes(signed.message_hash) == digest
    assert signer_of(digest, bytes(signed.signature)) == evm.OWNERS[name]


@settings(max_examples=examples(60), deadline=None)
@given(transactions, st.sampled_from(sorted(evm.KEYS)))
def test_a_transaction_signed_elsewhere(tx: Transaction, name: str) -> None:
    """eth-account signs the same bytes: its raw transaction reads back, and ours equals it."""
    signed = Account.sign_transaction(
        {
            "type": 2,
            "chainId": tx.chain_id,
            "nonce": tx.nonce,
            "maxPriorityFeePerGas": tx.max_priority_fee_per_gas,
            "maxFeePerGas": tx.max_fee_per_gas,
            "gas": tx.gas,
            "to": tx.to,
            "value": tx.value,
            "data": tx.data,
        },
        evm.KEYS[name],
    )
    raw = bytes(signed.raw_transaction)
    assert transaction.parse_signed(raw) == (tx, evm.OWNERS[name])
    assert transaction.transaction_hash(raw) == bytes(signed.hash)
    r, s = signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    assert tx.with_signature(r + s + bytes((27 + signed.v,))) == raw


@given(st.binary(min_size=20, max_size=20))
def test_a_checksum(raw: bytes) -> None:
    """eth-utils spells every address as we do."""
    assert to_checksum(raw) == to_checksum_address(raw)


@given(items)
def test_rlp(item: rlp.Item) -> None:
    """The rlp library encodes the same bytes."""
    assert rlp.encode(item) == oracle_rlp.encode(item)


@given(addresses, words, st.binary(max_size=100), st.lists(addresses, max_size=5))
def test_the_abi(who: str, number: int, data: bytes, more: list[str]) -> None:
    """eth-abi writes the same words, and we read them."""
    kinds = ("address", "uint256", "bytes", "address[]", "bytes")
    values = (who, number, data, tuple(more), data[:3])
    encoded = oracle_encode(kinds, values)
    ours = abi.encode(
        abi.address(who),
        abi.uint(number),
        abi.dynamic_bytes(data),
        abi.addresses(tuple(more)),
        abi.dynamic_bytes(data[:3]),
    )
    assert ours == encoded
    assert abi.decode(kinds, encoded) == values


@given(safe_txs)
def test_an_execution(tx: SafeTx) -> None:
    """eth-abi encodes the same call data of execTransaction."""
    kinds = [kind for _, kind in FIELDS[:-1]]
    values = [
        *(tx.to, tx.value, tx.data, tx.operation, tx.safe_tx_gas, tx.base_gas, tx.gas_price),
        *(tx.gas_token, tx.refund_receiver, bytes(65)),
    ]
    expected = execution.EXEC + oracle_encode([*kinds, "bytes"], values)
    assert execution._encode(tx, bytes(65)) == expected


@given(st.lists(people, min_size=3, max_size=3, unique=True), words, st.sampled_from(PROFILES))
def test_a_setup(owners: list[str], salt: int, profile: SafeProfile) -> None:
    """eth-abi encodes the same setup and creation call."""
    zero = "0x" + 40 * "0"
    setup = wallets.setup_of(profile, tuple(owners), 2)
    kinds = ("address[]", "uint256", "address", "bytes", "address", "address", "uint256", "address")
    values = (owners, 2, zero, b"", profile.fallback_handler.address, zero, 0, zero)
    assert setup.initializer() == wallets.SETUP + oracle_encode(kinds, values)
    creation = oracle_encode(
        ("address", "bytes", "uint256"), (profile.singleton.address, setup.initializer(), salt)
    )
    assert (
        wallets.create_proxy_with_nonce(profile, setup.initializer(), salt) == wallets.CREATE_PROXY + creation
    )
