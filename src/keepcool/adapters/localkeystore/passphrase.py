"""Where a local keystore's passphrase comes from at start: systemd's credentials, or a file.

Laws: a file that others can read holds no passphrase; it is read into a buffer that can be wiped, and its
name, never its content, stands in an error. systemd.exec(5), LoadCredential= and $CREDENTIALS_DIRECTORY.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from keepcool.adapters.identity.readers import read_by_others
from keepcool.core.errors import Refused
from keepcool.core.secret import Secret
from keepcool.ports.settings import LocalKeystoreSettings

CREDENTIAL = "keystore-passphrase"
_FOLDER = "CREDENTIALS_DIRECTORY"
_BYTES_MAX = 1024


def at_hand(settings: LocalKeystoreSettings, environment: Mapping[str, str]) -> Secret | None:
    """The passphrase, its line's end cut off; None when somebody has to say it. The caller wipes it. Raises
    Refused when the file others can read, or that cannot be read."""
    folder = environment.get(_FOLDER, "")
    credential = Path(folder) / CREDENTIAL if folder else None
    if credential is not None and credential.is_file():
        return _read(credential)
    return _read(Path(settings.passphrase_file)) if settings.passphrase_file else None


def _read(path: Path) -> Secret:
    buffer = bytearray(_BYTES_MAX + 1)
    with Secret(buffer):
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb", buffering=0) as file:
                if read_by_others(file.fileno()):
                    raise Refused("keystore.readable", f"{path} can be read by others; run: chmod 600 {path}")
                size = file.readinto(buffer) or 0
        except OSError as error:
            raise Refused("keystore.passphrase_file", f"cannot read {path}: {error.strerror}") from error
        while size and buffer[size - 1] in b"\r\n":
            size -= 1
        if not 0 < size <= _BYTES_MAX:
            raise Refused("keystore.passphrase_file", f"{path} holds no passphrase")
        return Secret(buffer[:size])
