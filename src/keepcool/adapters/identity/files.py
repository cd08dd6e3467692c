"""The port Identity over key files, with PyNaCl. One purpose per key.

signing.key signs messages (Ed25519), sealing.key seals them (X25519), attestation.key attests records,
journal.key states journal heads (Ed25519 both). The last two exist only where a service has that duty. While
message keys are rotated, sealing.next.key or sealing.previous.key opens what was sealed to it, seals nothing.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey
from nacl.signing import SigningKey

from keepcool.adapters.identity.keyfiles import parse_key, read_private
from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Peer, Service

SIGNING, SEALING = "signing.key", "sealing.key"
ATTESTATION, JOURNAL = "attestation.key", "journal.key"
OPENING = ("sealing.next.key", "sealing.previous.key")
_BOXES_MAX = 64


class FileIdentity:
    """Made by `load`. Refuses to be copied or pickled; its repr holds public keys only."""

    __slots__ = (
        "_attestation",
        "_boxes",
        "_journal",
        "_opening",
        "_sealing",
        "_service",
        "_signing",
        "_warnings",
    )

    def __init__(
        self,
        service: Service,
        signing: bytes,
        sealing: bytes,
        attestation: bytes | None = None,
        journal: bytes | None = None,
        *,
        opening: tuple[bytes, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> None:
        seeds = [seed for seed in (signing, sealing, attestation, journal, *opening) if seed is not None]
        if len(set(seeds)) != len(seeds):
            raise Refused("identity.shared", f"{service}: two key files hold the same key")
        self._service, self._warnings = service, warnings
        self._signing, self._sealing = SigningKey(signing), PrivateKey(sealing)
        self._opening = tuple(PrivateKey(one) for one in opening)
        self._attestation = None if attestation is None else SigningKey(attestation)
        self._journal = None if journal is None else SigningKey(journal)
        self._boxes: dict[tuple[bytes, bytes], Box] = {}

    @classmethod
    def load(cls, folder: Path, service: Service, *, one_machine: bool = False) -> FileIdentity:
        """The identity in this folder. Raises Refused when a file is readable by others, malformed or
        used twice; with `one_machine` the first becomes a warning."""
        warnings: list[str] = []

        def key(name: str) -> bytes:
            file = read_private(folder / name, one_machine=one_machine)
            warnings.extend(file.warnings)
            return parse_key(file, folder / name)

        def duty(name: str) -> bytes | None:
            return key(name) if (folder / name).exists() else None

        keys = key(SIGNING), key(SEALING), duty(ATTESTATION), duty(JOURNAL)
        opening = tuple(key(name) for name in OPENING if (folder / name).exists())
        return cls(service, *keys, opening=opening, warnings=tuple(warnings))

    @property
    def service(self) -> Service:
        return self._service

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences to print at start."""
        return self._warnings

    @property
    def signing_key(self) -> bytes:
        return bytes(self._signing.verify_key)

    def peer(self) -> Peer:
        """What others pin of this service: public keys only."""
        return Peer(
            service=self._service,
            signing_key=self.signing_key,
            sealing_key=bytes(self._sealing.public_key),
            attestation_key=None if self._attestation is None else bytes(self._attestation.verify_key),
            journal_key=None if self._journal is None else bytes(self._journal.verify_key),
        )

    def sealing_keys(self) -> tuple[bytes, ...]:
        """The public half in use, then those of keys that only open."""
        return tuple(bytes(one.public_key) for one in (self._sealing, *self._opening))

    def sign(self, message: bytes) -> bytes:
        return self._signing.sign(message).signature

    def attest(self, message: bytes) -> bytes:
        return self._duty(self._attestation, "attests nothing").sign(message).signature

    def state_head(self, message: bytes) -> bytes:
        return self._duty(self._journal, "keeps no journal").sign(message).signature

    def seal(self, recipient: bytes, plaintext: bytes, nonce: bytes) -> bytes:
        return bytes(self._box(recipient, self._sealing).encrypt(plaintext, nonce))

    def open(self, sender: bytes, sealed: bytes) -> bytes:
        for own in (self._sealing, *self._opening):
            with suppress(CryptoError, ValueError):
                return self._box(sender, own).decrypt(sealed)
        raise Malformed("identity.seal", "this box does not open with these two keys")

    def _duty(self, key: SigningKey | None, without: str) -> SigningKey:
        if key is None:
            raise Refused("identity.duty", f"{self._service} {without}: it has no key for it")
        return key

    def _box(self, other: bytes, own: PrivateKey) -> Box:
        """The shared key is computed once per peer; peers are pinned, so they are few."""
        pair = (bytes(own.public_key), other)
        box = self._boxes.get(pair)
        if box is None:
            if len(self._boxes) >= _BOXES_MAX:
                self._boxes.clear()
            box = self._boxes[pair] = Box(own, PublicKey(other))
        return box

    def __repr__(self) -> str:
        return f"FileIdentity({self._service.value}, signing_key={self.signing_key.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an identity stays in its process")

    def __copy__(self) -> NoReturn:
        raise TypeError("an identity stays in its process")

    def __deepcopy__(self, _: object) -> NoReturn:
        raise TypeError("an identity stays in its process")
