"""Webhooks as rows: where events are posted, which of them, and under which secrets.

Laws: a secret is shown once, when it is made, and kept only sealed for this service with the webhook's id
bound in: whoever reads the database can neither forge a delivery nor move a secret to another webhook. While
one secret is exchanged for another both sign.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    func,
    select,
)

from keepcool.app.events.deliveries_table import delivery
from keepcool.app.store import metadata
from keepcool.core.errors import Conflict, Refused
from keepcool.ports.system import Entropy
from keepcool.ports.webhooks import Sealer
from keepcool.wire import webhooks

ABOUT_CHARS_MAX = 200

webhook = Table(
    "webhook",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("url", String(1000), nullable=False),
    Column("types", String, nullable=False),  # JSON list of patterns
    Column("about", String(ABOUT_CHARS_MAX), nullable=False),
    Column("secret", LargeBinary, nullable=False),  # sealed
    Column("old_secret", LargeBinary, nullable=True),  # sealed; signs too until `old_until_ms`
    Column("old_until_ms", BigInteger, nullable=True),
    Column("cursor", BigInteger, nullable=False),  # up to here each was delivered or has a delivery's row
    Column("active", Boolean, nullable=False),
    Column("reason", String, nullable=False),  # why it is not active
    Column("failures", Integer, nullable=False),  # rounds in a row in which nothing was taken
    Column("paused_until_ms", BigInteger, nullable=False),
    Column("failing_since_ms", BigInteger, nullable=True),
    Column("delivered", BigInteger, nullable=False),
    Column("problem", String, nullable=False),  # of the last delivery that failed
    Column("created_at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Without its secrets."""

    number: int
    id: str
    url: str
    types: tuple[str, ...]
    about: str
    cursor: int
    active: bool
    reason: str
    failures: int
    paused_until_ms: int
    failing_since_ms: int | None
    delivered: int
    problem: str
    rotating_until_ms: int | None
    created_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """`cursor`: the event after which it begins."""

    url: str
    types: tuple[str, ...]
    about: str
    cursor: int


def add(
    tx: Connection, new: NewWebhook, *, most: int, sealer: Sealer, entropy: Entropy, now_ms: int
) -> tuple[Webhook, str]:
    """The webhook and its secret's text, which exists nowhere else. Raises Refused when there are as many
    as may be, Conflict when one posts the same there already."""
    rows = listed(tx)
    if len(rows) >= most:
        raise Refused("webhook.too_many", f"there are {most} webhooks already; remove one first")
    if any((one.url, one.types) == (new.url, new.types) for one in rows):
        raise Conflict("webhook.exists", "a webhook with this URL and these types is there already")
    name, secret = f"whk_{entropy(10).hex()}", webhooks.new_secret(entropy)
    tx.execute(
        webhook.insert().values(
            id=name,
            url=new.url,
            types=json.dumps(new.types),
            about=new.about,
            secret=sealer.seal(_context(name), secret),
            cursor=new.cursor,
            active=True,
            reason="",
            failures=0,
            paused_until_ms=0,
            delivered=0,
            problem="",
            created_at_ms=now_ms,
        )
    )
    return get(tx, name), webhooks.shown(secret)


def rotate(
    tx: Connection, name: str, *, overlap_ms: int, sealer: Sealer, entropy: Entropy, now_ms: int
) -> tuple[Webhook, str]:
    """A new secret; the one before signs as well for `overlap_ms`, and the one before that no longer."""
    before = _row(tx, name)
    secret = webhooks.new_secret(entropy)
    old = {"old_secret": before.secret, "old_until_ms": now_ms + overlap_ms} if overlap_ms else {}
    none = {"old_secret": None, "old_until_ms": None}
    update(tx, name, secret=sealer.seal(_context(name), secret), **(none | old))
    return get(tx, name), webhooks.shown(secret)


def secrets(tx: Connection, name: str, sealer: Sealer, now_ms: int) -> tuple[bytes, ...]:
    """Those that sign now, the newest first."""
    row = _row(tx, name)
    sealed: list[bytes] = [row.secret]
    if row.old_secret is not None and now_ms < row.old_until_ms:
        sealed.append(row.old_secret)
    return tuple(sealer.open(_context(name), bytes(one)) for one in sealed)


def remove(tx: Connection, name: str) -> Webhook:
    one = get(tx, name)
    tx.execute(delivery.delete().where(delivery.c.webhook == name))
    tx.execute(webhook.delete().where(webhook.c.id == name))
    return one


def enable(tx: Connection, name: str) -> Webhook:
    """It goes on where it stopped."""
    update(tx, name, active=True, reason="", failures=0, paused_until_ms=0, failing_since_ms=None)
    return get(tx, name)


def update(tx: Connection, name: str, **columns: object) -> None:
    """Raises Conflict `webhook.not_found`."""
    get(tx, name)
    tx.execute(webhook.update().where(webhook.c.id == name).values(**columns))


def get(tx: Connection, name: str) -> Webhook:
    return _webhook(_row(tx, name))


def find(tx: Connection, name: str) -> Webhook | None:
    row = tx.execute(select(webhook).where(webhook.c.id == name)).one_or_none()
    return None if row is None else _webhook(row)


def listed(tx: Connection, *, active: bool | None = None) -> Sequence[Webhook]:
    """In the order of their making."""
    query = select(webhook).order_by(webhook.c.number)
    if active is not None:
        query = query.where(webhook.c.active.is_(active))
    return [_webhook(row) for row in tx.execute(query)]


def waiting(tx: Connection, name: str) -> tuple[int, int]:
    """How many deliveries are to be tried again, and how many were given up."""
    query = select(delivery.c.dead, func.count()).where(delivery.c.webhook == name).group_by(delivery.c.dead)
    found = {bool(dead): int(count) for dead, count in tx.execute(query)}
    return found.get(False, 0), found.get(True, 0)


def _context(name: str) -> bytes:
    return b"keepcool webhook " + name.encode("ascii")


def _row(tx: Connection, name: str) -> Row[tuple[object, ...]]:
    row = tx.execute(select(webhook).where(webhook.c.id == name)).one_or_none()
    if row is None:
        raise Conflict("webhook.not_found", f"there is no webhook {name[:64]}")
    return row


def _webhook(row: Row[tuple[object, ...]]) -> Webhook:
    return Webhook(
        number=row.number,
        id=row.id,
        url=row.url,
        types=tuple(json.loads(row.types)),
        about=row.about,
        cursor=row.cursor,
        active=row.active,
        reason=row.reason,
        failures=row.failures,
        paused_until_ms=row.paused_until_ms,
        failing_since_ms=row.failing_since_ms,
        delivered=row.delivered,
        problem=row.problem,
        rotating_until_ms=row.old_until_ms,
        created_at_ms=row.created_at_ms,
    )
