"""Belief: an address counts only when both signers attested the record it stands in.

The two pinned keys come from the installation, by a way that does not lead through App. A record that
lacks an attestation, carries a wrong one, or is of another wallet than the one asked for is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from keepcool.client.models import WalletAnswer
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.core.parties import Service
from keepcool.core.registry import Standing, WalletRecord, attested_bytes, parse_record

ATTESTERS = (Service.KEEPER, Service.COOLER)


@dataclass(frozen=True, slots=True)
class Pins:
    """The attestation keys of both signers (Ed25519, 32 bytes each)."""

    keeper: bytes
    cooler: bytes

    def key(self, service: Service) -> bytes:
        return self.keeper if service is Service.KEEPER else self.cooler


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for: every field that is named must be what the record says."""

    wallet: str | None = None
    user: str | None = None
    network: str | None = None


def parse_pins(keeper: str, cooler: str) -> Pins:
    """From hex. Raises Malformed when a key is not 32 bytes or both are the same."""
    try:
        pins = Pins(bytes.fromhex(keeper), bytes.fromhex(cooler))
    except ValueError as error:
        raise Malformed("client.pins", "a pinned key is 64 hex digits") from error
    if len(pins.keeper) != 32 or len(pins.cooler) != 32 or pins.keeper == pins.cooler:
        raise Malformed("client.pins", "pin two different keys of 64 hex digits, Keeper's and Cooler's")
    return pins


def believed(pins: Pins, record: bytes, attestations: dict[str, bytes]) -> WalletRecord:
    """The record, when both signers attested exactly these bytes. Raises Breach otherwise."""
    for service in ATTESTERS:
        signature = attestations.get(service.value)
        if signature is None:
            raise Breach(
                "client.unattested", f"this address lacks the attestation of {service}: do not pay to it"
            )
        try:
            VerifyKey(pins.key(service)).verify(attested_bytes(record), signature)
        except (BadSignatureError, ValueError) as error:
            raise Breach(
                "client.attestation",
                f"the attestation of {service} does not verify: do not pay to this address",
            ) from error
    return parse_record(record)


def record_of(pins: Pins, told: WalletAnswer, wanted: Wanted) -> WalletRecord:
    """The record App told of. Raises Breach when it is not believed, or is not the one asked for: another
    user's wallet is attested as honestly as one's own."""
    if told.record_bytes is None:
        raise Unavailable("client.issuing", f"wallet {told.id} is still being issued; ask again")
    record = believed(pins, told.record_bytes, told.attestations)
    if record.standing is not Standing.PROVEN:
        raise Breach(
            "client.unproven", "nobody has read this wallet's owners from the chain: do not pay to it"
        )
    asked = (
        wanted.wallet or record.wallet,
        wanted.user or record.owner,
        wanted.network or record.network,
        told.id,
        told.address,
    )
    if asked != (record.wallet, record.owner, record.network, record.wallet, record.address):
        raise Breach("client.other_record", "App handed out another wallet's record: do not pay to it")
    return record
