"""Key files: 32 bytes as 64 hex digits, mode 0600, made once and never overwritten.

A key that others can read is not a key: it is refused, unless one machine is told to hold everything.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from keepcool.adapters.identity.readers import read_by_others
from keepcool.core.errors import Refused, Unavailable

KEY_BYTES = 32
_FILE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """What a private file holds, and the warnings about how it lies there."""

    content: bytes
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return "PrivateFile(...)"


def read_private(path: Path, *, one_machine: bool = False) -> PrivateFile:
    """The file's bytes. Raises Refused when others can read it, Unavailable when it cannot be read."""
    try:
        # the opened file is judged, not the name: a name may be swapped in between
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            shared = read_by_others(file.fileno())
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unavailable("identity.file", f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > _FILE_BYTES_MAX:
        raise Refused("identity.form", f"{path}: too long to be a key file")
    if not shared:
        return PrivateFile(content, ())
    warning = f"{path} can be read by others (mode {mode:o}); run: chmod 600 {path}"
    if not one_machine:
        raise Refused("identity.readable", warning)
    return PrivateFile(content, (warning,))


def write_private(path: Path, content: bytes) -> None:
    """A new file only its owner can read, on disk when this returns. Raises FileExistsError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def parse_key(file: PrivateFile, path: Path) -> bytes:
    """The 32 bytes. Raises Refused on anything but 64 hex digits; the text of the file is not repeated."""
    try:
        key = bytes.fromhex(file.content.decode("ascii").strip())
    except ValueError as error:
        raise Refused("identity.form", f"{path}: a key file holds {2 * KEY_BYTES} hex digits") from error
    if len(key) != KEY_BYTES:
        raise Refused("identity.form", f"{path}: a key file holds {2 * KEY_BYTES} hex digits")
    return key
