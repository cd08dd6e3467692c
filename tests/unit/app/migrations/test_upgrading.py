"""The steps of the schema: from nothing they give today's tables, and books with rows in them come along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.sqlite.shared import open_beside
from keepcool.app.migrations import upgrading
from keepcool.app.migrations.tables import metadata
from keepcool.app.store import Store
from keepcool.core.errors import Refused

POSTING = "INSERT INTO posting (key, kind, at_ms, reference, digest) VALUES ('{}', 'deposit', 1, '', '')"
FIRST = Path(upgrading.__file__).with_name("first")


@contextmanager
def opened(file: Path) -> Iterator[Engine]:
    engine = open_books(file)
    try:
        yield engine
    finally:
        engine.dispose()


def differences(tx: Connection) -> list[object]:
    """What the database lacks of today's tables, or has beyond them."""
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(tx, opts=options), metadata))


def made_before_steps(tx: Connection) -> None:
    """Books as App made them when it had no steps, with a row in each table that others refer to."""
    for statement in (FIRST / "sqlite.sql").read_text("ascii").split(";\n"):
        if statement.strip():
            tx.exec_driver_sql(statement.replace(" IF NOT EXISTS", ""))
    tx.exec_driver_sql(POSTING.format("k"))
    tx.exec_driver_sql("INSERT INTO balance VALUES ('a', 'x', '7')")


def rows(tx: Connection) -> tuple[int, str]:
    (balance,) = tx.execute(text("SELECT units FROM balance")).one()
    return tx.execute(text("SELECT count(*) FROM posting")).scalar_one(), balance


def test_the_steps_from_nothing_are_todays_tables(tmp_path: Path) -> None:
    """An empty database upgraded has exactly the tables the code describes, and is at the last step."""
    with opened(tmp_path / "app.sqlite") as engine:
        found = upgrading.upgrade(engine)
        assert (found.at, found.missing) == (upgrading.NONE, upgrading.known())
        with engine.begin() as tx:
            assert differences(tx) == []
        assert upgrading.look(engine).missing == ()


def test_a_table_nobody_wrote_a_step_for_would_be_noticed(tmp_path: Path) -> None:
    """The twin: a column beyond the steps is a difference."""
    with opened(tmp_path / "app.sqlite") as engine:
        upgrading.upgrade(engine)
        with engine.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE entry ADD COLUMN more VARCHAR")
            assert len(differences(tx)) == 1


def test_the_steps_are_one_line() -> None:
    """Numbers grow by one from the first step to the last as Alembic walks them: it is one line."""
    scripts = ScriptDirectory(str(Path(upgrading.__file__).parent))
    walked = [one.revision for one in scripts.walk_revisions("base", "head")]
    assert tuple(reversed(walked)) == upgrading.known()
    assert upgrading.known() == tuple(f"{number:04}" for number in range(1, len(upgrading.known()) + 1))


@pytest.mark.slow
def test_books_made_before_there_were_steps_come_along(tmp_path: Path) -> None:
    """Tables without a note of any step are recognised, upgraded to today's, and keep their rows."""
    with opened(tmp_path / "app.sqlite") as engine:
        with engine.begin() as tx:
            made_before_steps(tx)
            before = rows(tx)
        assert upgrading.upgrade(engine).missing == upgrading.known()
        with engine.begin() as tx:
            assert (rows(tx), differences(tx)) == (before, [])


def test_refuses_books_older_than_any_step_and_changes_nothing(tmp_path: Path) -> None:
    """A table that lacks a column of the first schema is named, and no step is taken."""
    with opened(tmp_path / "app.sqlite") as engine:
        with engine.begin() as tx:
            made_before_steps(tx)
            tx.exec_driver_sql("ALTER TABLE deposit DROP COLUMN round")
            tables = inspect(tx).get_table_names()
        with pytest.raises(Refused, match="table deposit of this database has no round") as refused:
            upgrading.upgrade(engine)
        assert refused.value.code == "books.too_old"
        with engine.begin() as tx:
            assert inspect(tx).get_table_names() == tables


def test_refuses_books_of_a_newer_program_and_changes_nothing(tmp_path: Path) -> None:
    """A step this program does not know means a newer one was here: it says so and touches nothing."""
    with opened(tmp_path / "app.sqlite") as engine:
        upgrading.upgrade(engine)
        with engine.begin() as tx:
            tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(Refused, match="step 9999") as refused:
            upgrading.upgrade(engine)
        assert refused.value.code == "books.newer"
        with engine.begin() as tx:
            assert tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_a_step_that_fails_leaves_the_books_as_they_were(tmp_path: Path) -> None:
    """All missing steps are one transaction: what stands in the way of one undoes those before it."""
    with opened(tmp_path / "app.sqlite") as engine:
        with engine.begin() as tx:
            made_before_steps(tx)
            tx.exec_driver_sql("CREATE TABLE leader (other INTEGER)")
        with pytest.raises(Exception, match="already exists"):
            upgrading.upgrade(engine)
        with engine.begin() as tx:
            assert upgrading.standing(tx).at == upgrading.NONE


def test_an_older_program_goes_on_beside_newer_books(tmp_path: Path) -> None:
    """A store opened before the steps are taken reads and writes after them, on the connections it has."""
    file = tmp_path / "app.sqlite"
    with opened(file) as engine:
        with engine.begin() as tx:
            made_before_steps(tx)
        older = Store(engine)
        assert older.transact(rows)[0] == 1
        other = open_beside(file)
        upgrading.upgrade(other)
        other.dispose()
        older.transact(lambda tx: tx.exec_driver_sql(POSTING.format("l")))
        assert older.transact(rows)[0] == 2
