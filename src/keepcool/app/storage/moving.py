"""Books moved from one database to another, whatever engine each is: row by row, counted, and checked.

Laws: both are held alone; the source is read and not written; the target has today's tables and not one row;
all of it is one transaction of the target, and what does not count alike or does not balance is undone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Engine, Table, func, insert, select, text

from keepcool.app.books import postings
from keepcool.app.migrations import upgrading
from keepcool.app.migrations.tables import metadata
from keepcool.core.errors import Breach, Conflict

_AT_ONCE = 1_000


def move(source: Engine, target: Engine) -> dict[str, int]:
    """How many rows each table has, those without any left out. Raises Conflict when the target has rows,
    Breach when the source's books do not balance or what was copied is not what was read."""
    upgrading.upgrade(source)
    upgrading.upgrade(target)
    with source.begin() as read, target.begin() as write:
        _refuse_wrong(read, "the books to be moved")
        for table in metadata.sorted_tables:
            if _count(write, table):
                raise Conflict("move.not_empty", f"the target has rows in {table.name} already: name another")
        moved = {table.name: _copied(read, write, table) for table in metadata.sorted_tables}
        _refuse_wrong(write, "the copy")
        return {name: count for name, count in moved.items() if count}


def _copied(read: Connection, write: Connection, table: Table) -> int:
    for rows in _lots(read, table):
        write.execute(insert(table), rows)
    count = _count(read, table)
    if _count(write, table) != count:
        raise Breach("move.differs", f"{table.name} has {count} rows, and other ones in the copy")
    if (column := table.autoincrement_column) is not None:
        _number_on(write, table.name, column.name, _numbered_to(read, table.name, column.name))
    return count


def _lots(read: Connection, table: Table) -> Iterator[list[dict[str, object]]]:
    columns = {column.key: column for column in table.columns}
    order = list(table.primary_key.columns)
    query = select(*(column.label(f"c{at}") for at, column in enumerate(columns.values()))).order_by(*order)
    for lot in read.execute(query, execution_options={"yield_per": _AT_ONCE}).partitions():
        yield [dict(zip(columns, row, strict=True)) for row in lot]


def _numbered_to(tx: Connection, table: str, column: str) -> int:
    """The last number that was ever given to a row, also when that row is gone."""
    if tx.dialect.name == "postgresql":
        given = text("SELECT last_value FROM pg_sequences WHERE sequencename = :name")
        return tx.execute(given, {"name": f"{table}_{column}_seq"}).scalar_one_or_none() or 0
    given = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return tx.execute(given, {"name": table}).scalar_one_or_none() or 0


def _number_on(tx: Connection, table: str, column: str, last: int) -> None:
    """New rows get numbers after it."""
    if last and tx.dialect.name == "postgresql":
        tx.execute(text("SELECT setval(:name, :last)"), {"name": f"{table}_{column}_seq", "last": last})
    elif last:
        tx.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table})
        tx.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :last)"), {"name": table, "last": last})


def _count(tx: Connection, table: Table) -> int:
    return tx.execute(select(func.count()).select_from(table)).scalar_one()


def _refuse_wrong(tx: Connection, what: str) -> None:
    for one in postings.check_books(tx)[:1]:
        raise Breach(
            "books.differ",
            f"{what}: the ledger's {one.what} ({one.asset}) says {one.stored}, its entries {one.computed}",
        )
