"""Attestations: "I derived this address myself", Ed25519 over the record's canonical bytes.

Law: verification raises or returns nothing; a key is pinned, never taken from a message. RFC 8032.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from nacl import bindings
from nacl.exceptions import BadSignatureError

from keepcool.core.errors import Malformed
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, attested_bytes
from keepcool.ports.identity import Identity


def attest(identity: Identity, record: WalletRecord) -> bytes:
    """This service's attestation (64 bytes) over a record whose address it has just derived."""
    return identity.attest(attested_bytes(record.encoded()))


def verify_attestation(key: bytes, encoded_record: bytes, signature: bytes) -> None:
    """Raises Malformed unless `key` (Ed25519, 32 bytes) made this attestation."""
    verify(key, attested_bytes(encoded_record), signature, "attestation.signature", "attestation")


def attesters(
    keys: Mapping[Service, Sequence[bytes]], encoded_record: bytes, attestations: Mapping[Service, bytes]
) -> frozenset[Service]:
    """The services of whose keys one that counts made their attestation; others are as if they had made
    none."""
    signed = set()
    for service, signature in attestations.items():
        try:
            verify_by_any(keys.get(service, ()), encoded_record, signature)
        except Malformed:
            continue
        signed.add(service)
    return frozenset(signed)


def verify_by_any(keys: Sequence[bytes], encoded_record: bytes, signature: bytes) -> None:
    """Raises Malformed unless one of these keys made this attestation."""
    for key in keys[:-1]:
        with suppress(Malformed):
            verify_attestation(key, encoded_record, signature)
            return
    verify_attestation(keys[-1] if keys else b"", encoded_record, signature)


def verify(key: bytes, message: bytes, signature: bytes, code: str, what: str) -> None:
    """Ed25519. Raises Malformed with this code when it does not verify."""
    try:
        if len(key) != 32 or len(signature) != 64:
            raise BadSignatureError
        bindings.crypto_sign_open(signature + message, key)
    except BadSignatureError as error:
        raise Malformed(code, f"this {what} was not made under the pinned key") from error
