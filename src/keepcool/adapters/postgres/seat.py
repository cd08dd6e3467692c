"""One connection of an App beside its books: it says that the App is there, listens to the others, and leads
when nobody else does.

Laws: who leads holds a lock of this very connection, so the server ends a term with it, whatever killed the
App; a connection that says nothing for `SILENT_S` is ended by the server too, and an App that hears nothing
from it for `DEAF_S` leads no more, which is earlier. What an App writes after its term is refused by the
books themselves (app/leading/terms).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from zlib import crc32

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from keepcool.adapters.postgres.server import APPS, CHANNEL, LEADER, LOCK_CLASS, Server
from keepcool.core.errors import Conflict, Unavailable

BEAT_S, DEAF_S, SILENT_S = 0.2, 4.0, 10.0
_AGAIN_S, _ALONE_S, _TOPICS_MAX = 0.5, 15.0, 64
_ALONE_CLASS = LOCK_CLASS + 1
_log = logging.getLogger("keepcool.app")


class PostgresSeat:
    """`run` it. `hear` is told every topic knocked on, and `""` when some may have been missed."""

    def __init__(self, server: Server, hear: Callable[[str], None]) -> None:
        self._server, self._hear = server, hear
        self._won, self._lost = asyncio.Event(), asyncio.Event()
        self._lost.set()
        self._knocked: set[str] = set()
        self._line = asyncio.Lock()
        self._connection: AsyncConnection | None = None

    @property
    def leads(self) -> bool:
        return self._won.is_set()

    async def won(self) -> None:
        await self._won.wait()

    async def lost(self) -> None:
        await self._lost.wait()

    def knock(self, topic: str) -> None:
        if len(self._knocked) < _TOPICS_MAX:
            self._knocked.add(topic)

    async def run(self) -> None:
        """Raises Conflict `books.locked` when a command has these books to itself."""
        while True:
            try:
                await self._sit()
            except (psycopg.Error, TimeoutError, OSError) as error:
                _log.warning("the line to the database broke", extra={"kind": type(error).__name__})
            await asyncio.sleep(_AGAIN_S)

    @contextlib.asynccontextmanager
    async def alone(self, what: str) -> AsyncIterator[None]:
        number = crc32(what.encode()) >> 1
        connection = await self._taken(number)
        try:
            yield
        finally:
            with contextlib.suppress(psycopg.Error, TimeoutError):
                await self._ask("SELECT pg_advisory_unlock(%s, %s)", (_ALONE_CLASS, number), on=connection)

    async def _taken(self, number: int) -> AsyncConnection:
        with contextlib.suppress(psycopg.Error, TimeoutError):
            async with asyncio.timeout(_ALONE_S):
                while True:
                    connection = self._connection
                    if connection is not None and await self._ask(
                        "SELECT pg_try_advisory_lock(%s, %s)", (_ALONE_CLASS, number), on=connection
                    ):
                        return connection
                    await asyncio.sleep(BEAT_S)
        raise Unavailable("books.contended", "another App is at this already; ask again")

    async def _sit(self) -> None:
        async with asyncio.timeout(DEAF_S):
            connection = await self._connected()
        try:
            await self._begin(connection)
            while True:
                await self._beat(connection)
                await self._listen(connection)
        finally:
            self._connection = None
            self._end_term()  # before anything that may take time
            await connection.close()

    async def _connected(self) -> AsyncConnection:
        address = self._server.address().set(drivername="postgresql")
        options = self._server.options()
        options["options"] = f"{options['options']} -c idle_session_timeout={int(SILENT_S * 1000)}"
        where = make_conninfo(address.render_as_string(hide_password=False), **options)
        return await AsyncConnection.connect(where, autocommit=True)

    async def _begin(self, connection: AsyncConnection) -> None:
        if not await self._ask(
            "SELECT pg_try_advisory_lock_shared(%s, %s)", (LOCK_CLASS, APPS), on=connection
        ):
            text = "this database's books are being restored or read again: start App when that is done"
            raise Conflict("books.locked", text)
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        self._connection = connection
        self._hear("")

    async def _beat(self, connection: AsyncConnection) -> None:
        """Says something, so that both sides know of each other; takes the lead when it is free."""
        if self.leads:
            await self._ask("SELECT 1", (), on=connection)
        elif await self._ask("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, LEADER), on=connection):
            self._lost.clear()
            self._won.set()
            _log.info("this App leads")
        while self._knocked:
            topic = self._knocked.pop()
            await self._ask("SELECT pg_notify(%s, %s)", (CHANNEL, topic), on=connection)

    async def _listen(self, connection: AsyncConnection) -> None:
        async with self._line:
            async with asyncio.timeout(DEAF_S):
                async for notice in connection.notifies(timeout=BEAT_S):
                    self._hear(notice.payload)

    async def _ask(self, text: str, values: tuple[object, ...], *, on: AsyncConnection) -> object:
        async with self._line, asyncio.timeout(DEAF_S):
            row = await (await on.execute(text.encode(), values)).fetchone()
            return row[0] if row else None

    def _end_term(self) -> None:
        if self.leads:
            _log.warning("this App leads no more")
        self._won.clear()
        self._lost.set()
