"""What only reads waits for no writer, sees the books of one moment, and cannot write; on both engines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from keepcool.app.books import people
from keepcool.app.store import FENCE, Store
from keepcool.core.errors import Unavailable
from keepcool.core.ids import UserId
from keepcool.ports.books import ASKING
from tests.fixtures.books import open_books

pytestmark = pytest.mark.usefixtures("both_engines")
WAIT_S = 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(open_books(tmp_path / "app.sqlite"))) as made:
        made.create_tables()
        yield made


def add(tx: Connection) -> None:
    people.create_user(tx, user=UserId("u-1"), external_id=None, about={}, now_ms=1)


def users(tx: Connection) -> int:
    return tx.execute(select(func.count()).select_from(people.user_)).scalar_one()


def test_a_read_beside_a_writer_sees_what_was_before(store: Store) -> None:
    """While a transaction that wrote is open a read answers with what was committed, and with the rest
    once that is."""
    written, go_on = threading.Event(), threading.Event()

    def slowly(tx: Connection) -> None:
        add(tx)
        written.set()
        assert go_on.wait(WAIT_S)

    async def story() -> None:
        writing = asyncio.create_task(store.run(slowly))
        assert await asyncio.to_thread(written.wait, WAIT_S)
        try:
            async with asyncio.timeout(WAIT_S / 2):
                assert await store.read(users) == 0
        finally:
            go_on.set()
        await writing
        assert await store.read(users) == 1

    asyncio.run(story())


def test_what_writes_where_it_should_read_fails_and_nothing_changed(store: Store) -> None:
    """Refused by the database; the connection writes again where it may."""

    async def story() -> None:
        with pytest.raises(DBAPIError):
            await store.read(add)
        assert await store.read(users) == 0
        await asyncio.gather(*(store.read(users) for _ in range(5)))
        await store.run(add)
        assert await store.read(users) == 1

    asyncio.run(story())


def test_a_read_of_a_term_that_has_ended_is_refused(store: Store) -> None:
    """The fence stands before what only reads, too; whoever is not of that term reads on."""

    def fence(_: Connection) -> None:
        raise Unavailable("lead.lost", "another App leads now")

    async def fenced() -> None:
        FENCE.set(fence)
        with pytest.raises(Unavailable):
            await store.read(users)

    async def story() -> None:
        await asyncio.create_task(fenced())
        assert await store.read(users) == 0

    asyncio.run(story())


def test_the_work_reads_however_long_others_do(store: Store) -> None:
    """Questions that take every thread of those who ask do not keep the leading App from its own; the twin,
    a question like theirs, waits."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slowly(tx: Connection) -> int:
        begun.release()
        assert go_on.wait(WAIT_S)
        return users(tx)

    async def working() -> int:
        FENCE.set(lambda _: None)
        return await store.read(users)

    async def story() -> None:
        asking = [asyncio.create_task(store.read(slowly)) for _ in range(2 * ASKING)]
        for _ in range(ASKING):
            assert await asyncio.to_thread(begun.acquire, timeout=WAIT_S)
        try:
            async with asyncio.timeout(WAIT_S / 2):
                another = asyncio.create_task(store.read(users))
                assert await asyncio.create_task(working()) == 0
                assert not another.done()
        finally:
            go_on.set()
        assert await asyncio.gather(*asking, another) == [0] * (len(asking) + 1)

    asyncio.run(story())
