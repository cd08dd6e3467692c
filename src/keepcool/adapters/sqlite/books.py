"""App's database engine on SQLite.

Durable on power loss (`synchronous=FULL`), one writer: every transaction that may write begins
IMMEDIATE, and one process holds the file's lock for as long as it lives, so a second App fails at once with
a clear error.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from keepcool.core.errors import Conflict
from keepcool.ports.books import READERS, READING

_READS = "keepcool_reads"  # in a connection's `info`: what it was told last, whether it only reads
_CACHE_KIB = 64 * 1024  # indices of hashes are touched all over: SQLite's own 2 MB hold a day of them


def open_books(file: Path) -> Engine:
    """The engine over `file`. Raises Conflict when another process has it open."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (file.parent / f"{file.name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise Conflict(
            "books.locked",
            f"another App process has {file.name} open; stop it, or use PostgreSQL for several",
        ) from error
    engine = create_engine(f"sqlite:///{file}", pool_size=1 + READERS, max_overflow=0)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "engine_disposed", lambda _: lock.close())
    return engine


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: a late upgrade to writer would deadlock
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        f"cache_size=-{_CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    reads = bool(connection.get_execution_options().get(READING))
    if connection.info.get(_READS) is not reads:
        connection.exec_driver_sql(f"PRAGMA query_only={int(reads)}")
        connection.info[_READS] = reads
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
