"""The simulator's own decoder against the published transactions of three SDKs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from keepcool.devnet import decoding
from keepcool.devnet.decoding import decode, multisig_address
from keepcool.devnet.rejections import Code, Rejection
from tests.vectors.minter import DATA, Vector, unhex, vectors

UNREGISTERED = "0x13"
DEVNET = Path(decoding.__file__).parent
READABLE = [vector for vector in vectors("v2") if vector.decoded["type"] != UNREGISTERED]


def flat(value: Any) -> Any:
    """A decoded value in the form of the vectors: hex of the shortest big-endian bytes."""
    match value:
        case bool():
            return "01" if value else ""
        case int():
            return value.to_bytes((value.bit_length() + 7) // 8, "big").hex()
        case bytes():
            return value.hex()
        case dict():
            return [flat(one) for one in value.values()]
        case list():
            return [flat(one) for one in value]
    raise AssertionError(value)


@pytest.mark.parametrize("vector", READABLE, ids=lambda one: one.name)
def test_reads_what_the_independent_reader_read(vector: Vector) -> None:
    """Every field, the signed hash, the hash, the sender and the signers are those of the vector."""
    found, told = decode(vector.raw), vector.decoded
    assert (found.nonce, found.chain_id, found.gas_price) == (
        told["nonce"],
        told["chain_id"],
        told["gas_price"],
    )
    assert (found.gas_coin, f"0x{found.kind:02x}") == (told["gas_coin"], told["type"])
    assert (found.payload.hex(), found.service_data.hex()) == (told["payload"], told["service_data"])
    assert flat(dict(found.fields)) == told["data_fields"]
    assert found.digest.hex() == told["sighash_keccak256"]
    assert "Mt" + found.hash.hex() == told["tx_hash"]
    assert "Mx" + found.sender().hex() == told["sender"]
    assert ["Mx" + one.signer(found.digest).hex() for one in found.signatures] == told["signers"]


@pytest.mark.parametrize("vector", vectors("v1"), ids=lambda one: one.name)
def test_refuses_the_first_version(vector: Vector) -> None:
    """A transaction of the dead first version is no transaction (106)."""
    with pytest.raises(Rejection) as refused:
        decode(vector.raw)
    assert refused.value.code is Code.DECODE


def test_refuses_a_type_that_the_node_does_not_register() -> None:
    """A price vote (0x13) is not decoded by nodes of version 3."""
    vector = next(one for one in vectors("v2") if one.decoded["type"] == UNREGISTERED)
    with pytest.raises(Rejection, match="not registered"):
        decode(vector.raw)


@pytest.mark.parametrize(
    "row", [row for row in DATA["multisig_addresses"] if row["encoding"] == "v2"], ids=str
)
def test_a_multisig_address_is_of_its_creator_and_nonce(row: dict[str, Any]) -> None:
    """Addresses of wallets are those of the vectors."""
    assert "Mx" + multisig_address(unhex(row["creator"][2:]), row["nonce"]).hex() == row["address"]


def test_the_simulator_does_not_read_with_the_wallets_codec() -> None:
    """No module of the simulator imports the code that it is there to check."""
    allowed = {"keepcool.devnet", "keepcool.core"}
    for path in DEVNET.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.startswith("keepcool"):
                    assert ".".join(name.split(".")[:2]) in allowed, f"{path.name}: {name}"
