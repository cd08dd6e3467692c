"""The public key of a person: a user, an approver, an administrator. Never a coin key.

One spelling each, because records and policies carry it: `ed25519:` and 64 hex digits (RFC 8032), or
`passkey:` and 66 hex digits, the compressed P-256 point (SEC 1) of a WebAuthn credential that signs ES256.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from keepcool.core.errors import Malformed

_BYTES = {"ed25519": 32, "passkey": 33}


class Scheme(StrEnum):
    ED25519 = "ed25519"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class PersonKey:
    """`key`: 32 bytes of Ed25519, or the 33 of a compressed P-256 point."""

    scheme: Scheme
    key: bytes

    def text(self) -> str:
        return f"{self.scheme.value}:{self.key.hex()}"


def parse_person_key(text: str) -> PersonKey:
    """Raises Malformed on anything but the one spelling of a key. Whether a passkey's point lies on the
    curve shows when it verifies."""
    name, _, digits = text.partition(":")
    try:
        key = PersonKey(Scheme(name), bytes.fromhex(digits))
    except ValueError as error:
        raise _wrong(text) from error
    if key.text() != text or len(key.key) != _BYTES[name]:
        raise _wrong(text)
    if key.scheme is Scheme.PASSKEY and key.key[0] not in (2, 3):
        raise _wrong(text)
    return key


def _wrong(text: str) -> Malformed:
    return Malformed(
        "person.key", f"a person's key is ed25519: and 64 hex digits, or passkey: and 66, not {text[:40]!r}"
    )
