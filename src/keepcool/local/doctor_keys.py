"""doctor on keys: everybody pins what the others really have, and nobody has what another should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepcool.adapters.guard import survey
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.peers import peers_of
from keepcool.core.parties import Peer, Service
from keepcool.core.profiles import given_up, profiles
from keepcool.local import layout
from keepcool.local.doctor_files import present
from keepcool.local.findings import Finding, Weight
from keepcool.local.layout import SIGNERS, Layout
from keepcool.ports.settings import AccountSettings, PeerSettings

_SECRET_NAMES = (layout.INNER_KEY, f"{layout.BUS}/{layout.NKEY}", f"{layout.KEYSTORE}/{layout.SECRET_ID}")
_PIN_FIELDS = ("signing_key", "sealing_key", "attestation_key", "journal_key")
_ROOT_NAMES = ("root.key", "ca.key", "provision.nkey", "*.paper.txt", "share-*.txt")


class _Pinning(msgspec.Struct, frozen=True):
    peers: dict[str, PeerSettings]
    cold_public_key: str = ""
    cool_public_key: str = ""
    cold_accounts: list[AccountSettings] = []
    cool_accounts: list[AccountSettings] = []


class _Passphrase(msgspec.Struct, frozen=True):
    passphrase_file: str = ""


class _LocalKeystore(msgspec.Struct, frozen=True):
    local: _Passphrase | None = None


class _Departing(msgspec.Struct, frozen=True):
    profiles: list[str] = []
    keystore: _LocalKeystore = _LocalKeystore()


class _OperatorPins(msgspec.Struct, frozen=True):
    pins: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is here to compare: each service's own identity, and what it pins."""

    own: Mapping[Service, Peer]
    pins: Mapping[Service, _Pinning]


def mismatched_pins(places: Layout) -> Iterator[Finding]:
    """Pins that are not their peer's keys, and paper keys on which the signers disagree."""
    known = _known(places)
    for service, pinning in known.pins.items():
        for peer in peers_of(pinning.peers):
            own = known.own.get(peer.service)
            if own is not None:
                yield from compared(places.config(service), peer, own)
    yield from _paper_keys(places, known)
    yield from _operator(places, known)


def keys_in_one_place(places: Layout) -> Iterator[Finding]:
    """One secret in two folders, a peer's key, or something of the root folder on a service's host."""
    seen: dict[bytes, Path] = {}
    for service in present(places):
        folder = places.service(service)
        for file in (folder / name for name in _SECRET_NAMES):
            if not file.is_file():
                continue
            other = seen.setdefault(file.read_bytes().strip(), file)
            if other != file:
                text = f"{file} and {other} hold one and the same secret"
                yield Finding("doctor.shared", text, "make a new one for one of them")
        peers = peers_of(_pinning(places, service).peers)
        for found in survey(folder, service, peers, one_machine=True):
            if found.code == "guard.foreign_key":
                yield Finding(found.code, found.text, "remove it from this folder")
        yield from _root_files(folder)


def root_beside(places: Layout) -> Iterator[Finding]:
    """The root folder next to running services is a trial's arrangement."""
    if places.root_key.exists() and any(places.service(signer).is_dir() for signer in SIGNERS):
        yield Finding(
            "doctor.root_here",
            f"{places.root} lies on the machine that runs the services, and so do both signers",
            "for coins that matter: carry root to an offline place, and each signer to a host of its own",
            Weight.WARNING,
        )


def departures(places: Layout) -> Iterator[Finding]:
    """What this installation gives up by its profiles, and a passphrase beside what it opens."""
    for signer in [one for one in present(places) if one in SIGNERS]:
        config = places.config(signer)
        told = msgspec.toml.decode(config.read_bytes(), type=_Departing)
        for sentence in given_up(profiles(told.profiles)):
            yield Finding(
                "doctor.profile", f"{signer}: {sentence}", "docs/explain/profiles.md", Weight.WARNING
            )
        local = told.keystore.local
        if local is not None and local.passphrase_file:
            text = f"{signer}: its keystore's passphrase lies on its own disk, in {local.passphrase_file}"
            mend = "give it as systemd's credential keystore-passphrase, or say it at each start"
            yield Finding("doctor.passphrase", text, mend, Weight.WARNING)


def _known(places: Layout) -> _Known:
    own = {
        service: FileIdentity.load(
            places.service(service) / layout.IDENTITY, service, one_machine=True
        ).peer()
        for service in present(places)
    }
    return _Known(own, {service: _pinning(places, service) for service in present(places)})


def _pinning(places: Layout, service: Service) -> _Pinning:
    try:
        return msgspec.toml.decode(places.config(service).read_bytes(), type=_Pinning)
    except msgspec.DecodeError:
        return _Pinning(peers={})  # its own check-config says what is wrong


def compared(config: Path, pinned: Peer, own: Peer) -> Iterator[Finding]:
    """Between two steps of a rotation the new message keys are pinned beside the old ones."""
    coming = pinned.successor()
    if coming is not None and coming.signing_key == own.signing_key:
        pinned = coming
    for field in _PIN_FIELDS:
        wanted = getattr(own, field)
        if getattr(pinned, field) != wanted:
            name = f"peers.{pinned.service.value}.{field}"
            text = f"{config}: {name} is not the key {pinned.service.value} has"
            yield Finding("doctor.pin", text, f'write {name} = "{wanted.hex() if wanted else ""}"')


def _paper_keys(places: Layout, known: _Known) -> Iterator[Finding]:
    signers = [known.pins[signer] for signer in SIGNERS if signer in known.pins]
    for field in ("cold_public_key", "cool_public_key"):
        keys = {getattr(pinning, field) for pinning in signers}
        if len(keys) > 1:
            text = f"Keeper and Cooler pin different {field.replace('_', ' ')}s"
            yield Finding("doctor.paper", text, "compare both with the sheets, correct the wrong one")
    for field in ("cold_accounts", "cool_accounts"):
        if len({frozenset(getattr(pinning, field)) for pinning in signers}) > 1:
            text = f"Keeper and Cooler pin different {field.replace('_', ' ')}"
            yield Finding("doctor.paper", text, "compare both with the sheets, correct the wrong one")
    for signer in SIGNERS:
        pinning = known.pins.get(signer)
        if pinning and pinning.cold_public_key == pinning.cool_public_key:
            text = f"{places.config(signer)}: the cold and the cool key are one key"
            yield Finding("doctor.paper", text, "make a cold key of its own: keepcool cold new")


def _operator(places: Layout, known: _Known) -> Iterator[Finding]:
    file = places.operator / "operator.toml"
    if not file.exists():
        return
    pins = msgspec.toml.decode(file.read_bytes(), type=_OperatorPins).pins
    for signer in SIGNERS:
        own = known.own.get(signer)
        wanted = (own.attestation_key or b"").hex() if own else ""
        if wanted and pins.get(signer.value) != wanted:
            text = f"{file}: pins.{signer.value} is not the attestation key {signer.value} has"
            yield Finding("doctor.pin", text, f'write {signer.value} = "{wanted}" under [pins]')


def _root_files(folder: Path) -> Iterator[Finding]:
    for pattern in _ROOT_NAMES:
        for file in folder.rglob(pattern):
            text = f"{file} belongs to the offline root folder"
            yield Finding("doctor.root_file", text, "move it there, away from this host")
