"""Whole copies of App's database: taken while App runs, proven whole, put back while it does not.

Laws: a copy is SQLite's own online backup, so it is one moment of the database however much is written
meanwhile; beside it lies its SHA-256 in the form of `sha256sum -c`, and nothing is put back that does not
have it; what is replaced is kept beside its successor.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from keepcool.adapters.system.digests import check_digest, digest_file, digest_of, sync, write_digest
from keepcool.core.errors import Conflict, Refused, Unavailable

__all__ = ["check_copy", "check_whole", "digest_file", "nobody_has", "put_back", "take"]
_READ_BYTES = 1 << 20


def take(database: Path, copy: Path, *, force: bool = False) -> str:
    """The copy's SHA-256. Raises Unavailable when there is no database, Conflict when the copy is there
    already and not to be replaced, Refused when what was copied is not whole."""
    if not database.is_file():
        raise Unavailable("books.missing", f"{database} is not there yet; start App once")
    if copy.exists() and not force:
        raise Conflict("backup.exists", f"{copy} is there already: name another file, or say --force")
    partial = copy.with_name(copy.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        with contextlib.closing(_reader(database)) as source, contextlib.closing(_new(partial)) as target:
            source.backup(target)  # in one step: a writer between two would have it begin again
            target.execute("PRAGMA journal_mode=DELETE")
        check_whole(partial)
        digest = digest_of(partial)
        sync(partial)
        partial.replace(copy)
        write_digest(copy, digest)
    except sqlite3.Error as error:
        raise Unavailable("backup.unwritable", f"{copy} cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return digest


def check_copy(copy: Path) -> str:
    """Its SHA-256. Raises Refused on a file that is not the one its digest was written for."""
    digest = check_digest(copy)
    check_whole(copy)
    return digest


def check_whole(file: Path) -> None:
    """Raises Refused on a file that is no database, or a damaged one."""
    try:
        with contextlib.closing(_reader(file)) as reading:
            (said,) = reading.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise Refused("backup.damaged", f"{file} is no whole database: {error}") from error
    if said != "ok":
        raise Refused("backup.damaged", f"{file} is damaged: {said}")


@contextlib.contextmanager
def nobody_has(database: Path) -> Iterator[None]:
    """Inside, no App can start on it. Raises Conflict when one runs."""
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (database.parent / f"{database.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            text = f"an App process has {database.name} open: stop it first"
            raise Conflict("books.locked", text) from error
        yield


def put_back(
    copy: Path, database: Path, check: Callable[[Path], None], *, force: bool = False
) -> Path | None:
    """Where what lay there before lies now; None when there was nothing. Inside `nobody_has`. `check` raises
    what is wrong with it, before anything is replaced. Raises Conflict when a database is there and not to be
    replaced."""
    replaced = database.with_name(database.name + ".replaced")
    there = database.exists()
    if there and not force:
        text = f"{database} is there already: say --force to put the backup in its place; it is kept"
        raise Conflict("restore.exists", text)
    partial = database.with_name(database.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with copy.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        while block := source.read(_READ_BYTES):
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    try:
        check(partial)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if there:
        _move_aside(database, replaced)
    partial.replace(database)
    sync(database.parent)
    return replaced if there else None


def _move_aside(database: Path, replaced: Path) -> None:
    """With what it has not yet taken in of its log of writes."""
    for suffix in ("-wal", "-shm", ""):
        source, target = (one.with_name(one.name + suffix) for one in (database, replaced))
        target.unlink(missing_ok=True)
        if source.exists():
            source.replace(target)


def _reader(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _new(file: Path) -> sqlite3.Connection:
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return sqlite3.connect(file, isolation_level=None)
