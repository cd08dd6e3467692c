"""Suspensions, and dust that is credited by hand."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.config import AppSettings, find_asset
from keepcool.app.controls import dust, suspensions
from keepcool.app.controls.reasons import REASON_CHARS_MAX
from keepcool.app.controls.suspensions import Deposits, Kind, Suspension, Wish
from keepcool.app.http import chain, paging
from keepcool.app.http.fields import In, Out, Time
from keepcool.app.http.parts import Accountant, Given, Reader, Support
from keepcool.app.keys import ApiKey, Scope
from keepcool.core.errors import Malformed, Refused

router = APIRouter(prefix="/v1", tags=["controls"])
Reason = Annotated[str, StringConstraints(min_length=1, max_length=REASON_CHARS_MAX)]
Subject = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(description="A user's id, an asset (CAIP-19) or a network (CAIP-2)."),
]


class SuspendIn(In):
    """`deposits`: hold leaves what comes in of an asset or network pending until it is resumed."""

    kind: Literal["user", "asset", "network"]
    subject: Subject
    reason: Reason
    deposits: Literal["credit", "hold"] = "credit"


class ResumeIn(In):
    kind: Literal["user", "asset", "network"]
    subject: Subject
    reason: Reason


class SuspensionOut(Out):
    """In force until `ended_at_ms` is told. `by` and `ended_by`: names of API keys."""

    number: int
    kind: str
    subject: str
    deposits: str
    reason: str
    by: str
    at_ms: Time
    ended_reason: str | None
    ended_by: str | None
    ended_at_ms: Time | None


class SuspensionsOut(Out):
    items: list[SuspensionOut]
    next: str | None


class SuspensionFilter(paging.Page):
    active: Annotated[bool, Field(description="Only those in force.")] = False


class ReasonIn(In):
    reason: Reason


@router.post("/suspensions", status_code=201, summary="Suspend a user, an asset or a network")
async def suspend(given: Given, caller: Support, body: SuspendIn) -> SuspensionOut:
    """No withdrawals, transfers or, of a user, new addresses, until it is resumed; what was asked for waits.
    The same again changes nothing."""
    kind = Kind(body.kind)
    _check(given.settings, caller, kind, body.subject)
    wish = Wish(kind, body.subject, body.reason, caller.name, Deposits(body.deposits))
    now_ms = given.clock.now_ms()
    return _out(await given.store.run(lambda tx: suspensions.suspend(tx, wish, now_ms)))


@router.post("/suspensions/resume", summary="End a suspension")
async def resume(given: Given, caller: Support, body: ResumeIn) -> SuspensionOut:
    """What waited goes on."""
    kind, now_ms = Kind(body.kind), given.clock.now_ms()
    _check(given.settings, caller, kind, body.subject)

    def work(tx: Connection) -> Suspension:
        return suspensions.resume(tx, kind, body.subject, reason=body.reason, by=caller.name, at_ms=now_ms)

    ended = await given.store.run(work)
    given.engine.wake()
    return _out(ended)


@router.get("/suspensions", summary="Suspensions, newest first, those that have ended as well")
async def list_suspensions(
    given: Given, _: Reader, page: Annotated[SuspensionFilter, Query()]
) -> SuspensionsOut:
    before = paging.decode_number("suspensions", page.cursor)
    rows = await given.store.read(
        lambda tx: suspensions.listed(tx, limit=page.limit + 1, before=before, active=page.active)
    )
    cut, following = paging.cut("suspensions", rows, page.limit, lambda one: str(one.number))
    return SuspensionsOut(items=[_out(one) for one in cut], next=following)


@router.post("/deposits/{deposit}/credit", summary="Credit a deposit that is dust to its owner")
async def credit(
    given: Given, caller: Accountant, deposit: Annotated[str, Path(max_length=64)], body: ReasonIn
) -> chain.DepositOut:
    """Asked for again it changes nothing."""
    now_ms = given.clock.now_ms()
    one = await given.store.run(
        lambda tx: dust.credit(tx, deposit, by=caller.name, reason=body.reason, at_ms=now_ms)
    )
    return chain.deposit_out(given.settings, one)


def _check(settings: AppSettings, caller: ApiKey, kind: Kind, subject: str) -> None:
    """Raises Malformed on what is not configured here, Refused for a whole asset or network without admin."""
    if kind is Kind.USER:
        return
    if not caller.may(Scope.ADMIN):
        raise Refused("auth.scope", f"to suspend or resume {kind.value}s a key needs the scope admin")
    known = find_asset(settings, subject) if kind is Kind.ASSET else settings.networks.get(subject)
    if known is None:
        raise Malformed(f"{kind.value}.unknown", f"{kind.value} {subject[:200]} is not configured here")


def _out(one: Suspension) -> SuspensionOut:
    return SuspensionOut(
        number=one.number,
        kind=one.kind.value,
        subject=one.subject,
        deposits=one.deposits.value,
        reason=one.reason,
        by=one.by,
        at_ms=one.at_ms,
        ended_reason=one.ended_reason,
        ended_by=one.ended_by,
        ended_at_ms=one.ended_at_ms,
    )
