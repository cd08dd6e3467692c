"""Who speaks on the bus: services by name, and what others know of them."""

from __future__ import annotations

from dataclasses import dataclass
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
    Ed25519 for attestations (None where it attests nothing) and Ed25519 for journal heads (likewise)."""

    service: Service
    signing_key: bytes
    sealing_key: bytes
    attestation_key: bytes | None = None
    journal_key: bytes | None = None
