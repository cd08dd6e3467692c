"""doctor on what lies on disk: missing files, rights, certificates, configurations, policy signatures.

Looks only at the folders that are there: on a host of its own a service has no neighbours.
"""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keepcool.core.parties import Service
from keepcool.local import commands, layout
from keepcool.local.findings import Finding, Weight
from keepcool.local.keystore import CONFIG
from keepcool.local.layout import SERVICES, SIGNERS, Layout
from keepcool.policy.document import parse_signature, parse_signed

_KNOWN = (*SERVICES, Service.DESK)  # not every installation has a desk
_SOON_DAYS = 30
_AUDIT, _AUDITS_MIN = re.compile(r'^audit "', re.MULTILINE), 2
_FILES_MAX = 20_000
_COMMAND_TIMEOUT_S = 60
_AGAIN = "copy it back from a backup of this folder, or make the installation again with `keepcool init`"


class _PolicyTable(msgspec.Struct, frozen=True):
    file: str
    root_key: str


class _WithPolicy(msgspec.Struct, frozen=True):
    policy: _PolicyTable


def present(places: Layout) -> list[Service]:
    """The services whose folders are here."""
    return [service for service in _KNOWN if places.service(service).is_dir()]


def missing_files(places: Layout) -> Iterator[Finding]:
    """Whatever a folder that is here must hold and does not."""
    for file in _expected(places):
        if not file.exists():
            yield Finding("doctor.missing", f"{file} is missing", _AGAIN)


def rights(places: Layout) -> Iterator[Finding]:
    """Anything others may read or enter; one finding for each folder of a host."""
    for host in sorted(path for path in places.folder.iterdir() if path.is_dir()):
        exposed = [path for path in _all(host) if stat.S_IMODE(path.stat().st_mode) & 0o077]
        if exposed:
            text = f"others can read {len(exposed)} of the files in {host}, {exposed[0]} among them"
            yield Finding("doctor.rights", text, f"chmod -R go= {host}")


def certificates(places: Layout, now: datetime) -> Iterator[Finding]:
    """Certificates that are no good: expired, soon to be, not from our CA, not of their key."""
    for file, key in _certificates(places):
        if file.exists() and key.exists():
            yield from _judged(file, key, now)


def configurations(places: Layout) -> Iterator[Finding]:
    """What each service's own `check-config` refuses."""
    here = present(places)
    with ThreadPoolExecutor(max(1, len(here))) as side_by_side:
        runs = list(side_by_side.map(lambda service: _checked(service, places.config(service)), here))
    for service, run in zip(here, runs, strict=True):
        config = places.config(service)
        if run.returncode != 0:
            said = (run.stderr.strip().splitlines() or ["(nothing said)"])[-1]
            yield Finding("doctor.config", f"{service.value}: {said}", f"correct {config} as it says")


def _checked(service: Service, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        commands.argv(service.value, "check-config", "--config", str(config)),
        capture_output=True,
        text=True,
        check=False,
        timeout=_COMMAND_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
    )


def audits(places: Layout) -> Iterator[Finding]:
    """Keystores that would stop, or go on unseen, when one audit file cannot be written."""
    for signer in SIGNERS:
        config = places.keystore(signer) / CONFIG
        if config.is_file() and len(_AUDIT.findall(config.read_text(encoding="utf-8"))) < _AUDITS_MIN:
            yield Finding(
                "doctor.one_audit",
                f"{config} names one audit device: when it fails, nothing is signed",
                "add a second one as docs/operate/keystore.md shows, and restart the keystore",
                Weight.WARNING,
            )


def policies(places: Layout) -> Iterator[Finding]:
    """Policy files that the root key did not sign as they are."""
    for signer in [one for one in present(places) if one in SIGNERS]:
        yield from _policy(places, signer)


def _policy(places: Layout, signer: Service) -> Iterator[Finding]:
    folder = places.service(signer)
    table = msgspec.toml.decode(places.config(signer).read_bytes(), type=_WithPolicy).policy
    document = folder / table.file
    sign = f"keepcool policy sign {document} --root-key {places.root_key}"
    text = (document.with_name(document.name + ".sig")).read_text(encoding="ascii")
    parse_signed(document.read_bytes(), parse_signature(text), bytes.fromhex(table.root_key))
    pinned = places.root / "root.pub"
    if pinned.exists() and pinned.read_text(encoding="ascii").strip() != table.root_key:
        text = f"{places.config(signer)} pins another root key than {pinned} holds"
        yield Finding("doctor.root_key", text, f"write that key as policy.root_key, then: {sign}")


def _expected(places: Layout) -> list[Path]:
    files: list[Path] = []
    if places.broker.is_dir():
        files += [places.broker / name for name in (layout.NATS_CONFIG, *_SERVER_FILES)]
    for signer in SIGNERS:
        if places.keystore(signer).is_dir():
            files += [places.keystore(signer) / name for name in (CONFIG, *_SERVER_FILES)]
    for service in present(places):
        files += _service_files(places, service)
    return files


def _service_files(places: Layout, service: Service) -> list[Path]:
    folder = places.service(service)
    bus = (layout.NKEY, layout.CA, layout.CERTIFICATE, layout.CERTIFICATE_KEY)
    files = [places.config(service), folder / layout.DATA, *(folder / layout.BUS / name for name in bus)]
    names = ["signing.key", "sealing.key"]
    if service in SIGNERS:
        names += ["attestation.key", "journal.key"]
        keystore = _keystore_files(places.config(service))
        files += [folder / name for name in (layout.INNER_KEY, layout.POLICY, layout.POLICY_SIGNATURE)]
        files += [folder / layout.KEYSTORE / name for name in keystore]
    return files + [folder / layout.IDENTITY / name for name in names]


class _Local(msgspec.Struct, frozen=True):
    file: str


class _Keystore(msgspec.Struct, frozen=True):
    local: _Local | None = None
    url: str = ""


class _WithKeystore(msgspec.Struct, frozen=True):
    keystore: _Keystore = _Keystore()


def _keystore_files(config: Path) -> Sequence[str]:
    """Beside each other, of OpenBao; the one of a local keystore; of others nothing that is known here."""
    try:
        found = msgspec.toml.decode(config.read_bytes(), type=_WithKeystore).keystore
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()  # the file itself is found missing or wrong
    if found.local is not None:
        return (str(Path("..") / found.local.file),)
    return (layout.CA, layout.ROLE_ID, layout.SECRET_ID) if found.url else ()


_SERVER_FILES = (layout.CA, layout.SERVER, layout.SERVER_KEY)


def _all(folder: Path) -> list[Path]:
    below = [path for path, _ in zip(folder.rglob("*"), range(_FILES_MAX), strict=False)]
    return [path for path in [folder, *below] if not path.is_symlink() and path.exists()]


def _certificates(places: Layout) -> Sequence[tuple[Path, Path]]:
    servers = [places.broker, *(places.keystore(signer) for signer in SIGNERS)]
    clients = [places.service(service) / layout.BUS for service in _KNOWN]
    return [
        *((folder / layout.SERVER, folder / layout.SERVER_KEY) for folder in servers),
        *((folder / layout.CERTIFICATE, folder / layout.CERTIFICATE_KEY) for folder in clients),
    ]


def _judged(file: Path, key: Path, now: datetime) -> Iterator[Finding]:
    mend = f"make a new one with the root folder (`keepcool hosts certificates`) and put it at {file}"
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        authority = x509.load_pem_x509_certificate((file.parent / layout.CA).read_bytes())
        own = load_pem_private_key(key.read_bytes(), password=None)
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        said = str(error) or "the signature is not the CA's"
        yield Finding("doctor.certificate", f"{file}: not a certificate from our CA: {said}", mend)
        return
    if own.public_key() != certificate.public_key():
        yield Finding("doctor.certificate", f"{key} is not the key of {file}", mend)
    days = (certificate.not_valid_after_utc - now).days
    if now >= certificate.not_valid_after_utc or now < certificate.not_valid_before_utc:
        until = certificate.not_valid_after_utc.astimezone(UTC).date()
        yield Finding("doctor.expired", f"{file} is not valid now (until {until})", mend)
    elif days < _SOON_DAYS:
        yield Finding("doctor.expires", f"{file} expires in {days} days", mend, Weight.WARNING)
