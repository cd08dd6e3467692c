"""A signer's SQLite file: whole changes or none, durable, one process, and a broken disk ends it."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.core.effects import Slot
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Unavailable
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.journal import EMPTY, Head, HeadStatement, next_head
from keepcool.core.parties import Service
from keepcool.ports.signer_store import (
    LOST,
    Change,
    Claim,
    ClaimedIntent,
    EntryRow,
    Heard,
    RecordRow,
    SealedKey,
)

SLOT = Slot(NetworkId("eip155:1"), "safe:0x1", 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteSignerStore]:
    store = open_store(tmp_path / "signer.db")
    yield store
    store.close()


def chained(start: Head, count: int) -> tuple[EntryRow, ...]:
    rows: list[EntryRow] = []
    for number in range(count):
        before = rows[-1].head if rows else start
        body = b'{"n":%d}' % number
        rows.append(EntryRow(next_head(before, body), before.hash, body))
    return tuple(rows)


def commit(store: SqliteSignerStore, *changes: Change) -> list[BaseException | None]:
    """Commit all at once, in order, and tell each one's fate."""

    async def together() -> Sequence[BaseException | None]:
        return await asyncio.gather(*(store.commit(one) for one in changes), return_exceptions=True)

    return list(asyncio.run(together()))


def test_keeps_a_change_whole(store: SqliteSignerStore) -> None:
    """Entries, claims, envelopes, records, keys and heads of one change are all there afterwards."""
    entries = chained(EMPTY, 2)
    record = RecordRow(WalletId("w1"), 1, b"{}", {Service.KEEPER: b"k" * 64})
    key = SealedKey("w1", "eip155:1", "hot", "02ab", b"sealed")
    statement = HeadStatement(Service.COOLER, Head(3, bytes(32)), bytes(64))
    claim = Claim(SLOT, b"d" * 32, 1)
    heard = Heard("e1", 5)
    assert commit(
        store,
        Change(
            entries=entries,
            claims=(claim,),
            intents=(ClaimedIntent("i1", "aa"),),
            heard=(heard,),
            records=(record,),
            keys=(key,),
            witnessed=(statement,),
        ),
    ) == [None]
    assert list(store.entries()) == list(entries)
    assert list(store.entries(after=1)) == [entries[1]]
    assert store.entry(2) == entries[1]
    assert store.entry(3) is None
    assert list(store.claims()) == [claim]
    assert list(store.heard()) == [heard]
    assert store.record(WalletId("w1")) == record
    assert store.record(WalletId("w2")) is None
    assert store.records_of([WalletId("w2"), WalletId("w1"), WalletId("w1")]) == [None, record, record]
    assert store.records("", 10) == [record]
    assert store.record_count() == 1
    assert store.keys([("w1", "eip155:1", "hot"), ("w2", "eip155:1", "hot")]) == [key, None]
    assert store.witnessed(Service.COOLER) == statement


def test_many_records_are_each_the_one_record_gives(store: SqliteSignerStore) -> None:
    """Asked for at once, beyond one statement's worth and in any order, every wallet has its own row,
    its own attestations, or none."""
    both = {Service.KEEPER: b"k" * 64, Service.COOLER: b"c" * 64}
    attested: list[dict[Service, bytes]] = [{}, {Service.COOLER: b"c" * 64}, both]
    records = tuple(
        RecordRow(WalletId(f"w{number}"), 1, b"%d" % number, attested[number % 3]) for number in range(250)
    )
    assert commit(store, Change(records=records)) == [None]
    wanted = [WalletId(f"w{number}") for number in range(260, -1, -1)]
    assert store.records_of(wanted) == [store.record(wallet) for wallet in wanted]
    assert store.records_of(wanted[::-1])[:250] == list(records)
    assert store.records_of([]) == []


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("wire.replayed", Change(heard=(Heard("e1", 9),))),
        ("journal.claimed", Change(claims=(Claim(SLOT, b"d" * 32, 1),))),
        ("journal.intent", Change(intents=(ClaimedIntent("i1", "bb"),))),
        ("journal.head_moved", Change(entries=chained(EMPTY, 1))),
        ("keys.exists", Change(keys=(SealedKey("w1", "n", "hot", "03", b"x"),))),
        ("registry.revision", Change(records=(RecordRow(WalletId("w1"), 1, b"other", {}),))),
    ],
)
def test_refuses_what_contradicts_and_stores_nothing_of_it(
    store: SqliteSignerStore, code: str, change: Change
) -> None:
    """A change that contradicts the file fails alone: its neighbours in the group commit are stored."""
    first = Change(
        entries=chained(EMPTY, 1),
        claims=(Claim(SLOT, b"d" * 32, 1),),
        intents=(ClaimedIntent("i1", "aa"),),
        heard=(Heard("e1", 5),),
        keys=(SealedKey("w1", "n", "hot", "02", b"k"),),
        records=(RecordRow(WalletId("w1"), 1, b"record", {}),),
    )
    bad = replace(change, witnessed=(HeadStatement(Service.COOLER, EMPTY, bytes(64)),))
    outcomes = commit(store, first, bad, Change(heard=(Heard("e2", 5),)))
    assert outcomes[0] is None
    assert outcomes[2] is None
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].code == code
    assert store.witnessed(Service.COOLER) is None
    assert [one.envelope for one in store.heard()] == ["e1", "e2"]


def test_many_rows_of_one_change_are_all_kept_or_none(store: SqliteSignerStore) -> None:
    """A hundred of each kind go in together and come back in order; one that contradicts takes all along."""
    entries = chained(EMPTY, 100)
    heads = [row.head for row in entries]
    change = Change(
        entries=entries,
        claims=tuple(Claim(replace(SLOT, position=n), b"d" * 32, n + 1) for n in range(100)),
        intents=tuple(ClaimedIntent(f"i{n}", "aa") for n in range(100)),
        records=tuple(RecordRow(WalletId(f"w{n:02}"), 1, b"r", {Service.KEEPER: b"k"}) for n in range(100)),
        keys=tuple(SealedKey(f"w{n:02}", "n", "hot", "02", bytes([n])) for n in range(100)),
    )
    again = tuple(ClaimedIntent(f"i{n}", "aa" if n < 99 else "bb") for n in range(100))
    more = chained(heads[-1], 1)
    outcomes = commit(store, change, Change(entries=more, intents=again))
    assert [type(one) for one in outcomes] == [type(None), Conflict]
    assert [row.head for row in store.entries()] == heads
    assert len(list(store.claims())) == 100
    assert [one.wallet for one in store.records("w10", 3)] == ["w11", "w12", "w13"]
    assert store.records("w98", 3) == [RecordRow(WalletId("w99"), 1, b"r", {Service.KEEPER: b"k"})]
    wanted = [(f"w{n:02}", "n", "hot") for n in (99, 5, 7)]
    found = store.keys([*wanted, ("w5", "n", "cool")] * 30)
    assert [one.sealed if one else None for one in found] == [b"\x63", b"\x05", b"\x07", None] * 30


def test_entries_are_neither_changed_nor_deleted(tmp_path: Path, store: SqliteSignerStore) -> None:
    """SQLite itself refuses, whoever asks."""
    commit(store, Change(entries=chained(EMPTY, 1)))
    other = sqlite3.connect(tmp_path / "signer.db")
    for statement in ("UPDATE entry SET body = x'00'", "DELETE FROM entry"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(statement)
    other.close()


def test_records_move_forward_and_gather_attestations(store: SqliteSignerStore) -> None:
    """A second attestation joins the first; a newer revision starts anew; an older one is refused."""
    wallet = WalletId("w1")
    commit(store, Change(records=(RecordRow(wallet, 1, b"r1", {Service.KEEPER: b"k"}),)))
    commit(store, Change(records=(RecordRow(wallet, 1, b"r1", {Service.COOLER: b"c"}),)))
    both = store.record(wallet)
    assert both is not None
    assert set(both.attestations) == {Service.KEEPER, Service.COOLER}
    commit(store, Change(records=(RecordRow(wallet, 2, b"r2", {}),)))
    newer = store.record(wallet)
    assert newer == RecordRow(wallet, 2, b"r2", {})
    [refused] = commit(store, Change(records=(RecordRow(wallet, 1, b"r1", {}),)))
    assert isinstance(refused, Conflict)


def test_an_older_head_never_replaces_a_newer(store: SqliteSignerStore) -> None:
    """What was witnessed once stays witnessed."""
    heads = [HeadStatement(Service.KEEPER, Head(n, bytes([n]) * 32), bytes(64)) for n in (7, 3)]
    commit(store, *(Change(witnessed=(one,)) for one in heads))
    assert store.witnessed(Service.KEEPER) == heads[0]


def test_forgets_envelopes_that_can_no_longer_be_heard(store: SqliteSignerStore) -> None:
    """Ids are kept to the end of their time and not a transaction longer."""
    commit(store, Change(heard=(Heard("old", 10), Heard("new", 20))))
    commit(store, Change(forget_before_ms=11))
    assert [one.envelope for one in store.heard()] == ["new"]


def test_the_file_is_its_owners_alone(tmp_path: Path, store: SqliteSignerStore) -> None:
    """Database and log are readable by nobody else."""
    commit(store, Change(heard=(Heard("e", 1),)))
    for name in ("signer.db", "signer.db-wal"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


OPENER = """
import sys
from pathlib import Path
from keepcool.adapters.sqlite.signer import open_store
from keepcool.core.errors import Conflict
try:
    open_store(Path(sys.argv[1]))
except Conflict as conflict:
    print(conflict.code)
"""


def test_a_second_process_is_told_at_once(tmp_path: Path, store: SqliteSignerStore) -> None:
    """The lock is the process's: another one gets a clear conflict, and takes over when this one ends."""

    def second() -> str:
        command = [sys.executable, "-c", OPENER, str(tmp_path / "signer.db")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert second() == "journal.locked"
    store.close()
    assert second() == ""


def test_a_file_that_is_no_database_is_a_breach(tmp_path: Path) -> None:
    """Garbage where the journal should be is not mended by making a new one."""
    (tmp_path / "signer.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(Breach, match=r"journal\.unreadable"):
        open_store(tmp_path / "signer.db")


class FailingDisk(sqlite3.Connection):
    """A real database whose COMMIT fails as a failed fsync does, once `fail` is set."""

    fail = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.fail and sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        return super().execute(sql, parameters)


@pytest.mark.parametrize("prompt", [True, False], ids=["in the loop", "in its thread"])
def test_after_a_failed_fsync_nothing_is_written_any_more(tmp_path: Path, prompt: bool) -> None:
    """The process must end: the same breach answers every later change, though the disk seems well again."""

    class Disk(FailingDisk):
        pass

    store = open_store(tmp_path / "signer.db", factory=Disk)
    store._writer._prompt = prompt
    Disk.fail = True
    [lost] = commit(store, Change(heard=(Heard("e1", 1),)))
    assert isinstance(lost, Breach)
    assert lost.code == LOST
    Disk.fail = False

    async def again() -> None:
        with pytest.raises(Breach, match=LOST):
            await store.commit(Change(heard=(Heard("e2", 1),)))

    asyncio.run(again())
    store.close()


@pytest.mark.parametrize("prompt", [True, False], ids=["in the loop", "in its thread"])
def test_whoever_waits_hears_of_a_failure_nobody_foresaw(tmp_path: Path, prompt: bool) -> None:
    """An error that is not the database's own leaves nobody waiting for ever, and ends the writing."""

    class Broken(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == "COMMIT":
                raise RuntimeError("unforeseen")
            return super().execute(sql, parameters)

    store = open_store(tmp_path / "signer.db", factory=Broken)
    store._writer._prompt = prompt

    async def wait() -> KeepcoolError | None:
        async with asyncio.timeout(60):
            try:
                await store.commit(Change(heard=(Heard("e1", 1),)))
            except KeepcoolError as error:
                return error
        return None

    lost = asyncio.run(wait())
    assert isinstance(lost, Breach)
    assert (lost.code, list(store.heard())) == (LOST, [])
    store.close()


def test_a_full_disk_is_unavailable_and_heals(tmp_path: Path) -> None:
    """SQLITE_FULL rolls back cleanly: nothing of the change is stored, and with room the next one is."""
    store = open_store(tmp_path / "signer.db")
    connection = store._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = Change(keys=(SealedKey("w1", "n", "hot", "02", bytes(100_000)),), heard=(Heard("e", 1),))
    [full] = commit(store, big)
    assert isinstance(full, Unavailable)
    assert full.code == "journal.unwritable"
    assert list(store.heard()) == []
    connection.execute("PRAGMA max_page_count = 1000000")
    assert commit(store, big) == [None]
    store.close()


def test_where_a_group_is_written_changes_nothing_else(tmp_path: Path) -> None:
    """In the loop while the disk is prompt, in the thread when the group is large or the disk was slow: all
    of it is stored, in order."""
    store = open_store(tmp_path / "signer.db")
    rows = chained(EMPTY, 40)

    async def story() -> list[bool]:
        written = []
        for at, (prompt, size) in enumerate([(True, 1), (False, 1), (True, 20), (False, 18)]):
            store._writer._prompt = prompt
            first = [0, 1, 2, 22][at]
            done = store.commit(Change(entries=rows[first : first + size]))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            written.append(done.done())
            await done
        return written

    assert asyncio.run(story())[0]
    assert list(store.entries()) == list(rows)
    store.close()


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    """More changes than the queue holds are told to come back; those accepted are stored."""
    store = open_store(tmp_path / "signer.db", queue_max=10, group_max=4)

    async def crowd() -> None:
        changes = [Change(heard=(Heard(f"e{number}", 1),)) for number in range(11)]
        accepted = [store.commit(one) for one in changes[:10]]
        with pytest.raises(Unavailable, match=r"journal\.busy"):
            store.commit(changes[10])
        await asyncio.gather(*accepted)

    asyncio.run(crowd())
    assert len(list(store.heard())) == 10
    store.close()
