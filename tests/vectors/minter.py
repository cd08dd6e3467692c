"""Reads minter.json: transactions made by minter-js-sdk 0.46.2 and PyPI minter-sdk 1.0.34, and those in the
tests of the JavaScript, Go and Python SDKs, decoded by an independent reader. Its keys are public and must
never be funded. `wallet_record` makes records of them; signing happens in tests alone, with coincurve."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord

FILE = Path(__file__).with_name("minter.json")
DATA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
KEYS = {name: PrivateKey(bytes.fromhex(row["private_key"])) for name, row in DATA["keys"].items()}
ADDRESSES: dict[str, str] = {name: row["address"] for name, row in DATA["keys"].items()}
PUBLIC = {name: key.public_key.format().hex() for name, key in KEYS.items()}
WALLET: str = DATA["cross_wallet_replay_proof"]["multisig_a"]  # of app at nonce 1
OTHER_WALLET: str = DATA["cross_wallet_replay_proof"]["multisig_b"]  # of app at nonce 2
MAINNET = NetworkId("minter:1")


@dataclass(frozen=True, slots=True)
class Vector:
    """A signed transaction with what the independent reader found in it. `row` is the JSON it came from."""

    name: str
    raw: bytes
    decoded: dict[str, Any]
    row: dict[str, Any]

    @property
    def keys(self) -> list[PrivateKey]:
        return [PrivateKey(unhex(key)) for key in self.row.get("private_keys", [])]


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def vectors(encoding: str) -> list[Vector]:
    rows = (Vector(r["name"], unhex(r["signed_tx"]), r["decoded"], r) for r in DATA["transactions"])
    return [vector for vector in rows if vector.decoded["encoding"] == encoding]


def named(beginning: str) -> Vector:
    return next(vector for vector in vectors("v2") if vector.name.startswith(beginning))


def signed(key: PrivateKey, digest: bytes) -> bytes:
    """r, s, v (65 bytes) of one key over 32 bytes."""
    made = bytes(key.sign_recoverable(digest, hasher=None))
    return made[:64] + bytes((27 + made[64],))


def wallet_record(nonce: int = 1, address: str = WALLET, network: NetworkId = MAINNET) -> WalletRecord:
    """The multisig of hot, cool and cold that app creates with this nonce."""
    hot, cool, cold = (OwnerKey(role, PUBLIC[role.value]) for role in (Role.HOT, Role.COOL, Role.COLD))
    return WalletRecord(
        wallet=WalletId("w-1"),
        revision=1,
        previous=NO_PREVIOUS,
        family="minter",
        network=network,
        profile=f"multisig-v2:{ADDRESSES['app']}:{nonce}",
        threshold=2,
        owners=(hot, cool, cold),
        address=address,
        owner="u-1",
        user_key="",
        policy_class="",
        standing=Standing.RESERVED,
        made_at_s=1,
    )
