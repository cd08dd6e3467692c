"""Users: the owners of wallets, as their operator knows them. Nothing here is told to a signer but the id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Row, String, Table, select

from keepcool.app.store import metadata
from keepcool.core.errors import Conflict
from keepcool.core.ids import UserId

HOUSE = UserId("house")  # whose the pools are

user_ = Table(
    "user_",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("external_id", String(128), nullable=True, unique=True),
    Column("metadata", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class User:
    id: UserId
    external_id: str | None
    metadata: Mapping[str, str]
    created_at_ms: int


def dump(about: Mapping[str, str]) -> str:
    """Metadata as it is stored: one text per value, so that equal metadata are equal texts."""
    return json.dumps(dict(about), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def create_user(
    tx: Connection, *, user: UserId, external_id: str | None, about: Mapping[str, str], now_ms: int
) -> User:
    """The same external id with the same metadata is the same user; with other metadata a Conflict."""
    if external_id is not None:
        known = tx.execute(select(user_).where(user_.c.external_id == external_id)).one_or_none()
        if known is not None:
            if known.metadata != dump(about):
                raise Conflict("user.external_id_used", f"external_id {external_id} is another user's")
            return _user(known)
    same = tx.execute(select(user_).where(user_.c.id == user)).one_or_none()
    if same is None:
        row = {"id": user, "external_id": external_id, "metadata": dump(about), "created_at_ms": now_ms}
        tx.execute(user_.insert().values(**row))
    elif (same.external_id, same.metadata) != (external_id, dump(about)):
        raise Conflict("idempotency.key_reused", "this Idempotency-Key made another user")
    return get_user(tx, user)


def add_users(tx: Connection, made_at_ms: Mapping[UserId, int]) -> set[UserId]:
    """Bare ones, many at once; those that were not there."""
    known = set(tx.execute(select(user_.c.id).where(user_.c.id.in_(list(made_at_ms)))).scalars())
    rows = [
        {"id": user, "external_id": None, "metadata": dump({}), "created_at_ms": at_ms}
        for user, at_ms in made_at_ms.items()
        if user not in known
    ]
    if rows:
        tx.execute(user_.insert(), rows)
    return {user for user in made_at_ms if user not in known}


def get_user(tx: Connection, user: str) -> User:
    """Raises Conflict `user.not_found`."""
    row = tx.execute(select(user_).where(user_.c.id == user)).one_or_none()
    if row is None:
        raise Conflict("user.not_found", f"there is no user {user[:64]}")
    return _user(row)


def list_users(
    tx: Connection, *, limit: int, after: str | None = None, external_id: str | None = None
) -> list[User]:
    """In the order of their making; `after` is the id of the last one seen."""
    query = select(user_).order_by(user_.c.created_at_ms, user_.c.id).limit(limit)
    if external_id is not None:
        query = query.where(user_.c.external_id == external_id)
    if after is not None:
        seen = get_user(tx, after)
        at, same_time = user_.c.created_at_ms, user_.c.created_at_ms == seen.created_at_ms
        query = query.where((at > seen.created_at_ms) | (same_time & (user_.c.id > seen.id)))
    return [_user(row) for row in tx.execute(query)]


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(UserId(row.id), row.external_id, json.loads(row.metadata), row.created_at_ms)
