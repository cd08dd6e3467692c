"""App's storage: one metadata, exact money columns, one writer thread.

Tables live beside the code that owns them and share `metadata`. Base units do not fit SQLite's 64-bit
integers (9.2 ETH in wei), so they are kept as 78 zero-padded digits, which also sort and compare right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, MetaData, String, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from keepcool.app.migrations import upgrading
from keepcool.app.migrations.upgrading import Standing
from keepcool.ports.books import ASKING, READING

metadata = MetaData()
NEWS = "keepcool.news"  # set in a connection's `info` by a transaction that tells something
# Where set, every transaction of the task that set it, and of those it started, begins with this check.
FENCE: ContextVar[Callable[[Connection], None] | None] = ContextVar("fence", default=None)
_DIGITS = 78
T = TypeVar("T")


class Units(TypeDecorator[int]):
    """A whole number of base units, 0 .. 2**256 - 1, as zero-padded text."""

    impl = String(_DIGITS)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """On PostgreSQL compared byte by byte, whatever the collation of the database is."""
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(_DIGITS, collation=collation))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        if type(value) is not int or not 0 <= value < 2**256:
            raise ValueError("base units lie between 0 and 2**256 - 1")
        return str(value).zfill(_DIGITS)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value)


class Store:
    """Runs functions of a Connection, each in one transaction: what may write one after another in a thread,
    what only reads beside it, each on the books of one moment. `tell`, where other processes have the same
    books, tells them in a transaction that set NEWS, once it commits."""

    def __init__(self, engine: Engine, tell: Callable[[Connection], None] | None = None) -> None:
        self._engine, self._tell = engine, tell
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="books")
        self._askers = ThreadPoolExecutor(max_workers=ASKING, thread_name_prefix="books-read")
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="books-work")
        self._bells: list[Callable[[], None]] = []

    def create_tables(self) -> Standing:
        """Takes the steps of the schema that are missing; migrations/README.md says how one is added. Raises
        Refused when the books are newer than this program."""
        return upgrading.upgrade(self._engine)

    def standing(self) -> Standing:
        return upgrading.look(self._engine)

    def moved_to(self, other: Store, move: Callable[[Engine, Engine], T]) -> T:
        return move(self._engine, other._engine)

    def ring(self, bell: Callable[[], None]) -> None:
        """`bell` is called, in whatever thread, after each commit of a transaction that set NEWS."""
        self._bells.append(bell)

    def rung(self) -> None:
        """Something was told, here or by another process."""
        for bell in self._bells:
            bell()

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run now, in the caller's thread: commits when `work` returns, rolls back when it raises."""
        return self._transact(work, FENCE.get())

    async def run(self, work: Callable[[Connection], T]) -> T:
        """The same from asyncio, in the writer thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._transact, work, FENCE.get())

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Where nothing is written: it waits for no writer, and whatever tries to write in it fails. What the
        leading App reads for its work has a thread of its own, however long others read."""
        fence, loop = FENCE.get(), asyncio.get_running_loop()
        thread = self._askers if fence is None else self._worker
        return await loop.run_in_executor(thread, self._look, work, fence)

    def look(self, work: Callable[[Connection], T]) -> T:
        """The same, now, in the caller's thread."""
        return self._look(work, FENCE.get())

    def _look(self, work: Callable[[Connection], T], fence: Callable[[Connection], None] | None) -> T:
        reading = self._engine.connect().execution_options(**{READING: True})
        with reading as connection, connection.begin():
            if fence is not None:
                fence(connection)
            return work(connection)

    def _transact(self, work: Callable[[Connection], T], fence: Callable[[Connection], None] | None) -> T:
        with self._engine.begin() as connection:
            connection.info.pop(NEWS, None)
            if fence is not None:
                fence(connection)
            done = work(connection)
            news = connection.info.pop(NEWS, False)
            if news and self._tell is not None:
                self._tell(connection)
        if news:
            self.rung()
        return done

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._askers.shutdown(wait=True)
        self._worker.shutdown(wait=True)
        self._engine.dispose()
