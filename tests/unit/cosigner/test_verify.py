"""A journal verified from outside: what the report says, and which entry a contradiction names."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.core.errors import Breach
from keepcool.core.journal import EMPTY, Head
from keepcool.core.parties import Service
from keepcool.cosigner.journal import walk
from keepcool.cosigner.verify import Report, verify_journal
from tests.unit.cosigner.house import NOW_S, Pair, item, register


async def signed(folder: Path, count: int) -> None:
    """A journal of this many signatures, a minute apart."""
    pair = Pair(folder)
    keeper, _ = pair.open(Service.KEEPER), pair.open(Service.COOLER)
    await register(keeper, "w1", 5)
    for nonce in range(count):
        await keeper.sign(item("w1", nonce, {"bob": 1}))
        keeper.hands.at_ms += 60_000
    pair.close_all()


@pytest.fixture
def store(tmp_path: Path) -> SqliteSignerStore:
    asyncio.run(signed(tmp_path, 3))
    return open_store(tmp_path / "keeper.db")


def heads(store: SqliteSignerStore) -> list[Head]:
    return [entry.head for entry in walk(store)]


def test_a_report_tells_head_kinds_and_the_first_and_last_time(store: SqliteSignerStore) -> None:
    """Of a true journal, whatever heads of it others have kept, the empty one included."""
    seen = heads(store)
    report = Report(seen[-1], {"sign": 3}, NOW_S, NOW_S + 120)
    assert verify_journal(store) == report
    assert verify_journal(store, [EMPTY, *seen]) == report
    store.close()


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    """Nothing was signed: no time, no kind, and the head of nothing."""
    store = open_store(tmp_path / "new.db")
    assert verify_journal(store) == verify_journal(store, [EMPTY]) == Report(EMPTY, {}, 0, 0)
    store.close()


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_another_entry_than_others_saw_is_named(store: SqliteSignerStore, sequence: int) -> None:
    """A rewritten entry shows against any one head that was kept, and is the one that is named."""
    seen = heads(store)
    seen[sequence - 1] = replace(seen[sequence - 1], hash=bytes(32))
    with pytest.raises(Breach) as caught:
        verify_journal(store, seen)
    assert (caught.value.code, caught.value.fields) == ("journal.rolled_back", {"sequence": sequence})
    store.close()


def test_of_several_heads_beyond_the_end_the_first_is_named(store: SqliteSignerStore) -> None:
    """Others have seen more than the journal holds: it was cut before the lowest of them."""
    beyond = [Head(6, bytes(32)), Head(5, bytes(32))]
    with pytest.raises(Breach) as caught:
        verify_journal(store, [*heads(store), *beyond])
    assert (caught.value.code, caught.value.fields) == ("journal.rolled_back", {"sequence": 5})
    store.close()


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM claim WHERE seq > 1", "UPDATE claim SET digest = zeroblob(32) WHERE seq > 1"],
)
def test_the_first_lost_claim_is_named(tmp_path: Path, statement: str) -> None:
    """Claims that are gone, or that hold another digest than the chain does, are a breach at the lowest."""
    asyncio.run(signed(tmp_path, 3))
    with sqlite3.connect(tmp_path / "keeper.db") as connection:
        connection.execute(statement)
    connection.close()
    store = open_store(tmp_path / "keeper.db")
    with pytest.raises(Breach) as caught:
        verify_journal(store)
    assert (caught.value.code, caught.value.fields) == ("journal.claims", {"sequence": 2})
    store.close()
