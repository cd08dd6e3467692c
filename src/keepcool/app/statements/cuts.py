"""A period as a range of entries.

The ledger is in the order in which it was written, and clocks may step back: the period begins with the first
entry at or after its start, and everything written later lies later. So periods that follow one another leave
nothing out and have nothing twice, and a statement made again is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from keepcool.app.books.tables import entry, posting
from keepcool.core.errors import Malformed

POSTINGS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Period:
    """From `from_ms` on, before `to_ms`. Unix milliseconds."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Search:
    """How far postings were looked at; `found` is the first that is late enough."""

    after: int = 0
    found: int | None = None
    is_done: bool = False


def checked(from_ms: int, to_ms: int, now_ms: int) -> Period:
    """Raises Malformed: a period that has not ended would be another one the next time it is asked for."""
    if not 0 <= from_ms < to_ms:
        raise Malformed("statement.period", "a period starts before it ends")
    if to_ms > now_ms:
        raise Malformed("statement.future", "a period ends now at the latest")
    return Period(from_ms, to_ms)


def search(tx: Connection, since_ms: int, state: Search) -> Search:
    """One step: so many postings and no more, so that nobody waits for long."""
    last = int(tx.execute(select(func.max(posting.c.id))).scalar_one() or 0)
    upto = state.after + POSTINGS_AT_ONCE
    within = (posting.c.id > state.after, posting.c.id <= upto, posting.c.at_ms >= since_ms)
    found = tx.execute(select(func.min(posting.c.id)).where(*within)).scalar_one()
    return Search(upto, found, found is not None or upto >= last)


def first_entry(tx: Connection, number: int | None) -> int:
    """Of the posting; one beyond the last entry there is, where there is no such posting."""
    if number is None:
        return int(tx.execute(select(func.max(entry.c.id))).scalar_one() or 0) + 1
    return int(tx.execute(select(func.min(entry.c.id)).where(entry.c.posting == number)).scalar_one())
