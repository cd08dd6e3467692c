"""A file and, beside it, its SHA-256 as `sha256sum -c` reads it: whether it is the one that was written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from keepcool.core.errors import Refused


def digest_file(copy: Path) -> Path:
    return copy.with_name(copy.name + ".sha256")


def digest_of(file: Path) -> str:
    try:
        with file.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise Refused("backup.unreadable", f"{file} cannot be read: {error.strerror}") from error


def check_digest(copy: Path) -> str:
    """Its SHA-256. Raises Refused on a file that is not the one its digest was written for."""
    digest = digest_of(copy)
    try:
        said = digest_file(copy).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        text = f"{digest_file(copy)} cannot be read: without it nobody knows whether {copy.name} is whole"
        raise Refused("backup.digest_missing", text) from error
    if said[:1] != [digest]:
        raise Refused("backup.altered", f"{copy} is not what its SHA-256 says: take another backup")
    return digest


def write_digest(copy: Path, digest: str) -> None:
    target = digest_file(copy)
    target.write_text(f"{digest}  {copy.name}\n", encoding="ascii")
    target.chmod(0o600)
    sync(target)
    sync(copy.parent)


def sync(place: Path) -> None:
    """A file or a folder is on the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
