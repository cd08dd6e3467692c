"""The registry record of a wallet, and the attestations over it.

A record says which three public keys make an address. Keeper and Cooler each derive the address
themselves and sign the record's canonical bytes; nobody can swap an address without both.
A change is a new revision that names the hash of the one before it. Format version 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from keepcool.core import canonical, ids
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.parties import Service

RECORD_CONTEXT = b"keepcool-record-v1"
ATTESTATION_CONTEXT = b"keepcool-attestation-v1"
RECORD_VERSION = 1
NO_PREVIOUS = "0" * 64


class Role(StrEnum):
    """The three owner keys of a wallet. Their order in a record is fixed: hot, cool, cold."""

    HOT = "hot"
    COOL = "cool"
    COLD = "cold"


class Standing(StrEnum):
    """Reserved: the address does not commit to its owners and they were not read from the chain yet."""

    RESERVED = "reserved"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class OwnerKey:
    """A public key (compressed secp256k1, 33 bytes hex) and where it comes from (BIP-380 origin or empty)."""

    role: Role
    public_key: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class WalletRecord:
    """One wallet. `profile` names the script or contract set, `owner` is opaque to the signers."""

    wallet: WalletId
    revision: int
    previous: str
    family: str
    network: NetworkId
    profile: str
    threshold: int
    owners: tuple[OwnerKey, OwnerKey, OwnerKey]
    address: str
    owner: str
    user_key: str
    policy_class: str
    standing: Standing
    made_at_s: int

    def encoded(self) -> bytes:
        """Canonical bytes: what both signers attest."""
        return canonical.encode(
            {
                "address": self.address,
                "family": self.family,
                "made_at_s": self.made_at_s,
                "network": self.network,
                "owner": self.owner,
                "owners": [
                    {"origin": key.origin, "public_key": key.public_key, "role": key.role.value}
                    for key in self.owners
                ],
                "policy_class": self.policy_class,
                "previous": self.previous,
                "profile": self.profile,
                "revision": self.revision,
                "standing": self.standing.value,
                "threshold": self.threshold,
                "user_key": self.user_key,
                "version": RECORD_VERSION,
                "wallet": self.wallet,
            }
        )

    def hash(self) -> str:
        return canonical.digest(RECORD_CONTEXT, self.encoded()).hex()

    def key(self, role: Role) -> OwnerKey:
        for key in self.owners:
            if key.role is role:
                return key
        raise ValueError(f"no {role} key")


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signer's Ed25519 signature over `attested_bytes(record)`: "I derived this address myself"."""

    by: Service
    signature: bytes


@dataclass(frozen=True, slots=True)
class AttestedRecord:
    record: WalletRecord
    attestations: tuple[Attestation, ...]

    def by(self, service: Service) -> Attestation | None:
        return next((one for one in self.attestations if one.by is service), None)


def attested_bytes(encoded_record: bytes) -> bytes:
    return ATTESTATION_CONTEXT + b"\0" + encoded_record


def parse_record(data: bytes) -> WalletRecord:
    """The record behind canonical bytes. Raises Malformed on anything else, unknown versions included."""
    try:
        record = _built(canonical.unproven(data))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, Malformed):
        return _refused(data)
    return record if record.encoded() == data else _refused(data)


def _refused(data: bytes) -> NoReturn:
    """Says what is wrong with bytes that no record encodes to."""
    plain = canonical.decode(data, "wallet record")
    if plain.get("version") != RECORD_VERSION:
        raise Malformed("record.version", "wallet record: this version is not known here")
    try:
        _built(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed("record.form", "wallet record: a field is missing or of the wrong kind") from error
    raise Malformed("record.form", "wallet record: unknown or misplaced fields")


def _built(plain: Mapping[str, canonical.Plain]) -> WalletRecord:
    def text(name: str) -> str:
        value = plain[name]
        if not isinstance(value, str):
            raise TypeError(name)
        return value

    def whole(name: str) -> int:
        value = plain[name]
        if type(value) is not int or value < 0:
            raise TypeError(name)
        return value

    rows = plain["owners"]
    if not isinstance(rows, list) or len(rows) != 3:
        raise TypeError("owners")
    hot, cool, cold = (OwnerKey(Role(r["role"]), str(r["public_key"]), str(r["origin"])) for r in rows)
    if (hot.role, cool.role, cold.role) != (Role.HOT, Role.COOL, Role.COLD):
        raise ValueError("owners")
    return WalletRecord(
        wallet=ids.wallet_id(text("wallet")),
        revision=whole("revision"),
        previous=text("previous"),
        family=text("family"),
        network=ids.network_id(text("network")),
        profile=text("profile"),
        threshold=whole("threshold"),
        owners=(hot, cool, cold),
        address=text("address"),
        owner=text("owner"),
        user_key=text("user_key"),
        policy_class=text("policy_class"),
        standing=Standing(text("standing")),
        made_at_s=whole("made_at_s"),
    )
