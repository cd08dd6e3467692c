"""Drafts that wait, beside the journal: each once, a bounded number of an intent and of bytes in all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from keepcool.adapters.sqlite import signer_rows
from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.ports.signer_store import Change, WaitingDraft

OVERHEAD = 256


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteSignerStore]:
    opened = open_store(tmp_path / "signer.db")
    yield opened
    opened.close()


def draft(intent: str, name: str, *, size: int = 4, at_s: int = 100, until_s: int = 1000) -> WaitingDraft:
    return WaitingDraft(intent, name, name.encode().ljust(size, b"."), at_s, until_s)


def names(store: SqliteSignerStore, *intents: str) -> list[str]:
    return [one.draft_hash for intent in intents for one in store.waiting(intent)]


def run(deed: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(deed())


def test_a_draft_is_kept_once_and_read_back(store: SqliteSignerStore, tmp_path: Path) -> None:
    """What was put to wait comes back as it was, oldest first, as many as asked for, after reopening too;
    putting it again changes nothing."""
    made = [draft("i", f"d{number}", at_s=number) for number in range(3)]

    async def story() -> None:
        await store.commit(Change(waiting=tuple(made)))
        await store.commit(Change(waiting=(draft("i", "d0", at_s=9), draft("j", "d0"))))

    run(story)
    assert store.waiting("i") == made
    assert store.waiting("i", 2) == made[1:]
    assert store.waiting("j") == [draft("j", "d0")]
    assert store.waiting("k") == []
    store.close()
    again = open_store(tmp_path / "signer.db")
    try:
        assert again.waiting("i") == made
    finally:
        again.close()


def test_of_one_intent_the_newest_are_kept(store: SqliteSignerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft too many pushes the oldest of its intent out, and no other's."""
    monkeypatch.setattr(signer_rows, "WAITING_DRAFTS_MAX", 2)

    async def story() -> None:
        await store.commit(Change(waiting=(draft("j", "x"), *(draft("i", f"d{n}") for n in range(4)))))

    run(story)
    assert names(store, "i", "j") == ["d2", "d3", "x"]


@pytest.mark.parametrize(
    ("ended", "at_s", "kept"),
    [((), 100, ["c", "d"]), (("I3",), 100, ["b", "d"]), ((), 2000, ["c", "d"])],
)
def test_beyond_the_bound_the_ended_go_first(
    store: SqliteSignerStore,
    monkeypatch: pytest.MonkeyPatch,
    ended: tuple[str, ...],
    at_s: int,
    kept: list[str],
) -> None:
    """What was told to have ended, or has by time, leaves before what waits; then the oldest; and no more
    leaves than has to."""
    monkeypatch.setattr(signer_rows, "WAITING_BYTES_MAX", 2 * (OVERHEAD + 4))

    async def story() -> None:
        monkeypatch.setattr(signer_rows, "WAITING_BYTES_MAX", 3 * (OVERHEAD + 4))
        await store.commit(
            Change(waiting=(draft("I1", "a", until_s=500), draft("I2", "b", until_s=900), draft("I3", "c")))
        )
        await store.commit(Change(ended=ended))
        monkeypatch.setattr(signer_rows, "WAITING_BYTES_MAX", 2 * (OVERHEAD + 4))
        await store.commit(Change(waiting=(draft("I4", "d", at_s=at_s, until_s=9000),)))

    run(story)
    assert names(store, "I1", "I2", "I3", "I4") == kept


def test_exactly_the_bound_is_kept(store: SqliteSignerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many bytes as allowed stay; one more pushes one out; what was pushed out frees its bytes."""
    monkeypatch.setattr(signer_rows, "WAITING_BYTES_MAX", 2 * (OVERHEAD + 4))

    async def put(name: str, size: int) -> None:
        await store.commit(Change(waiting=(draft(name, name, size=size),)))

    async def story() -> None:
        await put("a", 4)
        await put("b", 4)
        assert names(store, "a", "b") == ["a", "b"]
        await put("c", 5)
        assert names(store, "a", "b", "c") == ["c"]
        await put("e", 3)
        assert names(store, "c", "e") == ["c", "e"]

    run(story)


def test_one_draft_beyond_the_bound_is_not_kept(
    store: SqliteSignerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft larger than everything that may be kept is not, and the change is committed all the same."""
    monkeypatch.setattr(signer_rows, "WAITING_BYTES_MAX", 100)

    async def story() -> None:
        await store.commit(Change(waiting=(draft("i", "a", size=500),)))

    run(story)
    assert store.waiting("i") == []
