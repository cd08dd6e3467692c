"""The fence: what the work writes is written only in its own term.

Laws: a term begins in a transaction that counts it; every transaction of the work first sees, under the lock
of the one writer, that no later one has begun; so an App that was paused, or cut off, and does not know yet
that another leads, writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, select

from keepcool.app.leading.tables import leader
from keepcool.app.upserts import upsert
from keepcool.core.errors import Unavailable

_ID, _NAME_MAX = 1, 200


def begin(tx: Connection, name: str, now_ms: int) -> int:
    """The number of the term that begins now: beyond all before, and beyond those that books put back from a
    backup have forgotten, whose Apps may only be paused."""
    epoch = max(current(tx) + 1, now_ms)
    row = {"epoch": epoch, "name": name[:_NAME_MAX], "since_ms": now_ms}
    tx.execute(upsert(leader).values(id=_ID, **row).on_conflict_do_update(index_elements=["id"], set_=row))
    return epoch


def current(tx: Connection) -> int:
    # in plain words: every transaction of the work asks this, and building a statement takes longer than it
    return tx.exec_driver_sql(f"SELECT epoch FROM leader WHERE id = {_ID}").scalar_one_or_none() or 0  # noqa: S608 - our own number


def who(tx: Connection) -> str:
    """Which App leads, in words of its own."""
    return tx.execute(select(leader.c.name).where(leader.c.id == _ID)).scalar_one_or_none() or ""


def fence(epoch: int, overtaken: Callable[[], None]) -> Callable[[Connection], None]:
    """What every transaction of this term begins with. `overtaken` is called, in the books' thread, when a
    later term has begun."""

    def check(tx: Connection) -> None:
        if current(tx) != epoch:
            overtaken()
            raise Unavailable("lead.lost", "another App leads now: this one writes nothing more of its work")

    return check
