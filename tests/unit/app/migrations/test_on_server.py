"""The steps of the schema on PostgreSQL: the same tables, whoever else is at it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from keepcool.adapters.postgres.books import open_books
from keepcool.app.migrations import upgrading
from keepcool.app.store import Store
from keepcool.core.errors import Refused
from tests.fixtures.postgres import LivePostgres
from tests.unit.app.migrations.test_upgrading import POSTING, differences, rows

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(postgres: LivePostgres) -> Iterator[Engine]:
    database = postgres.empty()
    made = open_books(postgres.server(database))
    yield made
    made.dispose()
    postgres.drop(database)


def taken_to(engine: Engine, step: str) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(upgrading.__file__).rpartition("/")[0])
    settings.set_main_option("path_separator", "os")
    with engine.begin() as tx:
        settings.attributes["connection"] = tx
        command.upgrade(settings, step)


def fill(tx: Connection) -> None:
    tx.exec_driver_sql(POSTING.format("k"))
    tx.exec_driver_sql("INSERT INTO balance VALUES ('a', 'x', '7')")


def test_the_steps_from_nothing_are_todays_tables(engine: Engine) -> None:
    """An empty database upgraded has exactly the tables the code describes, amounts in byte order."""
    upgrading.upgrade(engine)
    with engine.begin() as tx:
        assert differences(tx) == []
        collations = text(
            "SELECT DISTINCT collation_name FROM information_schema.columns WHERE column_name = 'units'"
        )
        assert [row[0] for row in tx.execute(collations)] == ["C"]


@pytest.mark.parametrize("step", upgrading.known())
def test_books_with_rows_come_along_from_every_step(engine: Engine, step: str) -> None:
    """Whichever step a database is at, its rows are there afterwards, and its tables are today's."""
    taken_to(engine, step)
    with engine.begin() as tx:
        fill(tx)
        before = rows(tx)
    upgrading.upgrade(engine)
    with engine.begin() as tx:
        assert (rows(tx), differences(tx)) == (before, [])


def test_apps_that_start_together_take_each_step_once(engine: Engine) -> None:
    """Four upgrades at once of an empty database: one finds it empty, the others find it done."""
    with ThreadPoolExecutor(4) as crowd:
        found = [one.result() for one in [crowd.submit(upgrading.upgrade, engine) for _ in range(4)]]
    assert sorted(one.at for one in found) == sorted([upgrading.NONE, *[upgrading.known()[-1]] * 3])


def test_an_older_program_goes_on_beside_newer_books(engine: Engine) -> None:
    """A store at the first step reads and writes after all others are taken, on the connections it has."""
    taken_to(engine, upgrading.known()[0])
    older = Store(engine)
    older.transact(fill)
    upgrading.upgrade(engine)
    older.transact(lambda tx: tx.exec_driver_sql(POSTING.format("l")))
    assert older.transact(rows)[0] == 2


def test_refuses_books_of_a_newer_program(engine: Engine) -> None:
    """A step this program does not know means a newer one was here: nothing is touched."""
    upgrading.upgrade(engine)
    with engine.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Refused, match="step 9999"):
        upgrading.upgrade(engine)
