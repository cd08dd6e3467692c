"""App's database engine on PostgreSQL.

One writer among all Apps on it: every transaction begins with the writer's lock, held until it ends, so that
books mean the same as on SQLite, where there is one writer too. Whoever waits longer for it than `lock_s`
fails, and nothing was changed. READ COMMITTED: what is read after the lock is what the last writer left.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError

from keepcool.adapters.postgres.server import APPS, CHANNEL, LOCK_CLASS, WRITER, Server
from keepcool.core.errors import Conflict, Refused
from keepcool.ports.books import READING

NEWS = "news"
_VERSION_MIN = 14
_SWITCH_S = 0.0003
_ALONE_SILENT_S = 600.0  # nobody waits for it
_IDLE_S = 2.0  # a connection that was idle for longer is asked whether it lives
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({LOCK_CLASS}, {WRITER})"  # one message for both
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def open_books(server: Server) -> Engine:
    """The engine, of Apps and of commands beside them."""
    # after each answer of the server the books' thread waits for the interpreter behind whatever serves HTTP
    sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_S))
    return _engine(server, server.connections)


def open_alone(server: Server) -> Engine:
    """The engine of a command beside which no App may run: over one connection, which holds every lock that
    Apps need. Raises Conflict `books.locked` when an App runs."""
    engine = _engine(replace(server, silent_s=_ALONE_SILENT_S), 1)
    event.listen(engine, "connect", _hold)
    try:
        with engine.begin():
            return engine
    except BaseException:
        engine.dispose()
        raise


def tell(tx: Connection) -> None:
    """Every App on these books hears NEWS when this transaction commits."""
    tx.execute(text("SELECT pg_notify(:channel, :topic)"), {"channel": CHANNEL, "topic": NEWS})


def _engine(server: Server, connections: int) -> Engine:
    engine = create_engine(
        server.address(),
        connect_args=server.options(),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=server.lock_s,
        isolation_level="AUTOCOMMIT",  # we say BEGIN ourselves, with the lock
        hide_parameters=True,
    )
    event.listen(engine, "connect", _check)
    event.listen(engine, "checkin", _used)
    event.listen(engine, "checkout", _refuse_dead)
    event.listen(engine, "begin", _begin)
    return engine


class _Text(StrDumperUnknown):
    """What others wrote may hold a NUL, which PostgreSQL keeps in no text: a mark stands in its place, or one
    such text would stop whoever reads a chain."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\x00", "\ufffd"))


def _check(connection: Any, _record: object) -> None:
    """Raises Refused where the books would not be safe."""
    connection.adapters.register_dumper(str, _Text)
    info = connection.info
    if info.server_version < _VERSION_MIN * 10_000:
        raise Refused("database.version", f"PostgreSQL {_VERSION_MIN} or newer is needed")
    if info.parameter_status("server_encoding") != "UTF8":
        raise Refused("database.encoding", "the database's encoding must be UTF8")
    if _shown(connection, "synchronous_commit") == "off":
        connection.execute("SET synchronous_commit = on")


def _hold(connection: Any, _record: object) -> None:
    (alone,) = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, APPS)).fetchone()
    if not alone:
        said = "an App, or a command that restores, has this database open: stop it first"
        raise Conflict("books.locked", said)
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_CLASS, WRITER))


def _shown(connection: Any, name: str) -> str:
    (value,) = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(value)


def _used(_connection: Any, record: Any) -> None:
    record.info["used_s"] = time.monotonic()


def _refuse_dead(connection: Any, record: Any, _proxy: object) -> None:
    """A server that was started anew has ended its connections: another one is made then."""
    if time.monotonic() - record.info.get("used_s", time.monotonic()) < _IDLE_S:
        return
    try:
        connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise DisconnectionError from error


def _begin(connection: Any) -> None:
    connection.exec_driver_sql(_BEGIN_READING if connection.get_execution_options().get(READING) else _BEGIN)
