"""Terms that are overtaken by an App that was paused between winning the lead and beginning its term."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.books import open_books
from keepcool.app.leading import leading, terms
from keepcool.app.leading.leading import lead
from keepcool.app.leading.tables import leader
from keepcool.app.store import Store
from keepcool.core.errors import Unavailable
from tests.unit.app.books.loopback import FixedClock

WAIT_S, REFUSALS, NOW_MS = 90.0, 20, 1_800_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(open_books(tmp_path / "books.sqlite"))
    found.create_tables()
    yield found
    found.close()


class Held:
    """A seat that leads until it is told otherwise."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    @property
    def leads(self) -> bool:
        return not self.gone.is_set()

    async def won(self) -> None:
        if self.gone.is_set():
            await asyncio.Event().wait()

    async def lost(self) -> None:
        await self.gone.wait()

    def knock(self, topic: str) -> None: ...

    def alone(self, _what: str) -> contextlib.AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()


class Work:
    """Writes without end; counts its beginnings, and what it wrote and was refused since the last one."""

    def __init__(self, store: Store) -> None:
        self.store, self.begun, self.wrote, self.refused = store, 0, 0, 0

    async def run(self) -> None:
        self.begun, self.wrote, self.refused = self.begun + 1, 0, 0
        while True:
            try:
                await self.store.run(terms.who)
                self.wrote += 1
            except Unavailable:
                self.refused += 1
            await asyncio.sleep(0.001)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110 - what is waited for is another task's doing
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def at_work(store: Store, seat: Held) -> AsyncIterator[Work]:
    work = Work(store)
    running = asyncio.create_task(lead(seat, store, FixedClock(), "leader", lambda: [work.run()]))
    try:
        yield work
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def paused_one_begins(store: Store) -> None:
    """It had won, was stopped, lost the lead to another, and goes on where it was."""
    await store.run(lambda tx: terms.begin(tx, "paused", 1))


def test_who_leads_works_on_after_a_paused_one_began_a_term(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late beginning of an App that leads no more does not leave everybody without work."""
    monkeypatch.setattr(leading, "_DOUBT_S", 0.05)

    async def story() -> None:
        async with at_work(store, Held()) as work:
            await until(lambda: work.wrote > 0)
            await paused_one_begins(store)
            await until(lambda: work.begun == 2 and work.wrote > 0)
            assert await store.run(terms.who) == "leader"

    asyncio.run(story())


@pytest.mark.parametrize("hour_ms", [3_600_000, 0])
def test_a_term_of_books_put_back_is_none_of_those_they_forgot(store: Store, hour_ms: int) -> None:
    """Books of an older backup count their terms anew: an App that was paused before is fenced off all the
    same. The twin: where no time has passed, the count alone gives it a valid term."""
    first = store.transact(lambda tx: terms.begin(tx, "before the backup", NOW_MS))
    paused = store.transact(lambda tx: terms.begin(tx, "paused", NOW_MS))
    back = {"epoch": first, "name": "before the backup", "since_ms": NOW_MS}
    store.transact(lambda tx: tx.execute(leader.update().values(**back)))
    store.transact(lambda tx: terms.begin(tx, "after it was put back", NOW_MS + hour_ms))
    told: list[bool] = []

    def write() -> None:
        store.transact(terms.fence(paused, lambda: told.append(True)))

    if hour_ms:
        with pytest.raises(Unavailable, match="another App leads"):
            write()
    else:
        write()
    assert bool(told) is bool(hour_ms)


def test_without_being_told_nobody_works_any_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: where the fence tells nobody, the one that leads is refused for ever."""
    monkeypatch.setattr(leading, "_DOUBT_S", 0.05)
    monkeypatch.setattr(leading, "_told", lambda *_: None)

    async def story() -> None:
        async with at_work(store, Held()) as work:
            await until(lambda: work.wrote > 0)
            await paused_one_begins(store)
            await until(lambda: work.refused > REFUSALS)
            assert (work.begun, await store.run(terms.who)) == (1, "paused")

    asyncio.run(story())


def test_who_lost_the_seat_begins_no_term_to_take_it_back(store: Store) -> None:
    """The paused one itself: it is overtaken, finds its seat gone, and the term of the other stays."""

    async def story() -> None:
        seat = Held()
        async with at_work(store, seat) as work:
            await until(lambda: work.wrote > 0)
            await paused_one_begins(store)
            await until(lambda: work.refused > 0)
            seat.gone.set()
            ended = work.refused
            await until(lambda: work.refused == ended or work.begun > 1)
            assert (work.begun, await store.run(terms.who)) == (1, "paused")

    asyncio.run(story())
