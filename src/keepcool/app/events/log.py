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
    or_,
    select,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from keepcool.app.store import NEWS, metadata
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


def append(
    tx: Connection, typ: str, about: Subject, data: Mapping[str, Plain], at_ms: int, *, version: int = VERSION
) -> Event:
    """In the transaction of the change."""
    text = canonical.encode(data).decode("ascii")
    one = Event((number := _drawn(tx)), _id(number, typ, text, at_ms), typ, version, at_ms, about, text)
    tx.execute(
        event_out.insert().values(
            cursor=number,
            id=one.id,
            type=typ,
            version=version,
            at_ms=at_ms,
            network=about.network,
            user=about.user,
            wallet=about.wallet,
            withdrawal=about.withdrawal,
            deposit=about.deposit,
            data=text,
        )
    )
    tx.info[NEWS] = True
    return one


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


def _drawn(tx: Connection) -> int:
    first = upsert(_last).values(id=1, last=1)
    drawn = first.on_conflict_do_update(index_elements=["id"], set_={"last": _last.c.last + 1})
    return int(tx.execute(drawn.returning(_last.c.last)).scalar_one())


def _id(cursor: int, typ: str, data: str, at_ms: int) -> str:
    return make_id(at_ms, hashlib.sha256(f"{cursor}\0{typ}\0{at_ms}\0{data}".encode("ascii")).digest())


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
