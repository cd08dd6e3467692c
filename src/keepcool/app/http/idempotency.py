"""Money moves once per Idempotency-Key.

The answer, status and body byte for byte, is stored in the same transaction as what was done. The same
key and body get it again; another body is refused. Decisions against the caller (refused, conflict) are
answers too. Duplicates that arrive together wait for each other in the one writer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, String, Table, select

from keepcool.app.http import problems
from keepcool.app.keys import ApiKey
from keepcool.app.store import Store, metadata
from keepcool.core.errors import Conflict, Malformed, Refused

JSON = "application/json"
REPLAYED = {"Idempotent-Replayed": "true"}

answered = Table(
    "idempotent_answer",
    metadata,
    Column("api_key", String(40), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="Required where money moves. The same key and body give the same answer again.",
    ),
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that may be a repetition: whose, under which key, and the hash of what it asks."""

    api_key: str
    key: str
    request: str


async def attempt(request: Request, api_key: ApiKey, key: str | None) -> Attempt:
    """Raises Malformed `idempotency.missing` without the header."""
    if not key:
        raise Malformed("idempotency.missing", "send an Idempotency-Key header: this call moves money")
    asked = b"\0".join((request.method.encode(), request.url.path.encode(), await request.body()))
    return Attempt(api_key.id, key, hashlib.sha256(asked).hexdigest())


def steady_id(prefix: str, attempt_: Attempt | None, random: bytes, index: int = 0) -> str:
    """An id of a new object: the same one for the same attempt, so that a repetition finds it."""
    if attempt_ is None:
        return f"{prefix}_{random.hex()}"
    whole = f"{attempt_.api_key}\n{attempt_.key}\n{index}".encode()
    return f"{prefix}_{hashlib.sha256(whole).hexdigest()[:32]}"


async def replay(store: Store, one: Attempt) -> Response | None:
    """The stored answer. Raises Conflict `idempotency.key_reused` when the key stands for another body."""
    return await store.read(lambda tx: _stored(tx, one))


async def once(
    store: Store, one: Attempt, now_ms: int, effect: Callable[[Connection], tuple[int, BaseModel]]
) -> Response:
    """Run `effect` and store its answer in one transaction, unless this was answered before. Anything
    but a decision (Unavailable, Breach, a fault) stores nothing and may be tried again."""

    def work(tx: Connection) -> Response:
        known = _stored(tx, one)
        if known is not None:
            return known
        status, media_type, body = _done(tx, effect)
        row = {"status": status, "media_type": media_type, "body": body, "at_ms": now_ms}
        tx.execute(answered.insert().values(api_key=one.api_key, key=one.key, request=one.request, **row))
        return Response(body, status, media_type=media_type)

    return await store.run(work)


def _done(tx: Connection, effect: Callable[[Connection], tuple[int, BaseModel]]) -> tuple[int, str, bytes]:
    try:
        with tx.begin_nested():  # a decision against the caller undoes what led to it
            status, body = effect(tx)
            return status, JSON, body.model_dump_json().encode("utf-8")
    except (Refused, Conflict, Malformed) as error:
        status, document = problems.told(error)
        return status, problems.MEDIA_TYPE, document


def _stored(tx: Connection, one: Attempt) -> Response | None:
    where = (answered.c.api_key == one.api_key, answered.c.key == one.key)
    row = tx.execute(select(answered).where(*where)).one_or_none()
    if row is None:
        return None
    if row.request != one.request:
        text = "this Idempotency-Key was used for another request; use a new key for a new request"
        raise Conflict("idempotency.key_reused", text)
    return Response(bytes(row.body), row.status, REPLAYED, row.media_type)
