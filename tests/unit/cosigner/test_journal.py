"""The journal: an altered, cut or reordered chain is seen, and a failed commit leaves no trace."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.core import canonical
from keepcool.core.errors import Breach, KeepcoolError, Unavailable
from keepcool.core.parties import Service
from keepcool.cosigner.entries import POLICY, PolicyRow
from keepcool.cosigner.journal import Asked, Journal
from keepcool.cosigner.policies import PoliciesSeen, take_into_use
from keepcool.cosigner.verify import verify_journal
from keepcool.policy.terms import Policy
from keepcool.wire.messages import Signed
from tests.unit.cosigner.house import Pair, item, open_signer, register
from tests.unit.policy.samples import POLICY as POLICY_IN_USE


def row(version: int) -> PolicyRow:
    return PolicyRow(at_s=version, kind=POLICY, policy="00", policy_version=version)


def policy_of(name: str, version: int) -> Policy:
    return replace(POLICY_IN_USE, hash=name, version=version)


async def write(store: SqliteSignerStore, count: int) -> Journal:
    journal = Journal.opened(store, [])
    with journal.batch() as batch:
        for version in range(1, count + 1):
            batch.add(row(version))
    await batch.settled()
    return journal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "signer.db"
    store = open_store(file)
    asyncio.run(write(store, 5))
    store.close()
    return file


def tampered(file: Path, *statements: str) -> SqliteSignerStore:
    """The store after somebody with write access to the file, and no respect for triggers, was at it."""
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TRIGGER entry_is_never_changed")
        connection.execute("DROP TRIGGER entry_is_never_deleted")
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return open_store(file)


def test_verifies_a_true_journal(file: Path) -> None:
    """An untouched chain verifies, and the report says how far it reaches; bodies are canonical JSON."""
    store = open_store(file)
    report = verify_journal(store)
    assert (report.head.sequence, report.kinds, report.last_at_s) == (5, {POLICY: 5}, 5)
    for entry in store.entries():
        canonical.decode(entry.body, "entry")
    store.close()


@pytest.mark.parametrize(
    ("name", "statements", "sequence"),
    [
        ("altered", ["UPDATE entry SET body = CAST(body || ' ' AS BLOB) WHERE seq = 3"], 3),
        ("deleted", ["DELETE FROM entry WHERE seq = 2"], 2),
        ("first deleted", ["DELETE FROM entry WHERE seq = 1"], 1),
        (
            "reordered",
            [
                "UPDATE entry SET seq = 99 WHERE seq = 2",
                "UPDATE entry SET seq = 2 WHERE seq = 3",
                "UPDATE entry SET seq = 3 WHERE seq = 99",
            ],
            2,
        ),
        ("hash rewritten", ["UPDATE entry SET hash = x'00' WHERE seq = 4"], 4),
    ],
)
def test_names_the_first_bad_entry(file: Path, name: str, statements: list[str], sequence: int) -> None:
    """Whatever was done to the chain, verification and the next start both stop at the first wrong entry."""
    store = tampered(file, *statements)
    checks: list[Callable[[], object]] = [lambda: verify_journal(store), lambda: Journal.opened(store, [])]
    for check in checks:
        with pytest.raises(Breach, match=r"journal\.broken") as caught:
            check()
        assert caught.value.fields["sequence"] == sequence
    store.close()


def test_a_cut_end_shows_against_what_others_have_seen(file: Path) -> None:
    """A truncated chain is whole in itself; a head kept elsewhere gives it away. The twin is the check
    without that head, which is content."""
    store = open_store(file)
    newest = verify_journal(store).head
    store.close()
    store = tampered(file, "DELETE FROM entry WHERE seq > 3")
    assert verify_journal(store).head.sequence == 3
    with pytest.raises(Breach, match=r"journal\.rolled_back"):
        verify_journal(store, [newest])
    store.close()


def test_a_removed_claim_is_seen(tmp_path: Path) -> None:
    """The table that makes slots unique must hold what the chain says."""

    async def story() -> None:
        pair = Pair(tmp_path)
        keeper, _ = pair.open(Service.KEEPER), pair.open(Service.COOLER)
        await register(keeper, "w1", 5)
        await keeper.sign(item("w1", 0, {"bob": 1}))
        verify_journal(keeper.store)
        pair.close_all()
        with sqlite3.connect(tmp_path / "keeper.db") as connection:
            connection.execute("DELETE FROM claim")
        connection.close()
        keeper = open_signer(tmp_path, Service.KEEPER)
        with pytest.raises(Breach, match=r"journal\.claims"):
            verify_journal(keeper.store)
        keeper.close()

    asyncio.run(story())


def test_a_block_that_raises_stages_nothing(file: Path) -> None:
    """Entries staged before an exception are unlearned, and the next batch takes their place."""

    async def story() -> None:
        store = open_store(file)
        seen = PoliciesSeen()
        journal = Journal.opened(store, [seen])

        def interrupted() -> None:
            with journal.batch() as batch:
                batch.add(row(6))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            interrupted()
        assert seen.newest == row(5)
        with journal.batch() as batch:
            assert batch.add(row(7)).head.sequence == 6
        await batch.settled()
        assert verify_journal(store).head == journal.committed
        store.close()

    asyncio.run(story())


def test_a_full_disk_signs_nothing_and_forgets_what_it_staged(tmp_path: Path) -> None:
    """When the disk is full every waiting request is Unavailable; with room again the same ones are
    signed, each once, on a chain without gaps."""

    async def story() -> None:
        pair = Pair(tmp_path)
        keeper, _ = pair.open(Service.KEEPER), pair.open(Service.COOLER)
        wallets = [f"w{n}" for n in range(20)]
        for wallet in wallets:
            await register(keeper, wallet, 5)
        connection = keeper.store._writer._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        items = [item(wallet, 0, {"x" * 2000: 1}) for wallet in wallets]
        outcomes = await asyncio.gather(*(keeper.sign(one) for one in items), return_exceptions=True)
        failed = [one for one in outcomes if isinstance(one, Unavailable)]
        assert {one.code for one in failed} == {"journal.unwritable"}
        assert len(failed) >= 18  # the last pages may still have taken one or two
        assert keeper.journal.committed.sequence == len(keeper.drafts) == 20 - len(failed)
        connection.execute("PRAGMA max_page_count = 1000000")
        for one in items:
            assert isinstance((await keeper.sign(one)).items[0], Signed)
        assert verify_journal(keeper.store).head.sequence == 20
        pair.close_all()

    asyncio.run(story())


def test_a_policy_version_only_grows(file: Path) -> None:
    """An older file, or another under the same version, is a breach; the one in use adds no entry."""

    async def story() -> None:
        store = open_store(file)
        seen = PoliciesSeen()
        journal = Journal.opened(store, [seen])
        for policy, version in (("00", 4), ("11", 5)):
            with pytest.raises(Breach, match=r"policy\.rolled_back"):
                await take_into_use(journal, seen, policy_of(policy, version), b"", 0)
        await take_into_use(journal, seen, policy_of("00", 5), b"", 0)
        assert journal.committed.sequence == 5
        await take_into_use(journal, seen, policy_of("22", 6), b"", 0)
        assert journal.committed.sequence == 6
        store.close()

    asyncio.run(story())


def test_only_one_batch_is_open_and_an_envelope_is_heard_once(file: Path) -> None:
    """Two requests cannot stage into each other, and a second request of one envelope stages nothing."""

    async def story() -> None:
        store = open_store(file)
        journal = Journal.opened(store, [])
        asked = Asked("e1", 10_000, Service.APP)
        with journal.batch(asked) as batch:
            with pytest.raises(RuntimeError), journal.batch():
                pass
            batch.add(row(6))
        with pytest.raises(KeepcoolError, match=r"wire\.replayed"), journal.batch(asked):
            pass
        await batch.settled()
        assert journal.committed.sequence == 6
        store.close()

    asyncio.run(story())
