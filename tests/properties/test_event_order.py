"""Whoever reads events by their cursor misses none and gets none twice, however many write at once."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import Connection, func, select

from keepcool.adapters.sqlite.shared import open_beside
from keepcool.app.events import log
from keepcool.app.events.log import News, Subject, event_out
from keepcool.app.store import Store
from tests.fixtures.effort import examples
from tests.unit.app.events.office import opened

WRITERS = 3
# per transaction: how many events, and whether it is undone
Plan = list[tuple[int, bool]]
plans = some.lists(some.tuples(some.integers(0, 5), some.booleans()), min_size=1, max_size=8)


class Undone(Exception):
    """The transaction fails after it has told."""


def write(file: Path, writer: int, plan: Plan) -> None:
    store = Store(open_beside(file))
    for step, (count, fails) in enumerate(plan):

        def work(tx: Connection, step: int = step, count: int = count, fails: bool = fails) -> None:
            for number in range(count):
                log.append(tx, News("a.b", Subject(wallet=f"{writer}.{step}.{number}"), {}), 1)
            if fails:
                raise Undone

        try:
            store.transact(work)
        except Undone:
            continue
    store.close()


def read(store: Store, after: int, seen: list[tuple[int, str | None]]) -> int:
    page = store.transact(lambda tx: log.list_after(tx, after, limit=7))
    seen += [(one.cursor, one.subject.wallet) for one in page]
    return seen[-1][0] if seen else after


@settings(max_examples=examples(5), deadline=None)
@given(some.lists(plans, min_size=WRITERS, max_size=WRITERS))
def test_a_reader_beside_many_writers_sees_every_event_once_in_order(plan: list[Plan]) -> None:
    """Read while writers commit and fail: the cursors are 1, 2, 3 ... and what was committed is all there."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "app.sqlite"
        store = opened(Path(folder))
        seen: list[tuple[int, str | None]] = []
        crowd = [threading.Thread(target=write, args=(file, at, one)) for at, one in enumerate(plan)]
        for one in crowd:
            one.start()
        after = 0
        while any(one.is_alive() for one in crowd):
            after = read(store, after, seen)
        while (further := read(store, after, seen)) != after:
            after = further
        store.close()
    assert [cursor for cursor, _ in seen] == list(range(1, len(seen) + 1))
    for writer, steps in enumerate(plan):
        kept = [
            f"{writer}.{at}.{n}" for at, (count, fails) in enumerate(steps) if not fails for n in range(count)
        ]
        assert [name for _, name in seen if name is not None and name.startswith(f"{writer}.")] == kept


def test_a_cursor_drawn_before_the_transaction_would_lose_events(tmp_path: Path) -> None:
    """The twin: numbers given out beforehand, as a sequence does, and committed the other way round: the
    reader has passed the second when the first appears."""
    store = opened(tmp_path)

    def draw(tx: Connection) -> int:
        highest = tx.execute(select(func.coalesce(func.max(event_out.c.cursor), 0))).scalar_one()
        return int(highest)

    def put(cursor: int) -> None:
        row = {"cursor": cursor, "id": str(cursor), "type": "a.b", "version": 1, "at_ms": 1, "data": "{}"}
        store.transact(lambda tx: tx.execute(event_out.insert().values(**row)))

    first = store.transact(draw) + 1
    second = first + 1  # another writer's, drawn before either has committed
    put(second)
    seen: list[tuple[int, str | None]] = []
    after = read(store, 0, seen)
    put(first)
    read(store, after, seen)
    assert [cursor for cursor, _ in seen] == [second]
    store.close()
