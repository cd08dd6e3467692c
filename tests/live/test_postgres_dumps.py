"""Copies of books on PostgreSQL: taken beside writers, proven whole, put back or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from keepcool.adapters.postgres import dumps
from keepcool.adapters.postgres.books import open_alone, open_books
from keepcool.adapters.postgres.server import Server
from keepcool.adapters.system.digests import digest_file
from keepcool.app.books import ledger
from keepcool.app.books.tables import balance_row, entry, posting
from keepcool.app.store import Store
from keepcool.core.errors import Breach, Conflict, Refused, Unavailable
from keepcool.core.ids import AssetId, WalletId
from tests.fixtures.postgres import LivePostgres

pytestmark = pytest.mark.live
ETH = AssetId("eip155:31337/slip44:60")


@pytest.fixture
def server(postgres: LivePostgres) -> Iterator[Server]:
    database = postgres.fresh()
    yield postgres.server(database)
    postgres.drop(database)


@contextmanager
def opened(server: Server) -> Iterator[Store]:
    with closing(Store(open_books(server))) as store:
        yield store


def credit(store: Store, name: str) -> int:
    return store.transact(
        lambda tx: ledger.credit_deposit(
            tx, deposit=name, wallet=WalletId("a"), asset=ETH, units=2**100, at_ms=1
        )
    )


def books_of(store: Store) -> list[list[tuple[object, ...]]]:
    tables = (posting, entry, balance_row)
    return store.transact(lambda tx: [sorted(map(tuple, tx.execute(select(one)))) for one in tables])


@contextmanager
def alone(server: Server) -> Iterator[Engine]:
    engine = open_alone(server)
    try:
        yield engine
    finally:
        engine.dispose()


def test_a_copy_put_back_is_the_books_it_was_taken_of(server: Server, tmp_path: Path) -> None:
    """After more was written, the copy brings its own moment back; what was there is kept beside it, numbers
    go on, and postings are append-only again."""
    copy = tmp_path / "books.backup"
    with opened(server) as store:
        credit(store, "d")
        before = books_of(store)
        digest = dumps.take(server, copy)
        assert digest_file(copy).read_text("ascii") == f"{digest}  {copy.name}\n"
        assert copy.stat().st_mode & 0o077 == 0
        credit(store, "e")
    with alone(server) as engine:
        kept = dumps.put_back(server, engine, copy, lambda: None, force=True)
    with opened(server) as store:
        assert books_of(store) == before
        replaced = text("SELECT count(*) FROM replaced_1.posting")
        assert (kept, store.transact(lambda tx: tx.execute(replaced).scalar())) == ("replaced_1", 2)
        assert credit(store, "f") == 2
        with pytest.raises(Exception, match="append-only"):
            store.transact(lambda tx: tx.execute(text("DELETE FROM entry")))


def test_a_copy_is_put_into_an_empty_database(server: Server, postgres: LivePostgres, tmp_path: Path) -> None:
    """A new server needs nothing but an empty database."""
    copy, database = tmp_path / "books.backup", postgres.empty()
    with opened(server) as store:
        credit(store, "d")
        dumps.take(server, copy)
        before = books_of(store)
    with alone(postgres.server(database)) as engine:
        assert dumps.put_back(postgres.server(database), engine, copy, lambda: None) is None
    with opened(postgres.server(database)) as store:
        assert books_of(store) == before
    postgres.drop(database)


def test_what_fails_its_check_leaves_the_books_as_they_were(server: Server, tmp_path: Path) -> None:
    """When what was put back is wrong, the books of before are in their place again."""
    copy = tmp_path / "books.backup"
    with opened(server) as store:
        dumps.take(server, copy)
        credit(store, "d")
        before = books_of(store)

    def refuse() -> None:
        raise Breach("books.differ", "edited")

    with alone(server) as engine, pytest.raises(Breach, match="edited"):
        dumps.put_back(server, engine, copy, refuse, force=True)
    with opened(server) as store:
        assert books_of(store) == before


@pytest.mark.parametrize("damage", ["a byte", "cut", "no digest"])
def test_refuses_a_copy_that_is_not_whole_and_changes_nothing(
    server: Server, tmp_path: Path, damage: str
) -> None:
    """A changed byte, a missing end or a missing digest is refused before anything is touched."""
    copy = tmp_path / "books.backup"
    with opened(server) as store:
        credit(store, "d")
        before = books_of(store)
        dumps.take(server, copy)
    whole = copy.read_bytes()
    match damage:
        case "a byte":
            copy.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        case "cut":
            copy.write_bytes(whole[: len(whole) // 2])
        case _:
            digest_file(copy).unlink()
    with alone(server) as engine, pytest.raises(Refused):
        dumps.put_back(server, engine, copy, lambda: None, force=True)
    with opened(server) as store:
        assert books_of(store) == before


def test_refuses_to_replace_books_unasked(server: Server, tmp_path: Path) -> None:
    """Without force neither a copy nor books that are there are replaced."""
    copy = tmp_path / "books.backup"
    dumps.take(server, copy)
    with pytest.raises(Conflict, match="is there already"):
        dumps.take(server, copy)
    with alone(server) as engine, pytest.raises(Conflict, match="say --force"):
        dumps.put_back(server, engine, copy, lambda: None)


def test_a_server_that_is_away_gives_no_copy(tmp_path: Path) -> None:
    """No server, no file, and what pg_dump said."""
    away = Server(url=f"postgresql://u@/books?host={tmp_path}")
    with pytest.raises(Unavailable, match="pg_dump"):
        dumps.take(away, tmp_path / "books.backup")
    assert list(tmp_path.iterdir()) == []
