"""Who leads, on a real PostgreSQL: one at a time, the next at once, and nothing is written after a term."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from keepcool.adapters.postgres import books
from keepcool.adapters.postgres.seat import PostgresSeat
from keepcool.adapters.postgres.server import Server, check
from keepcool.app.leading import terms
from keepcool.app.leading.leading import lead
from keepcool.app.store import NEWS, Store
from keepcool.core.errors import Conflict, KeepcoolError, Refused, Unavailable
from tests.fixtures.postgres import LivePostgres
from tests.unit.app.books.loopback import FixedClock

pytestmark = pytest.mark.live
WAIT_S = 90.0


@pytest.fixture
def server(postgres: LivePostgres) -> Iterator[Server]:
    database = postgres.fresh()
    yield postgres.server(database)
    postgres.drop(database)


@contextlib.contextmanager
def opened(server: Server) -> Iterator[Store]:
    store = Store(books.open_books(server), books.tell)
    try:
        yield store
    finally:
        store.close()


@contextlib.asynccontextmanager
async def sitting(server: Server, heard: list[str] | None = None) -> AsyncIterator[PostgresSeat]:
    seat = PostgresSeat(server, (heard if heard is not None else []).append)
    running = asyncio.create_task(seat.run())
    try:
        yield seat
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110 - what is waited for is a server's doing
            await asyncio.sleep(0.01)


def backends(postgres: LivePostgres, server: Server, action: str) -> None:
    """Does this to every connection by which an App of this database knows of the others."""
    name = check(server.url).database
    postgres.sql(f"SELECT {action}(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 - ours


def test_one_leads_and_the_next_takes_over_when_it_is_gone(server: Server) -> None:
    """Of two seats one leads; when it ends the other does."""

    async def story() -> None:
        async with sitting(server) as second_to_go:
            async with asyncio.timeout(WAIT_S):
                await second_to_go.won()
            async with sitting(server) as other:
                await until(lambda: other._connection is not None)
                assert (second_to_go.leads, other.leads) == (True, False)
        async with sitting(server) as first, sitting(server) as next_one:
            await until(lambda: first.leads or next_one.leads)
            assert first.leads != next_one.leads

    asyncio.run(story())


def test_a_lead_ends_with_its_connection(server: Server, postgres: LivePostgres) -> None:
    """When the server ends the leader's connection it leads no more, and somebody leads again soon."""

    async def story() -> None:
        async with sitting(server) as one:
            async with asyncio.timeout(WAIT_S):
                await one.won()
                backends(postgres, server, "pg_terminate_backend")
                await one.lost()
                await one.won()

    asyncio.run(story())


def test_what_is_knocked_and_told_is_heard_by_every_app(server: Server) -> None:
    """A topic knocked at one seat, and news told in a transaction, reach the other seat."""
    heard: list[str] = []

    async def story() -> None:
        async with sitting(server) as one, sitting(server, heard) as other:
            await until(lambda: None not in (one._connection, other._connection))
            one.knock("payouts")
            await until(lambda: "payouts" in heard)
            with opened(server) as store:
                await store.run(lambda tx: tx.info.__setitem__(NEWS, True))
            await until(lambda: "news" in heard)

    asyncio.run(story())


def test_only_one_is_inside_what_is_done_alone(server: Server) -> None:
    """The second waits outside until the first has left."""
    order: list[str] = []

    async def inside(seat: PostgresSeat, name: str) -> None:
        async with seat.alone("stock"):
            order.append(f"{name} in")
            await asyncio.sleep(0.3)
            order.append(f"{name} out")

    async def story() -> None:
        async with sitting(server) as one, sitting(server) as other:
            await until(lambda: None not in (one._connection, other._connection))
            await asyncio.gather(inside(one, "a"), inside(other, "b"))

    asyncio.run(story())
    assert order in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])


async def work_until_fenced(server: Server, write: Callable[[Store], Awaitable[None]]) -> list[KeepcoolError]:
    """A term whose work writes without end; another term begins meanwhile, as when this App was paused and
    does not know yet that it was replaced. What the work was told."""
    told: list[KeepcoolError] = []

    class Deaf:
        """Believes for ever that it leads."""

        leads = True

        async def won(self) -> None: ...

        async def lost(self) -> None:
            await asyncio.Event().wait()

        def knock(self, topic: str) -> None: ...

        def alone(self, _what: str) -> contextlib.AbstractAsyncContextManager[None]:
            return contextlib.nullcontext()

    with opened(server) as store, opened(server) as elsewhere:

        async def work() -> None:
            while not told:
                try:
                    await write(store)
                except KeepcoolError as error:
                    told.append(error)
            await asyncio.Event().wait()

        leading = asyncio.create_task(lead(Deaf(), store, FixedClock(), "first", lambda: [work()]))
        await until(lambda: elsewhere.transact(count) > 2)
        await elsewhere.run(lambda tx: terms.begin(tx, "second", 2))
        before = elsewhere.transact(count)
        await until(lambda: bool(told))
        assert elsewhere.transact(count) == before
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        await store.run(note)  # what is no work, a request of the API, is fenced off by nothing
        assert elsewhere.transact(count) == before + 1
    return told


def note(tx: Connection) -> None:
    tx.execute(text("INSERT INTO coin_transaction_forgotten VALUES (:key, 1)"), {"key": str(count(tx))})


def count(tx: Connection) -> int:
    return int(tx.execute(text("SELECT count(*) FROM coin_transaction_forgotten")).scalar_one())


def test_a_paused_leader_writes_nothing_once_another_leads(server: Server) -> None:
    """Its next transaction is refused, and nothing of it is in the books."""

    async def write(store: Store) -> None:
        await store.run(note)

    (error,) = asyncio.run(work_until_fenced(server, write))
    assert error.code == "lead.lost"


def test_a_command_that_needs_the_books_alone_waits_for_no_app(server: Server) -> None:
    """While an App sits, it is refused; while it works, no App sits and no transaction of others runs."""

    async def seated() -> None:
        async with sitting(server) as one:
            await until(lambda: one._connection is not None)
            with pytest.raises(Conflict, match="stop it first") as refused:
                await asyncio.to_thread(books.open_alone, server)
            assert refused.value.code == "books.locked"

    async def refused_seat() -> None:
        with pytest.raises(Conflict, match="being restored"):
            await PostgresSeat(server, lambda _: None).run()

    asyncio.run(seated())
    hasty = Server(url=server.url, lock_s=0.2, silent_s=60)
    alone = Store(books.open_alone(server))
    with opened(hasty) as store:
        asyncio.run(refused_seat())
        with pytest.raises(Exception, match="lock timeout"):
            store.transact(count)
        assert alone.transact(count) == 0
        alone.close()
        assert store.transact(count) == 0


def test_a_connection_that_breaks_before_its_commit_is_said_to_be_broken(
    server: Server, postgres: LivePostgres
) -> None:
    """Whoever hears of it cannot know whether it was committed, and is not told that nothing was changed."""

    def work(tx: Connection) -> None:
        note(tx)
        own = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        postgres.sql(f"SELECT pg_terminate_backend({own})")

    with opened(server) as store:
        assert store.transact(count) == 0
        with pytest.raises(OperationalError) as broken:
            store.transact(work)
        assert broken.value.connection_invalidated
        assert store.transact(count) == 0


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h/books",
        "postgresql://u@h/books?password=secret",
        "postgresql://u@h",
        "postgresql://u@h/books?options=-cfsync%3Doff",
    ],
)
def test_refuses_an_address_with_a_secret_or_without_a_database(url: str) -> None:
    """A password in the address, no database, or options of one's own are named; the secret is not."""
    with pytest.raises(Refused) as refused:
        Server(url=url).address()
    assert "secret" not in refused.value.public


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    """A password that cannot be read is an error before any connection is made."""
    with pytest.raises(Refused, match="it is the password"):
        Server(url="postgresql://u@h/books", password=tmp_path / "absent").address()


def test_who_is_paused_in_a_transaction_does_not_stop_the_others(server: Server) -> None:
    """A transaction that says nothing is ended by the server before others have waited too long: theirs
    happens, and nothing of the silent one is in the books."""
    patient = Server(url=server.url, lock_s=6)
    with opened(patient) as paused, opened(patient) as store:

        def silent(tx: Connection) -> None:
            note(tx)
            store.transact(note)  # while this one says nothing
            note(tx)

        with pytest.raises(Exception, match=r"idle-in-transaction timeout|connection"):
            paused.transact(silent)
        assert store.transact(count) == 1


def test_a_text_with_a_nul_is_kept_with_a_mark(server: Server) -> None:
    """What a chain or a receiver told can hold any character: it is kept, and stops nobody."""
    with opened(server) as store:
        key = text("INSERT INTO coin_transaction_forgotten VALUES (:key, 1) RETURNING network")
        assert (
            store.transact(lambda tx: tx.execute(key, {"key": "a\x00b\u00e4"}).scalar_one())
            == "a\ufffdb\u00e4"
        )


def test_a_server_that_is_away_is_no_hang(tmp_path: Path) -> None:
    """Without a server a transaction fails at once and says so."""
    away = Server(url=f"postgresql://u@/books?host={tmp_path}", lock_s=1, connect_s=2)
    with opened(away) as store, pytest.raises(Exception, match="connection"):
        store.transact(count)


def test_unavailable_is_what_the_books_say_while_another_holds_them(server: Server) -> None:
    """Whoever waits too long for the one writer is told so, and its transaction has not happened."""
    hasty = Server(url=server.url, lock_s=0.3, silent_s=60)
    with opened(server) as slow, opened(hasty) as store:

        def outer(tx: Connection) -> None:
            with pytest.raises(Exception, match="lock timeout"):
                store.transact(note)

        slow.transact(outer)
        assert store.transact(count) == 0


def test_alone_is_unavailable_without_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seat whose line is down lets nobody do alone what two could do at once."""
    monkeypatch.setattr("keepcool.adapters.postgres.seat._ALONE_S", 0.5)
    seat = PostgresSeat(Server(url=f"postgresql://u@/books?host={tmp_path}"), lambda _: None)

    async def story() -> None:
        async with seat.alone("stock"):
            raise AssertionError("inside")

    with pytest.raises(Unavailable, match="another App is at this"):
        asyncio.run(story())
