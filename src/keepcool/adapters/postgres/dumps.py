"""Whole copies of App's books on PostgreSQL, by its own pg_dump and pg_restore.

Laws: a copy is one moment of the books however much is written meanwhile, was read whole before anybody is
told of it, and has its SHA-256 beside it; it is put back into an empty schema and checked there, what was
there before is kept as a schema beside it, and what fails leaves everything as it was. The programs get the
password by their environment, never on a command line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from keepcool.adapters.postgres.server import Server
from keepcool.adapters.system.digests import check_digest, digest_of, sync, write_digest
from keepcool.core.errors import Conflict, Refused, Unavailable

_HOUR_S, _SAID_MAX = 3600, 300
_BOOKS, _KEPT = "public", "replaced_"


def take(server: Server, copy: Path, *, force: bool = False) -> str:
    """The copy's SHA-256. Raises Conflict when the copy is there already and not to be replaced, Unavailable
    when a program is missing or fails."""
    if copy.exists() and not force:
        raise Conflict("backup.exists", f"{copy} is there already: name another file, or say --force")
    partial = copy.with_name(copy.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _run(server, "pg_dump", "--format=custom", f"--schema={_BOOKS}", *_PLAIN, f"--file={partial}")
        check_whole(server, partial)
        digest = digest_of(partial)
        sync(partial)
        partial.replace(copy)
        write_digest(copy, digest)
    finally:
        partial.unlink(missing_ok=True)
    return digest


def check_whole(server: Server, copy: Path) -> None:
    """Raises Refused on a file that pg_restore cannot read to its end."""
    try:
        _run(server, "pg_restore", f"--file={os.devnull}", str(copy), connected=False)
    except Unavailable as error:
        raise Refused("backup.damaged", f"{copy} is no whole copy: {error.public}") from error


def put_back(
    server: Server, engine: Engine, copy: Path, check: Callable[[], None], *, force: bool = False
) -> str | None:
    """The schema in which what was there before lies now, None when there was nothing. `engine` holds the
    books alone; `check` raises what is wrong with what was put back. Raises Conflict when books are there and
    not to be replaced."""
    check_digest(copy)
    check_whole(server, copy)
    with engine.begin() as tx:
        kept = _cleared(tx, force=force)
    try:
        _run(
            server,
            "pg_restore",
            "--exit-on-error",
            "--single-transaction",
            f"--schema={_BOOKS}",
            *_PLAIN,
            str(copy),
        )
        check()
    except BaseException:
        with engine.begin() as tx:
            _undo(tx, kept)
        raise
    return kept


def _cleared(tx: Connection, *, force: bool) -> str | None:
    found = inspect(tx)
    if not found.get_table_names(_BOOKS):
        return None
    if not force:
        said = "books are there already: say --force to put the backup in their place; they are kept"
        raise Conflict("restore.exists", said)
    number = 1 + sum(name.startswith(_KEPT) for name in found.get_schema_names())
    kept = f"{_KEPT}{number}"
    tx.execute(text(f"ALTER SCHEMA {_BOOKS} RENAME TO {kept}"))
    tx.execute(text(f"CREATE SCHEMA {_BOOKS}"))
    return kept


def _undo(tx: Connection, kept: str | None) -> None:
    tx.execute(text(f"DROP SCHEMA {_BOOKS} CASCADE"))
    if kept is None:
        tx.execute(text(f"CREATE SCHEMA {_BOOKS}"))
    else:
        tx.execute(text(f"ALTER SCHEMA {kept} RENAME TO {_BOOKS}"))


_PLAIN = ("--no-owner", "--no-privileges")


def _run(server: Server, name: str, *words: str, connected: bool = True) -> None:
    address = server.address().set(drivername="postgresql")
    where = [f"--dbname={address.set(password=None).render_as_string()}"] if connected else []
    secret = {"PGPASSWORD": str(address.password)} if connected and address.password else {}
    plain = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    argv = [_program(name), *words, *where]
    try:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, and words of ours
            argv,
            env=plain | secret | {"LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": str(server.connect_s)},
            capture_output=True,
            check=False,
            timeout=_HOUR_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable("backup.program", f"{name} did not end: {type(error).__name__}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-_SAID_MAX:]
        raise Unavailable("backup.program", f"{name}: {said}")


def _program(name: str) -> str:
    """The one on the PATH, else the newest of Debian's."""
    found = shutil.which(name)
    if found is not None:
        return found
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda one: int(one.parts[-3]))
    if not debian:
        raise Unavailable("backup.program", f"{name} is missing: install PostgreSQL's client programs")
    return str(debian[-1])
