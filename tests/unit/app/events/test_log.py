"""The log of events: its order, its form, and that it stands or falls with what it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import Connection

from keepcool.app.events import kinds, log
from keepcool.app.events.log import Event, Filter, News, Subject
from keepcool.app.store import Store
from keepcool.core import canonical
from keepcool.core.errors import Malformed
from tests.unit.app.events.office import opened

pytestmark = pytest.mark.usefixtures("both_engines")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = opened(tmp_path)
    yield made
    made.close()


def news(typ: str = "withdrawal.signed", **about: str) -> News:
    return News(typ, Subject(**about), {"n": 1})


def test_an_event_stands_or_falls_with_its_transaction(store: Store) -> None:
    """Rolled back, it is not there, its cursor is given to the next, and nobody was rung."""
    rung: list[int] = []
    store.ring(lambda: rung.append(1))

    def fails(tx: Connection) -> None:
        log.append(tx, news(), 1)
        raise KeyError

    store.transact(lambda tx: log.append(tx, news(), 1))
    with pytest.raises(KeyError):
        store.transact(fails)
    assert (len(rung), store.transact(log.last_cursor)) == (1, 1)
    assert store.transact(lambda tx: log.append(tx, news(), 1)).cursor == 2
    store.transact(lambda tx: log.list_after(tx, 0, limit=10))
    assert len(rung) == 2


def test_a_savepoint_undone_leaves_no_gap(store: Store) -> None:
    """What was told inside a part that was undone is gone, and the count goes on without it."""

    def work(tx: Connection) -> None:
        log.append(tx, news("a.b"), 1)
        inner = tx.begin_nested()
        log.append(tx, news("a.c"), 1)
        inner.rollback()
        log.append(tx, news("a.d"), 1)

    store.transact(work)
    told = store.transact(lambda tx: log.list_after(tx, 0, limit=10))
    assert [(one.cursor, one.type) for one in told] == [(1, "a.b"), (2, "a.d")]


def test_many_are_appended_in_their_order(store: Store) -> None:
    """Many at once have the cursors that one after another would have had, and ids of their own."""
    many = store.transact(lambda tx: log.append_all(tx, [news(f"a.{c}") for c in "abcde"], 7))
    assert store.transact(lambda tx: log.append_all(tx, [], 7)) == []
    assert [one.cursor for one in many] == [1, 2, 3, 4, 5]
    assert store.transact(lambda tx: log.list_after(tx, 0, limit=9)) == many
    assert len({one.id for one in many}) == 5


def test_what_is_asked_for_is_what_comes(store: Store) -> None:
    """Patterns and subjects narrow a list; an underscore stands for itself alone."""
    rows = [
        news("withdrawal.needs_review", wallet="w1", withdrawal="x"),
        news("withdrawal.needsXreview", wallet="w1"),
        news("deposit.credited", wallet="w2", user="u", deposit="d", network="n"),
    ]
    store.transact(lambda tx: log.append_all(tx, rows, 7))

    def found(types: tuple[str, ...] = (), **about: str) -> list[int]:
        wanted = Filter(types=types, subject=Subject(**about))
        return [
            one.cursor for one in store.transact(lambda tx: log.list_after(tx, 0, limit=9, wanted=wanted))
        ]

    assert found() == found(("*",)) == [1, 2, 3]
    assert found(("withdrawal.needs_review",)) == [1]
    assert found(("deposit.*", "withdrawal.needs_review")) == [1, 3]
    assert (found(wallet="w1"), found(withdrawal="x"), found(user="u", deposit="d", network="n")) == (
        [1, 2],
        [1],
        [3],
    )
    assert found(("deposit.*",), wallet="w1") == []


@given(
    some.integers(0, 2**46),
    some.dictionaries(some.text(), some.none() | some.booleans() | some.integers() | some.text()),
)
def test_the_body_is_canonical_and_says_what_the_event_says(at_ms: int, data: dict[str, str]) -> None:
    """What is sent re-encodes to itself, whatever stands in it."""
    text = canonical.encode(data).decode("ascii")
    one = Event(5, log.make_id(at_ms, bytes(range(10))), "a.b", 1, at_ms, Subject(), text)
    told = canonical.decode(one.body(), "event")
    assert told["data"] == data
    assert (told["cursor"], told["type"], told["id"], told["at_ms"]) == (5, "a.b", one.id, at_ms)
    assert json.loads(one.body())["timestamp"].endswith("Z")


def test_ids_are_ulids() -> None:
    """The published example of the form, its bounds, and that they sort by time."""
    # 01ARZ3NDEKTSV4RRFFQ69G5FAV, from the ULID specification
    random = (0xD6764C61EFB99302BD5B).to_bytes(10, "big")
    assert log.make_id(1469922850259, random) == "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert log.make_id(2**48 - 1, b"\xff" * 10) == "evt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
    assert log.make_id(1, b"\xff" * 10) < log.make_id(2, bytes(10))


@pytest.mark.parametrize(
    ("pattern", "typ", "fits"),
    [
        ("*", "deposit.credited", True),
        ("deposit.*", "deposit.credited", True),
        ("deposit.*", "withdrawal.credited", False),
        ("deposit.credited", "deposit.credited", True),
        ("deposit.credited", "deposit.credited_again", False),
    ],
)
def test_patterns_choose(pattern: str, typ: str, fits: bool) -> None:
    """A type, the first words of one, or everything."""
    assert kinds.fits((pattern,), typ) is fits
    assert kinds.fits((), typ)


@pytest.mark.parametrize(
    "odd", ["", "withdrawal.confirmd", "withdrawal.", "with*", ".*", "*.confirmed", "x.y"]
)
def test_a_pattern_that_fits_nothing_is_refused(odd: str) -> None:
    """A slip of the pen is told when the receiver is added, not found out when nothing comes."""
    with pytest.raises(Malformed):
        kinds.check_patterns([odd])


def test_patterns_of_notes_are_open() -> None:
    """Kinds of notes come with the parts that write them; their first word is known."""
    assert kinds.check_patterns(["purse.low", "webhook.*", "deposit.*", "deposit.*"]) == (
        "deposit.*",
        "purse.low",
        "webhook.*",
    )
