"""What seals and unseals seeds: OpenBao, Vault, a KMS. It never sees a plaintext coin key, only what
hazmat has already sealed under a key of the service's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

CHECK = "-check"  # ends the purpose of a row that a keystore never sealed: by it a key is known again


@dataclass(frozen=True, slots=True)
class Bound:
    """What a sealed item is bound to; all four must be equal to open it again."""

    service: str
    wallet: str
    network: str
    purpose: str

    def context(self) -> bytes:
        """One byte string for derivation and associated data: the fields, length-prefixed."""
        fields = (self.service, self.wallet, self.network, self.purpose)
        return b"".join(len(raw).to_bytes(2, "big") + raw for raw in (f.encode() for f in fields))


class Keystore(Protocol):
    async def seal(self, items: Sequence[tuple[Bound, bytes]]) -> list[bytes]:
        """Keystore ciphertexts, in order. Raises Unavailable when the keystore does not answer."""

    async def unseal(self, items: Sequence[tuple[Bound, bytes]], reference: str) -> list[bytes]:
        """Plaintexts, in order. `reference` names the journal rows this opening is for and stands in
        the keystore's audit log. Raises Unavailable, or Breach when a ciphertext does not belong to
        its binding."""

    async def check(self) -> None:
        """Raises Unavailable when the keystore does not answer or is sealed, Refused when the service
        could do more with it than it may (reach its peer's key)."""


class RotatingKeystore(Keystore, Protocol):
    """A keystore whose key has versions: the newest seals, older ones open what they sealed."""

    async def rewrap(self, items: Sequence[tuple[Bound, bytes]]) -> list[bytes]:
        """The same under the newest version, in order. Raises as `unseal`."""

    def version_of(self, sealed: bytes) -> int:
        """Under which version this lies sealed; 0 for what is none of this keystore's."""

    async def newest(self) -> int:
        """The version that seals now."""

    async def rotate(self) -> int:
        """A new version, which is the newest then. Raises Refused where only an operator may do that."""

    async def retire(self, below: int) -> None:
        """Versions below open nothing any more. Raises Refused where only an operator may do that."""

    async def close(self) -> None:
        """The service ends."""
