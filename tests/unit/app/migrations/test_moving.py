"""Books moved between engines: every row, counted and balanced, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from keepcool.adapters.postgres import books as on_server
from keepcool.adapters.sqlite.books import open_books
from keepcool.app.books import ledger, people
from keepcool.app.books.tables import balance_row, entry, posting
from keepcool.app.migrations import upgrading
from keepcool.app.storage import moving
from keepcool.app.store import Store
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import AssetId, UserId, WalletId
from tests.fixtures.postgres import LivePostgres

pytestmark = pytest.mark.slow
ETH = AssetId("eip155:31337/slip44:60")


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Engine]:
    engine = open_books(tmp_path / "from.sqlite")
    with closing(Store(engine)) as store:
        store.create_tables()
        store.transact(
            lambda tx: people.create_user(tx, user=UserId("ü"), external_id=None, about={}, now_ms=1)
        )
        credit(store, "d", 2**200)
        credit(store, "e", 5)
        yield engine


@pytest.fixture
def target(postgres: LivePostgres) -> Iterator[Engine]:
    database = postgres.fresh()
    engine = on_server.open_alone(postgres.server(database))
    yield engine
    engine.dispose()
    postgres.drop(database)


def credit(store: Store, name: str, units: int) -> int:
    return store.transact(
        lambda tx: ledger.credit_deposit(
            tx, deposit=name, wallet=WalletId("a"), asset=ETH, units=units, at_ms=1
        )
    )


def ledger_of(engine: Engine) -> list[list[tuple[object, ...]]]:
    with engine.begin() as tx:
        return [sorted(map(tuple, tx.execute(select(one)))) for one in (posting, entry, balance_row)]


def test_everything_moves_there_and_back(source: Engine, target: Engine, tmp_path: Path) -> None:
    """The ledger is the same on PostgreSQL and on the SQLite it is moved to next, and its numbers go on."""
    moved = moving.move(source, target)
    assert (moved["posting"], moved["entry"], moved["user_"]) == (2, 4, 1)
    assert ledger_of(target) == ledger_of(source)
    again = open_books(tmp_path / "again.sqlite")
    with closing(Store(again)) as back:
        assert moving.move(target, again) == moved
        assert ledger_of(again) == ledger_of(source)
        assert credit(back, "f", 1) == credit(Store(target), "f", 1) == 3
        assert ledger_of(again) == ledger_of(target)


def test_refuses_a_target_with_rows_and_changes_nothing(source: Engine, target: Engine) -> None:
    """Books are never mixed: a target that has a row is refused, and keeps just that."""
    moving.move(source, target)
    before = ledger_of(target)
    with pytest.raises(Conflict, match="has rows in"):
        moving.move(source, target)
    assert ledger_of(target) == before


def test_refuses_edited_books_and_moves_nothing(source: Engine, target: Engine) -> None:
    """A source whose balances are not the sums of its entries is a breach; the target stays empty."""
    with source.begin() as tx:
        tx.execute(text("UPDATE balance SET units = '7' WHERE account = 'owed:a'"))
    upgrading.upgrade(target)
    with pytest.raises(Breach, match="the books to be moved"):
        moving.move(source, target)
    assert ledger_of(target) == [[], [], []]


def test_moved_postings_cannot_be_rewritten(source: Engine, target: Engine) -> None:
    """Where they were moved to, postings are append-only as well."""
    moving.move(source, target)
    with pytest.raises(IntegrityError, match="append-only"), target.begin() as tx:
        tx.execute(text("DELETE FROM entry"))
