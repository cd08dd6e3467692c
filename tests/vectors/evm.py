"""Reads evm.json: facts made with safe-eth-py 7.27.0, web3 8.0.0, eth-account 0.14.0 and the official
@safe-global artifacts on a local chain. The test keys in it are public and must never be funded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepcool.chains.evm.profiles import SafeProfile, profile_for
from keepcool.chains.evm.safe import SafeTx

FILE = Path(__file__).with_name("evm.json")
DATA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
OWNERS: dict[str, str] = {name: key["address"] for name, key in DATA["test_keys"].items()}
KEYS: dict[str, str] = {name: key["priv"] for name, key in DATA["test_keys"].items()}
ACCOUNTS: list[dict[str, Any]] = DATA["eip1559_self_cancel"]


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@dataclass(frozen=True, slots=True)
class SignedVector:
    """A SafeTx with what the deployed contract said of it. `row` is the JSON it came from."""

    profile: SafeProfile
    tx: SafeTx
    digest: bytes
    separator: bytes
    signatures: dict[str, bytes]  # by owner address
    packed: bytes
    row: dict[str, Any]


def safe_txs() -> list[SignedVector]:
    return [_signed(version, row) for version, facts in DATA["versions"].items() for row in facts["safe_tx"]]


def creations() -> list[tuple[SafeProfile, dict[str, Any]]]:
    return [
        (profile_for(version, row["flavour"].lower()), row)
        for version, facts in DATA["versions"].items()
        for row in facts["create2"]
    ]


def _signed(version: str, row: dict[str, Any]) -> SignedVector:
    return SignedVector(
        profile=profile_for(version, row["flavour"].lower()),
        tx=SafeTx(
            safe=row["safe"],
            chain_id=row["chain_id"],
            to=row["to"],
            value=int(row["value"]),
            data=unhex(row["data"]),
            operation=row["operation"],
            nonce=int(row["nonce"]),
            safe_tx_gas=int(row["safe_tx_gas"]),
            base_gas=int(row["base_gas"]),
            gas_price=int(row["gas_price"]),
            gas_token=row["gas_token"],
            refund_receiver=row["refund_receiver"],
        ),
        digest=unhex(row["safe_tx_hash"]),
        separator=unhex(row["domain_separator"]),
        signatures={OWNERS[name]: unhex(text) for name, text in row["signatures"].items()},
        packed=unhex(row["packed_hot_cool"]),
        row=row,
    )
