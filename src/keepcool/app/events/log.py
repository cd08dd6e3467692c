"""The log of events: what changed, in the order in which it was committed.

Laws: an event is appended in the database transaction of the change it tells, so both stand or neither; a
cursor is drawn from one row that stays locked until that transaction ends (in SQLite every transaction is
alone from its begin on), so cursors have no gap and grow in the order of commits: whoever has read up to one
never misses a smaller one; rows are never changed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    or_,
    select,
)

from keepcool.app.store import NEWS, metadata
from keepcool.app.upserts import upsert
from keepcool.core import canonical
from keepcool.core.canonical import Plain

VERSION = 1
_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")

event_out = Table(
    "event_out",
    metadata,
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(40), nullable=False, unique=True),
    Column("type", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("network", String(64), nullable=True),
    Column("user", String(64), nullable=True),
    Column("wallet", String(64), nullable=True),
    Column("withdrawal", String(64), nullable=True),
    Column("deposit", String(64), nullable=True),
    Column("data", String, nullable=False),  # canonical JSON
    Index("event_out_user", "user", "cursor"),
    Index("event_out_wallet", "wallet", "cursor"),
    Index("event_out_withdrawal", "withdrawal", "cursor"),
    Index("event_out_deposit", "deposit", "cursor"),
)

_last = Table(
    "event_cursor",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

# built once: these run with every change of state
_INSERT = event_out.insert()
_DRAW = (
    upsert(_last)
    .values(id=1, last=bindparam("first"))
    .on_conflict_do_update(index_elements=["id"], set_={"last": _last.c.last + bindparam("count")})
    .returning(_last.c.last)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom and what an event is about, as far as it is about any."""

    network: str | None = None
    user: str | None = None
    wallet: str | None = None
    withdrawal: str | None = None
    deposit: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """`data` is canonical JSON; its fields depend on `type` and are only ever added to within `version`."""

    cursor: int
    id: str
    type: str
    version: int
    at_ms: int
    subject: Subject
    data: str

    def body(self) -> bytes:
        """The one form in which it is sent: canonical JSON."""
        head = f'{{"at_ms":{self.at_ms},"cursor":{self.cursor},"data":{self.data},"id":"{self.id}"'
        tail = f',"timestamp":"{_timestamp(self.at_ms)}","type":"{self.type}","version":{self.version}}}'
        return (head + tail).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """All that are named must fit; nothing named means everything. `types` are patterns."""

    types: Sequence[str] = ()
    subject: Subject = Subject()


@dataclass(frozen=True, slots=True)
class News:
    """An event that is to be appended."""

    type: str
    subject: Subject
    data: Mapping[str, Plain]
    version: int = VERSION


def append(tx: Connection, news: News, at_ms: int) -> Event:
    """In the transaction of the change."""
    return append_all(tx, (news,), at_ms)[0]


def append_all(tx: Connection, news: Sequence[News], at_ms: int) -> list[Event]:
    """The same for many, in this order."""
    if not news:
        return []
    first = _drawn(tx, len(news)) - len(news) + 1
    events = [_made(first + at, one, at_ms) for at, one in enumerate(news)]
    tx.execute(_INSERT, [_row(one) for one in events])
    tx.info[NEWS] = True
    return events


def list_after(tx: Connection, cursor: int, *, limit: int, wanted: Filter | None = None) -> list[Event]:
    """At most `limit` of those beyond `cursor`, in order."""
    query = select(event_out).where(event_out.c.cursor > cursor).order_by(event_out.c.cursor).limit(limit)
    if wanted is not None:
        if wanted.types:
            query = query.where(or_(*(_fits(one) for one in wanted.types)))
        for name in ("network", "user", "wallet", "withdrawal", "deposit"):
            value = getattr(wanted.subject, name)
            if value is not None:
                query = query.where(event_out.c[name] == value)
    return [_event(row) for row in tx.execute(query)]


def at_cursors(tx: Connection, cursors: Sequence[int]) -> list[Event]:
    """Those of these cursors, in order."""
    query = select(event_out).where(event_out.c.cursor.in_(cursors)).order_by(event_out.c.cursor)
    return [_event(row) for row in tx.execute(query)]


def last_cursor(tx: Connection) -> int:
    """Of the newest event, 0 before the first."""
    found = tx.execute(select(_last.c.last)).scalar_one_or_none()
    return 0 if found is None else int(found)


def make_id(at_ms: int, random: bytes) -> str:
    """A ULID: 48 bits of time and 80 that make it unlike any other."""
    whole = (at_ms & (2**48 - 1)).to_bytes(6, "big") + random[:10]
    # Crockford's base 32 counts the 130 bits of 26 digits from the right, so two zero bits stand before
    padded = (int.from_bytes(whole, "big") << 30).to_bytes(20, "big")
    return "evt_" + base64.b32encode(padded).decode("ascii")[:26].translate(_CROCKFORD)


def _fits(pattern: str) -> ColumnElement[bool]:
    if pattern.endswith("*"):
        return event_out.c.type.startswith(pattern[:-1], autoescape=True)
    return event_out.c.type == pattern


def _drawn(tx: Connection, count: int) -> int:
    """The last of so many."""
    return int(tx.execute(_DRAW, {"first": count, "count": count}).scalar_one())


def _made(cursor: int, news: News, at_ms: int) -> Event:
    data = canonical.encode(news.data).decode("ascii")
    # the id needs no luck: nothing else has this cursor and says the same
    mark = hashlib.sha256(f"{cursor}\0{news.type}\0{at_ms}\0{data}".encode("ascii")).digest()
    return Event(cursor, make_id(at_ms, mark), news.type, news.version, at_ms, news.subject, data)


def _row(one: Event) -> dict[str, object]:
    return {
        "cursor": one.cursor,
        "id": one.id,
        "type": one.type,
        "version": one.version,
        "at_ms": one.at_ms,
        "network": one.subject.network,
        "user": one.subject.user,
        "wallet": one.subject.wallet,
        "withdrawal": one.subject.withdrawal,
        "deposit": one.subject.deposit,
        "data": one.data,
    }


def _timestamp(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _event(row: Row[tuple[object, ...]]) -> Event:
    return Event(
        cursor=row.cursor,
        id=row.id,
        type=row.type,
        version=row.version,
        at_ms=row.at_ms,
        subject=Subject(
            network=row.network,
            user=row.user,
            wallet=row.wallet,
            withdrawal=row.withdrawal,
            deposit=row.deposit,
        ),
        data=row.data,
    )
