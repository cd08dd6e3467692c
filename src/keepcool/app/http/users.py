"""/v1/users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from sqlalchemy import Connection

from keepcool.app.books import people
from keepcool.app.books.people import User
from keepcool.app.controls import suspensions
from keepcool.app.controls.suspensions import Kind, Suspension
from keepcool.app.http import idempotency, paging
from keepcool.app.http.fields import ExternalId, In, Metadata, Out, Time
from keepcool.app.http.parts import Given, Reader, UserMaker
from keepcool.core.ids import UserId

router = APIRouter(prefix="/v1/users", tags=["users"])
UserPath = Annotated[str, Path(max_length=64)]


class UserIn(In):
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)


class UserOut(Out):
    id: str
    external_id: str | None
    metadata: dict[str, str]
    suspended: Annotated[str | None, Field(description="Why nothing is paid out; null while it is.")]
    created_at_ms: Time


class UsersOut(Out):
    items: list[UserOut]
    next: str | None


class UserFilter(paging.Page):
    external_id: ExternalId | None = None


def shown(user: User, held: Suspension | None = None) -> UserOut:
    return UserOut(
        id=user.id,
        external_id=user.external_id,
        metadata=dict(user.metadata),
        suspended=None if held is None else held.reason,
        created_at_ms=user.created_at_ms,
    )


@router.post("", status_code=201, summary="Make a user")
async def make_user(
    *,
    request: Request,
    given: Given,
    caller: UserMaker,
    body: UserIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> UserOut:
    """Asking again with the same external_id (or Idempotency-Key) and content gives the same user."""
    attempt = await idempotency.attempt(request, caller, idempotency_key) if idempotency_key else None
    user = UserId(idempotency.steady_id("usr", attempt, given.entropy(16)))
    now_ms = given.clock.now_ms()
    made = await given.store.run(
        lambda tx: people.create_user(
            tx, user=user, external_id=body.external_id, about=body.metadata, now_ms=now_ms
        )
    )
    return shown(made, await given.store.run(lambda tx: suspensions.find(tx, Kind.USER, made.id)))


@router.get("", summary="List users")
async def list_users(given: Given, _: Reader, page: Annotated[UserFilter, Query()]) -> UsersOut:
    after = paging.decode_cursor("users", page.cursor)
    rows = await given.store.read(
        lambda tx: people.list_users(tx, limit=page.limit + 1, after=after, external_id=page.external_id)
    )
    cut, following = paging.cut("users", rows, page.limit, lambda user: user.id)
    named = [user.id for user in cut]
    held = await given.store.read(lambda tx: suspensions.of_subjects(tx, Kind.USER, named))
    return UsersOut(items=[shown(user, held.get(user.id)) for user in cut], next=following)


@router.get("/{user}", summary="One user")
async def get_user(given: Given, _: Reader, user: UserPath) -> UserOut:
    def work(tx: Connection) -> UserOut:
        return shown(people.get_user(tx, user), suspensions.find(tx, Kind.USER, user))

    return await given.store.read(work)
