"""What a service checks about its own surroundings before it starts.

Two keys of one wallet must never be within reach of one service, and a key that others can read is
not a key. Findings are sentences with the mend; the service refuses to start on any of them, except that
one machine for everything (a trial, never production) turns readable neighbours into warnings.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nacl.bindings import crypto_scalarmult_base, crypto_sign_seed_keypair

from keepcool.core.errors import Refused
from keepcool.core.parties import Peer, Service
from keepcool.core.profiles import Profile

_FILES_MAX = 10_000
_KEY_FILE_BYTES_MAX = 4096
_SECRET_SUFFIXES = (".key", ".seed", ".sqlite", ".toml", ".id")
SIGNERS = (Service.KEEPER, Service.COOLER)


@dataclass(frozen=True, slots=True)
class Finding:
    """`fatal` findings stop the service; others are printed as warnings."""

    code: str
    text: str
    fatal: bool


def survey(
    folder: Path,
    service: Service,
    peers: Sequence[Peer],
    *,
    one_machine: bool,
    profiles: frozenset[Profile] = frozenset(),
) -> list[Finding]:
    """Everything wrong with this service's folder and its neighbours. `profiles`: permitted by name."""
    return [
        *_exposed(folder, one_machine=one_machine),
        *_foreign_keys(folder, peers),
        *_neighbours(folder, service, one_machine=one_machine),
        *_app_beside(folder, service, permitted=one_machine or _may_be_with_app(service, profiles)),
    ]


def refuse_fatal(findings: Sequence[Finding]) -> list[str]:
    """The warnings, as text. Raises Refused with every fatal finding."""
    fatal = [finding.text for finding in findings if finding.fatal]
    if fatal:
        raise Refused("guard.surroundings", "will not start: " + "; ".join(fatal))
    return [finding.text for finding in findings]


def _files(folder: Path) -> Iterator[Path]:
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count > _FILES_MAX:
            raise Refused("guard.surroundings", f"{folder} holds too many files to be a service's folder")
        if path.is_file() and not path.is_symlink():
            yield path


def _exposed(folder: Path, *, one_machine: bool) -> Iterator[Finding]:
    for path in _files(folder):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077 and path.suffix in _SECRET_SUFFIXES:
            text = f"{path} can be read by others (mode {mode:o}); run: chmod 600 {path}"
            yield Finding("guard.readable", text, fatal=not one_machine)


def _foreign_keys(folder: Path, peers: Sequence[Peer]) -> Iterator[Finding]:
    owners = {key: peer.service for peer in peers for key in _keys_of(peer)}
    for path in _files(folder):
        for public in _public_keys_in(path):
            if public in owners:
                text = f"{path} is a key of {owners[public]}; remove it from this host"
                yield Finding("guard.foreign_key", text, fatal=True)


def _keys_of(peer: Peer) -> list[bytes]:
    keys = (peer.signing_key, peer.sealing_key, peer.attestation_key, peer.journal_key)
    return [key for key in (*keys, peer.next_signing_key, peer.next_sealing_key) if key]


def _public_keys_in(path: Path) -> list[bytes]:
    if path.stat().st_size > _KEY_FILE_BYTES_MAX:
        return []
    try:
        seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, OSError):
        return []
    if len(seed) != 32:
        return []
    return [crypto_sign_seed_keypair(seed)[0], crypto_scalarmult_base(seed)]


def _neighbours(folder: Path, service: Service, *, one_machine: bool) -> Iterator[Finding]:
    for other in SIGNERS:
        beside = folder.parent / other.value
        if other is service or service not in SIGNERS or not _readable(beside):
            continue
        text = f"the files of {other} lie within reach, in {beside}; carry them to a host of their own"
        yield Finding("guard.second_key", text, fatal=not one_machine)


def _may_be_with_app(service: Service, profiles: frozenset[Profile]) -> bool:
    return service is Service.KEEPER and Profile.KEEPER_WITH_APP in profiles


def _app_beside(folder: Path, service: Service, *, permitted: bool) -> Iterator[Finding]:
    beside = folder.parent / Service.APP.value
    if service in SIGNERS and _readable(beside):
        text = f"the files of app lie within reach, in {beside}; carry {service} to a host of its own"
        if service is Service.KEEPER:
            text += ', or say profiles = ["keeper-with-app"] and know what that gives up'
        yield Finding("guard.app_beside", text, fatal=not permitted)


def _readable(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False
