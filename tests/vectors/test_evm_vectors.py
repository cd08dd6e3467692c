"""The EVM family against evm.json: every SafeTx hash in it was also returned by getTransactionHash of the
deployed official contract, and every address was deployed to by createProxyWithNonce."""

from __future__ import annotations

from typing import Any

import pytest

from keepcool.chains.evm import transaction, wallets
from keepcool.chains.evm.address import signer_of
from keepcool.chains.evm.execution import exec_transaction, parse_execution, signers
from keepcool.chains.evm.profiles import PROFILES, SafeProfile
from keepcool.chains.evm.safe import domain_separator, encode_draft, parse_draft, safe_tx_hash
from keepcool.chains.keccak import keccak256
from tests.vectors import evm
from tests.vectors.evm import SignedVector, unhex


@pytest.mark.parametrize(("profile", "row"), evm.creations(), ids=lambda v: getattr(v, "name", ""))
def test_an_address_before_deployment_is_the_factorys(profile: SafeProfile, row: dict[str, Any]) -> None:
    """CREATE2 addresses, setup calls and canonical contracts equal those of the official factory."""
    owners, salt = tuple(row["owners"]), int(row["salt_nonce"])
    assert (profile.singleton.address, profile.factory.address) == (row["singleton"], row["factory"])
    assert profile.fallback_handler.address == row["fallback_handler"]
    setup = wallets.setup_of(profile, owners, row["threshold"])
    assert setup.initializer() == unhex(row["initializer"])
    assert wallets.parse_initializer(unhex(row["initializer"])) == setup
    assert wallets.derive_address(profile, owners, row["threshold"], salt) == row["address"]


@pytest.mark.parametrize("vector", evm.safe_txs(), ids=lambda v: v.profile.name)
def test_a_safe_txs_hash_is_the_contracts(vector: SignedVector) -> None:
    """Hash and domain separator equal what the deployed contract returned."""
    assert domain_separator(vector.tx.chain_id, vector.tx.safe) == vector.separator
    assert safe_tx_hash(vector.tx) == vector.digest
    assert parse_draft(encode_draft(vector.tx)) == vector.tx


@pytest.mark.parametrize("vector", evm.safe_txs(), ids=lambda v: v.profile.name)
def test_signatures_recover_to_their_owners(vector: SignedVector) -> None:
    """Each owner's signature recovers to that owner; packed, they stand as the contract wants."""
    for owner, signature in vector.signatures.items():
        assert signer_of(vector.digest, signature) == owner
    two = {owner: vector.signatures[owner] for owner in (evm.OWNERS["hot"], evm.OWNERS["cool"])}
    read = parse_execution(exec_transaction(vector.tx, two))
    assert b"".join(read.signatures) == vector.packed
    assert read.at(vector.tx.safe, vector.tx.chain_id, vector.tx.nonce) == vector.tx
    assert set(signers(vector.tx, read.signatures)) == set(two)


@pytest.mark.parametrize("row", evm.ACCOUNTS, ids=lambda row: str(row["chain_id"]))
def test_a_raw_transaction_is_read_and_written_alike(row: dict[str, Any]) -> None:
    """A signed EIP-1559 transaction gives its fields and sender, and is rebuilt byte for byte."""
    raw = unhex(row["raw"])
    tx, sender = transaction.parse_signed(raw)
    assert sender == tx.to == row["address"]
    assert (tx.chain_id, tx.nonce, tx.gas, tx.value, tx.data) == (
        row["chain_id"],
        row["nonce"],
        row["gas"],
        0,
        b"",
    )
    assert tx.max_fee_per_gas == int(row["max_fee_per_gas"])
    assert tx.max_priority_fee_per_gas == int(row["max_priority_fee_per_gas"])
    assert transaction.parse_unsigned(tx.unsigned_payload()) == tx
    tail = raw[-66:]
    parity = raw[-67] & 1
    assert tail[0] == tail[33] == 0xA0
    assert tx.with_signature(tail[1:33] + tail[34:] + bytes((27 + parity,))) == raw


def test_every_contract_of_a_profile_is_the_canonical_one() -> None:
    """Addresses and runtime code hashes of all profiles equal those measured on a chain."""
    for profile in PROFILES:
        _, version, flavour = profile.name.split("-")
        canonical = evm.DATA["versions"][version]["canonical"]
        names = ("safe" if flavour == "l1" else "safeL2", "factory", "fallback", "mscall")
        expected = [(canonical[name]["address"], unhex(canonical[name]["runtime_keccak"])) for name in names]
        assert [(one.address, one.runtime_keccak) for one in profile.contracts()] == expected


def test_the_type_hashes_are_those_of_the_type_strings() -> None:
    """The EIP-712 type hashes in the code are computed again from the contract's type strings."""
    from keepcool.chains.evm import safe

    fields = (
        "address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
        "uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce"
    )
    domain = "EIP712Domain(uint256 chainId,address verifyingContract)"
    assert keccak256(f"SafeTx({fields})".encode()) == safe.SAFE_TX_TYPEHASH
    assert keccak256(domain.encode()) == safe.DOMAIN_TYPEHASH
