"""Where App's settings meet its database: SQLite's file for one App, PostgreSQL for one or several.

One line decides: `database = "books.sqlite"`, or `database = "postgresql://keepcool@db.example/books"`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from keepcool.adapters.postgres.server import SCHEMES, Server
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.sqlite.shared import open_beside
from keepcool.app import config
from keepcool.app.config import AppSettings
from keepcool.app.leading.alone import AloneSeat
from keepcool.app.leading.topics import Topics
from keepcool.app.migrations.upgrading import Standing
from keepcool.app.store import Store
from keepcool.ports.seat import Seat


@dataclass(frozen=True, slots=True)
class Seated:
    """`sitting`: what holds the seat, to be run beside everything else."""

    seat: Seat
    topics: Topics
    sitting: tuple[Coroutine[Any, Any, None], ...]


def server_of(settings: AppSettings, beside: Path) -> Server | None:
    """None when the books are a file."""
    if not settings.database.startswith(SCHEMES):
        return None
    password = settings.database_password
    return Server(
        url=settings.database,
        password=beside / password if password else None,
        connections=settings.database_connections,
        statement_s=settings.database_statement_s,
        lock_s=settings.database_lock_s,
    )


def file_of(settings: AppSettings, beside: Path) -> Path:
    return beside / settings.database


def own(settings: AppSettings, beside: Path) -> Store:
    """App's. Raises Conflict `books.locked` where another App has the file."""
    server = server_of(settings, beside)
    if server is None:
        return Store(open_books(file_of(settings, beside)))
    return _on_server(server)


def shared(settings: AppSettings, beside: Path, *, made: bool = False) -> Store:
    """A command's, beside Apps that may be running. Raises Unavailable where there is no file, unless it may
    be `made`."""
    server, file = server_of(settings, beside), file_of(settings, beside)
    if server is not None:
        return _on_server(server)
    return Store(open_books(file) if made and not file.is_file() else open_beside(file))


def alone(settings: AppSettings, beside: Path) -> Store:
    """A command's, beside which no App runs. Raises Conflict `books.locked` when one does."""
    server = server_of(settings, beside)
    if server is None:
        return own(settings, beside)
    from keepcool.adapters.postgres import books as on_server

    return Store(on_server.open_alone(server))


def _on_server(server: Server) -> Store:
    from keepcool.adapters.postgres import books as on_server  # its driver: books in a file do without

    return Store(on_server.open_books(server), on_server.tell)


def upgrade(file: Path, *, check: bool) -> Standing:
    """What was missing of the schema's steps, taken unless this is a `check`."""
    settings, beside = config.load(file), file.resolve().parent
    with contextlib.closing(shared(settings, beside)) as store:
        return store.standing() if check else store.create_tables()


def move(file: Path, to: str, password: str) -> dict[str, int]:
    """Moves the books to what `database` will say. Raises Conflict `books.locked` while an App has either."""
    from keepcool.app.storage import moving

    settings, beside = config.load(file), file.resolve().parent
    target = msgspec.structs.replace(settings, database=to, database_password=password)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(contextlib.closing(alone(settings, beside)))
        other = stack.enter_context(contextlib.closing(alone(target, beside)))
        return source.moved_to(other, moving.move)


@contextlib.asynccontextmanager
async def seated(settings: AppSettings, beside: Path, store: Store) -> AsyncIterator[Seated]:
    topics, server = Topics(), server_of(settings, beside)
    if server is None:
        yield Seated(AloneSeat(topics.hear), topics, ())
        return
    from keepcool.adapters.postgres.seat import PostgresSeat

    topics.on("news", store.rung)
    seat = PostgresSeat(server, topics.hear)
    sitting = seat.run()
    try:
        yield Seated(seat, topics, (sitting,))
    finally:
        sitting.close()
