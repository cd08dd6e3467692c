"""The first schema, statement by statement, as App made it before it had steps.

Books made then have these tables already and only take the step's number; a table they lack is made. Books
older still, whose tables lack a column, are refused.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import Connection, Inspector

from keepcool.core.errors import Refused

revision = "0001"
down_revision = None
_STATEMENTS = Path(__file__).parents[1] / "first"


def upgrade() -> None:
    tx = op.get_bind()
    had = set(inspect(tx).get_table_names())
    _make(tx)
    if had - {"alembic_version"} and tx.dialect.name == "sqlite":
        _refuse_older(inspect(tx))


def _make(tx: Connection) -> None:
    text = (_STATEMENTS / f"{tx.dialect.name}.sql").read_text(encoding="ascii")
    for statement in text.split(";\n"):
        if statement.strip():
            tx.exec_driver_sql(statement)


def _refuse_older(found: Inspector) -> None:
    """Raises Refused when a table that was there lacks one of the first schema's columns."""
    engine = create_engine("sqlite://")
    with engine.begin() as fresh:
        _make(fresh)
        wanted = inspect(fresh)
        for table in wanted.get_table_names():
            there = {column["name"] for column in found.get_columns(table)}
            lacking = sorted(column["name"] for column in wanted.get_columns(table))
            lacking = [name for name in lacking if name not in there]
            if lacking:
                raise Refused(
                    "books.too_old",
                    f"table {table} of this database has no {', '.join(lacking)}: it was made by a keepcool "
                    "older than upgrades; restore the books from the signers into a new database "
                    "(keepcool app restore --from-signers)",
                )
    engine.dispose()
