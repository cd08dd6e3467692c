"""Where the parts of an installation listen, read back from the services' own files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.local.keystore import CONFIG, KeystorePlan
from keepcool.local.layout import SIGNERS, Layout


class _Url(msgspec.Struct, frozen=True):
    url: str = ""


class _Signer(msgspec.Struct, frozen=True):
    keystore: _Url
    bus: _Url


class _Http(msgspec.Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8480


class _App(msgspec.Struct, frozen=True):
    http: _Http = _Http()


_AnyKind = TypeVar("_AnyKind", _Signer, _App)


@dataclass(frozen=True, slots=True)
class Reach:
    """The ports of one machine's installation. `keystores`: of signers whose keystore is a server of
    the installation's own."""

    broker_port: int
    keystores: tuple[KeystorePlan, ...]
    app_port: int

    @property
    def app_url(self) -> str:
        return f"http://127.0.0.1:{self.app_port}"

    def ports(self) -> dict[str, int]:
        keystores = {f"{plan.service.value}-keystore": plan.port for plan in self.keystores}
        return {"broker": self.broker_port, **keystores, "app": self.app_port}


def reach_of(places: Layout) -> Reach:
    """Raises Refused when this is no installation, or a file of it cannot be read."""
    if not places.folder.is_dir():
        raise Refused("up.folder", f"{places.folder} is no installation; make one: keepcool init DIR")
    signers = {signer: _read(places.config(signer), _Signer) for signer in SIGNERS}
    urls = {signer: signers[signer].keystore.url for signer in SIGNERS}
    here = [signer for signer in SIGNERS if urls[signer] and places.keystore(signer).is_dir()]
    keystores = tuple(_keystore_plan(signer, urls[signer]) for signer in here)
    broker = _port(places.config(Service.KEEPER), signers[Service.KEEPER].bus.url.partition(",")[0])
    return Reach(broker, keystores, _read(places.config(Service.APP), _App).http.port)


def _keystore_plan(signer: Service, url: str) -> KeystorePlan:
    """The cluster port matters only to the keystore, which reads it from its own file."""
    return KeystorePlan(signer, _port(Path(CONFIG), url), 0)


def _port(file: Path, url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise Refused("up.url", f"{file}: {url!r} names no port")
    return port


def _read(file: Path, kind: type[_AnyKind]) -> _AnyKind:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=kind)
    except OSError as error:
        raise Refused("up.file", f"cannot read {file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("up.file", f"{file}: {error}") from error
