"""A service's TOML file as its frozen settings: strict, and with every file it names made absolute.

An unknown key is an error that names the key and the file. Relative paths are relative to the TOML's own
folder, so that a service's folder can be carried anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from keepcool.core.errors import Refused
from keepcool.ports.settings import (
    AwsKmsSettings,
    BusSettings,
    GcpKmsSettings,
    KeystoreSettings,
    LocalKeystoreSettings,
    PolicySettings,
    Settings,
    SignerSettings,
)

_FILE_BYTES_MAX = 1024 * 1024
_PATHS: Mapping[type[Settings], tuple[str, ...]] = {
    BusSettings: ("nkey_seed", "ca", "certificate", "certificate_key"),
    KeystoreSettings: ("ca", "role_id", "secret_id"),
    LocalKeystoreSettings: ("file", "passphrase_file"),
    AwsKmsSettings: ("credentials", "ca"),
    GcpKmsSettings: ("service_account", "ca"),
    PolicySettings: ("file",),
    SignerSettings: ("identity", "data", "inner_key", "networks_file"),
}

AnySettings = TypeVar("AnySettings", bound=Settings)


def load(file: Path, kind: type[AnySettings]) -> AnySettings:
    """The file as `kind`. Raises Refused config.file, or config.form naming the key and the file."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Refused("config.file", f"cannot read {file}: {error.strerror}") from error
    if len(raw) > _FILE_BYTES_MAX:
        raise Refused("config.file", f"{file} is too long to be a configuration")
    try:
        settings = msgspec.toml.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("config.form", f"{file}: {_said(error)}") from error
    return _anchored(settings, file.resolve().parent)


def _said(error: msgspec.DecodeError | UnicodeDecodeError) -> str:
    return str(error).replace("Object", "The table").replace(" - at `$.", " (at `")


def _anchored(settings: AnySettings, folder: Path) -> AnySettings:
    changed: dict[str, object] = {}
    paths = {name for kind, names in _PATHS.items() if isinstance(settings, kind) for name in names}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if name in paths:
            changed[name] = str(folder / value) if value else value
        elif isinstance(value, Settings):
            changed[name] = _anchored(value, folder)
    return msgspec.structs.replace(settings, **changed)
