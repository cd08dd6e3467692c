"""Who speaks on the bus: services by name, and what others know of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Service(StrEnum):
    APP = "app"
    KEEPER = "keeper"
    COOLER = "cooler"
    WATCHTOWER = "watchtower"
    DESK = "desk"
    DOME = "dome"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another service's pinned public keys, 32 bytes each: Ed25519 for messages, X25519 for sealing,
    Ed25519 for attestations (None where it attests nothing) and Ed25519 for journal heads (likewise).
    `next_signing_key` and `next_sealing_key`: the pair its messages are to come under, believed beside the
    first two; empty when none is on its way."""

    service: Service
    signing_key: bytes
    sealing_key: bytes
    attestation_key: bytes | None = None
    journal_key: bytes | None = None
    next_signing_key: bytes = b""
    next_sealing_key: bytes = b""

    def successor(self) -> Peer | None:
        """The same service under the message keys it is to have."""
        if not self.next_signing_key:
            return None
        return replace(
            self,
            signing_key=self.next_signing_key,
            sealing_key=self.next_sealing_key,
            next_signing_key=b"",
            next_sealing_key=b"",
        )
