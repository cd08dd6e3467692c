"""Which attestation keys App believes: the pinned ones, and what the root key has listed after them.

Law: App is no authority: it verifies a list under the root key of its configuration, and hands it on to
clients, who verify it themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from keepcool.core.errors import Refused
from keepcool.core.parties import Peer, Service
from keepcool.core.succession import ATTESTERS, Succession, check_continues
from keepcool.wire.successions import FILE_BYTES_MAX, SignedSuccession, parse_signed, verified


class Verifier(Protocol):
    """As a PyNaCl key: raises BadSignatureError or ValueError."""

    def verify(self, message: bytes, signature: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """The newest list of each signer, and as it was signed."""

    lists: Mapping[Service, Succession]
    signed: tuple[SignedSuccession, ...] = ()

    def keys_of(self, peers: Sequence[Peer], now_s: Callable[[], int]) -> dict[Service, Verifier]:
        """By which both signers' attestations are verified. Raises Refused where a key is not pinned."""
        pinned = {peer.service: peer.attestation_key for peer in peers}
        found: dict[Service, Verifier] = {}
        for service in ATTESTERS:
            key, listed = pinned.get(service), self.lists.get(service)
            if key is None:
                raise Refused("wallet.unpinned", f"pin {service}'s attestation_key under [peers.{service}]")
            found[service] = VerifyKey(key) if listed is None else CountingKeys(listed, now_s)
        return found

    def in_use(self, peers: Sequence[Peer]) -> dict[Service, bytes]:
        """Both signers' newest keys."""
        pinned = {peer.service: peer.attestation_key or b"" for peer in peers}
        return {
            service: self.lists[service].in_use if service in self.lists else pinned.get(service, b"")
            for service in ATTESTERS
        }


NOTHING_LISTED = Listed({})


@dataclass(frozen=True, slots=True)
class CountingKeys:
    """A list's keys that count at the moment."""

    listed: Succession
    now_s: Callable[[], int]

    def verify(self, message: bytes, signature: bytes, /) -> bytes:
        for key in self.listed.counting(self.now_s()):
            with suppress(BadSignatureError, ValueError):
                return VerifyKey(key).verify(message, signature)
        raise BadSignatureError("no attestation key that counts made this signature")


def read(files: Sequence[Path], root_key: str, peers: Sequence[Peer]) -> Listed:
    """Raises Refused or Malformed on a file that is not there, not the root key's, or of other keys than the
    pinned ones."""
    lists: dict[Service, tuple[Succession, SignedSuccession]] = {}
    pinned = {peer.service: peer.attestation_key for peer in peers}
    for file in files:
        try:
            with file.open("rb") as opened:
                signed = parse_signed(opened.read(FILE_BYTES_MAX))
        except OSError as error:
            raise Refused("config.attestation_keys", f"{file}: {error.strerror}") from error
        found = verified(signed, bytes.fromhex(root_key))
        check_continues([pinned.get(found.service) or b""], found)
        before = lists.get(found.service)
        if before is None or before[0].number < found.number:
            lists[found.service] = (found, signed)
    return Listed(
        {service: found for service, (found, _) in lists.items()}, tuple(one for _, one in lists.values())
    )
