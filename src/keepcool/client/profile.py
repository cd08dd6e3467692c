"""Where App is and whom to believe: the operator's folder, as `keepcool init` makes it.

Found by --client FILE, else KEEPCOOL_CLIENT, else ./operator.toml or ./operator/operator.toml.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from keepcool.client.api import Client
from keepcool.client.attested import parse_pins
from keepcool.core.errors import Refused

VARIABLE = "KEEPCOOL_CLIENT"
_USUAL = ("operator.toml", "operator/operator.toml")


class PinSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The two keys a client believes."""

    keeper: str
    """Keeper's attestation key, hex."""
    cooler: str
    """Cooler's attestation key, hex."""
    root: str = ""
    """The installation's root key, hex: with it, attestation keys that follow these are believed."""


class ClientSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's file."""

    url: str
    """Base URL of the HTTP API."""
    api_key: str
    """File that holds the key, relative to this one."""
    pins: PinSettings
    """Whom to believe."""


def find(given: Path | None) -> Path:
    """The client's file. Raises Refused when there is none."""
    if given is not None:
        return given
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    for usual in _USUAL:
        if Path(usual).is_file():
            return Path(usual)
    raise Refused(
        "client.profile", f"say where App is: --client DIR/operator/operator.toml, or set {VARIABLE}"
    )


def connect(file: Path) -> Client:
    """A client by this file. Raises Refused when file or key cannot be read."""
    try:
        settings = msgspec.toml.decode(file.read_bytes(), type=ClientSettings)
        key = (file.parent / settings.api_key).read_text(encoding="ascii").strip()
    except OSError as error:
        raise Refused("client.profile", f"cannot read {error.filename}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("client.profile", f"{file}: {error}") from error
    pins = parse_pins(settings.pins.keeper, settings.pins.cooler)
    if settings.pins.root:
        pins = pins.following(root_key(settings.pins.root), file.with_name("attestation-keys.json"))
    return Client(settings.url, key, pins)


def root_key(text: str) -> bytes:
    """Raises Refused."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Refused("client.profile", "pins.root: a public key is 64 hex digits")
    return key
