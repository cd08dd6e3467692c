"""Pinned peers, from the settings of a service."""

from __future__ import annotations

from collections.abc import Mapping

from keepcool.core.errors import Refused
from keepcool.core.parties import Peer, Service
from keepcool.ports.settings import PeerSettings


def peers_of(settings: Mapping[str, PeerSettings]) -> tuple[Peer, ...]:
    """The peers under [peers]. Raises Refused on an unknown service or a key that is not 32 bytes of hex."""
    return tuple(_peer(name, one) for name, one in sorted(settings.items()))


def _peer(name: str, settings: PeerSettings) -> Peer:
    if bool(settings.next_signing_key) != bool(settings.next_sealing_key):
        text = f"[peers.{name}]: next_signing_key and next_sealing_key come together"
        raise Refused("settings.peer", text)
    try:
        service = Service(name)
    except ValueError as error:
        raise Refused("settings.peer", f"[peers.{name}]: there is no such service") from error
    return Peer(
        service=service,
        signing_key=_key(name, "signing_key", settings.signing_key),
        sealing_key=_key(name, "sealing_key", settings.sealing_key),
        attestation_key=_optional(name, "attestation_key", settings.attestation_key),
        journal_key=_optional(name, "journal_key", settings.journal_key),
        next_signing_key=_optional(name, "next_signing_key", settings.next_signing_key) or b"",
        next_sealing_key=_optional(name, "next_sealing_key", settings.next_sealing_key) or b"",
    )


def _optional(peer: str, field: str, text: str) -> bytes | None:
    return _key(peer, field, text) if text else None


def _key(peer: str, field: str, text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Refused("settings.peer", f"[peers.{peer}] {field}: a public key is 64 hex digits")
    return key
