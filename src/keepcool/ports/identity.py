"""A service's own identity keys. They are not coin keys, and coin keys never pass here."""

from __future__ import annotations

from typing import Protocol

from keepcool.core.parties import Service


class Identity(Protocol):
    """One purpose per key: messages, sealing, attestations and journal heads each have their own."""

    @property
    def service(self) -> Service: ...

    @property
    def signing_key(self) -> bytes:
        """Ed25519 public key of the messages this service signs (32 bytes)."""

    def sign(self, message: bytes) -> bytes:
        """Ed25519 under the message key (64 bytes)."""

    def seal(self, recipient: bytes, plaintext: bytes, nonce: bytes) -> bytes:
        """NaCl box to a peer's X25519 key; `nonce` is 24 fresh random bytes and is prepended."""

    def open(self, sender: bytes, sealed: bytes) -> bytes:
        """The plaintext of a box from a peer's X25519 key. Raises Malformed when it does not open."""

    def attest(self, message: bytes) -> bytes:
        """Ed25519 under the attestation key (64 bytes). Raises Refused where the service has none."""

    def state_head(self, message: bytes) -> bytes:
        """Ed25519 under the journal key (64 bytes). Raises Refused where the service has none."""
