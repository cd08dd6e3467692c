"""A signer's file tells its wallets and how far their addresses were handed out, to nobody's harm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.core.errors import Refused
from keepcool.core.journal import EMPTY, next_head
from keepcool.cosigner import entries
from keepcool.cosigner.addressing import ADDRESSES, AddressesRow
from keepcool.local.restoring import records
from keepcool.ports.signer_store import Change, EntryRow, RecordRow
from tests.fixtures.bitcoinrecords import bitcoin_record

POOL = bitcoin_record("pool-1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteSignerStore]:
    """Of a signer that is running."""
    opened = open_store(tmp_path / "keeper.sqlite")
    yield opened
    opened.close()


def attested(first: int, count: int) -> bytes:
    return entries.encode(
        AddressesRow(
            at_s=1, kind=ADDRESSES, change=0, cosigner=2, count=count, first=first, record="", root="",
            wallet=POOL.wallet,
        )
    )  # fmt: skip


def write(store: SqliteSignerStore, *bodies: bytes) -> None:
    async def commit() -> None:
        head, rows = EMPTY, []
        for body in bodies:
            rows.append(EntryRow(next_head(head, body), head.hash, body))
            head = rows[-1].head
        row = RecordRow(POOL.wallet, POOL.revision, POOL.encoded(), {})
        await store.commit(Change(entries=tuple(rows), records=(row,)))

    asyncio.run(commit())


def test_a_running_signers_file_is_read(store: SqliteSignerStore, tmp_path: Path) -> None:
    """Its records come back whole, with the highest index of each branch that its journal attested."""
    write(store, attested(0, 100), b'{"at_s":1,"kind":"freeze"}', attested(100, 1000))
    (tmp_path / "keeper.toml").write_text('data = "."\nother = 1\n')
    for found in (
        records.of_database(tmp_path / "keeper.sqlite"),
        records.of_signer(tmp_path / "keeper.toml", "keeper"),
    ):
        assert list(found.records) == [POOL]
        assert found.issued == {(POOL.wallet, 2, 0): 1099}


def test_what_is_no_signers_file_is_refused(tmp_path: Path) -> None:
    """A file that is missing, or something else, is named as such and not made."""
    with pytest.raises(Refused, match="no database"):
        records.of_database(tmp_path / "keeper.sqlite")
    (tmp_path / "other").write_text("something else entirely, and long enough to be read as a header")
    with pytest.raises(Refused, match="no database of a signer"):
        records.of_database(tmp_path / "other")
    with pytest.raises(Refused, match="no configuration"):
        records.of_signer(tmp_path / "other", "keeper")
    assert [one.name for one in tmp_path.iterdir()] == ["other"]
