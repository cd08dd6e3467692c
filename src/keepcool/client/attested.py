"""Belief: an address counts only when both signers attested the record it stands in, or a range of addresses
of that record in which it stands.

The two pinned keys come from the installation, by a way that does not lead through App. A record that
lacks an attestation, carries a wrong one, or is of another wallet than the one asked for is refused. Whose an
address of a pool is only App knows: the coins there are the house's to pay out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from nacl.exceptions import BadSignatureError

from keepcool.client.models import ProofAnswer, WalletAnswer
from keepcool.client.successions import Followed, verify_by_any
from keepcool.core.addresses import RECEIVING, parse_range, signed_bytes
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.core.parties import Service
from keepcool.core.registry import Standing, WalletRecord, attested_bytes, parse_record

ATTESTERS = (Service.KEEPER, Service.COOLER)
SEGREGATED, POOLED, POOL_PROFILE = "segregated", "pooled", "-pool-"


@dataclass(frozen=True, slots=True)
class Pins:
    """The attestation keys of both signers (Ed25519, 32 bytes each). `followed`: what came after them, where
    the installation's root key is pinned too."""

    keeper: bytes
    cooler: bytes
    followed: Followed | None = None

    def verify(self, service: Service, message: bytes, signature: bytes) -> None:
        """Raises BadSignatureError or ValueError unless a key of this signer that counts now made it."""
        own = self.keeper if service is Service.KEEPER else self.cooler
        keys = (own,) if self.followed is None else self.followed.counting(service)
        verify_by_any(keys, message, signature)

    def following(self, root: bytes, file: Path | None = None) -> Pins:
        """These, and what this root key lists after them; learnt lists are kept in `file`."""
        pinned = {Service.KEEPER: self.keeper, Service.COOLER: self.cooler}
        return replace(self, followed=Followed(root, pinned, file))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for: every field that is named must be what the record says. `kind`: segregated
    or pooled; `pool`: the id of the only pool that will do. `user_key`: the owner's own, or "" for none; an
    App that had a key of its own attested instead could sign for him."""

    wallet: str | None = None
    user: str | None = None
    network: str | None = None
    kind: str | None = None
    pool: str | None = None
    user_key: str | None = None


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
            pins.verify(service, attested_bytes(record), signature)
        except (BadSignatureError, ValueError) as error:
            raise Breach(
                "client.attestation",
                f"the attestation of {service} does not verify: do not pay to this address",
            ) from error
    return parse_record(record)


def check_address(pins: Pins, record: WalletRecord, address: str, proof: ProofAnswer | None) -> None:
    """Returns when both signers derived this receiving address from this record. Raises Breach."""
    if proof is None:
        raise Breach("client.unproven_address", f"nothing proves {address}: do not pay to it")
    for service in ATTESTERS:
        try:
            signature = proof.signatures.get(service.value, b"")
            pins.verify(service, signed_bytes(proof.statement), signature)
        except (BadSignatureError, ValueError) as error:
            text = f"{service} has not attested the address {address}: do not pay to it"
            raise Breach("client.unattested_address", text) from error
    try:
        stated = parse_range(proof.statement)
        stated.check_holds(address, proof.index, proof.path)
    except Malformed as error:
        text = f"both signers attested other addresses than {address}: do not pay to it"
        raise Breach("client.other_address", text) from error
    named = (stated.wallet, stated.record, stated.network, stated.change)
    if named != (record.wallet, record.hash(), record.network, RECEIVING):
        raise Breach("client.other_record", f"{address} is of another wallet: do not pay to it")


def record_of(pins: Pins, told: WalletAnswer, wanted: Wanted) -> WalletRecord:
    """The record App told of. Raises Breach when it is not believed, or is not the one asked for: another
    user's wallet is attested as honestly as one's own."""
    if told.record_bytes is None:
        raise Unavailable("client.issuing", f"wallet {told.id} is still being issued; ask again")
    if told.kind != (wanted.kind or told.kind) or told.pool != (wanted.pool or told.pool):
        raise Breach("client.other_kind", "App handed out a wallet of another kind, or of another pool")
    record = believed(pins, told.record_bytes, told.attestations)
    if record.user_key != (record.user_key if wanted.user_key is None else wanted.user_key):
        whose = "a key that is not yours" if wanted.user_key else "somebody's key, and you gave none"
        raise Breach("client.other_user_key", f"this wallet obeys {whose}: do not pay to it")
    if told.kind == POOLED:
        _check_pooled(pins, record, told, wanted)
        return record
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


def _check_pooled(pins: Pins, record: WalletRecord, told: WalletAnswer, wanted: Wanted) -> None:
    """Raises Breach unless the address is the pool's, and the pool's record is one."""
    if told.id != (wanted.wallet or told.id) or told.user != (wanted.user or told.user):
        raise Breach("client.other_record", "App handed out another wallet: do not pay to it")
    if record.network != (wanted.network or record.network) or record.wallet != told.pool:
        raise Breach("client.other_record", "App handed out another pool's address: do not pay to it")
    if POOL_PROFILE not in record.profile:
        raise Breach("client.no_pool", "App handed out somebody's own wallet as a pool: do not pay to it")
    check_address(pins, record, told.address or "", told.proof)
