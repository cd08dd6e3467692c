"""Corrections of the ledger, which take two people."""

from __future__ import annotations

import csv
import io
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.controls import corrections
from keepcool.app.controls.corrections import (
    LIFETIME_S_MAX,
    PERSON_CHARS_MAX,
    REFERENCE_CHARS_MAX,
    By,
    Correction,
    Proposal,
    State,
)
from keepcool.app.http import idempotency, paging
from keepcool.app.http.controls import Reason
from keepcool.app.http.fields import Asset, In, Out, Time, Units, UnitsOut
from keepcool.app.http.parts import Accountant, Auditor, Given
from keepcool.app.statements.writing import safe
from keepcool.core import ids

router = APIRouter(prefix="/v1/corrections", tags=["controls"])
Person = Annotated[
    str,
    StringConstraints(min_length=1, max_length=PERSON_CHARS_MAX),
    Field(description="Who holds the key."),
]
Account = Annotated[
    str,
    StringConstraints(min_length=6, max_length=120),
    Field(description="owed:WALLET, dust:WALLET, or house:WALLET where the wallet is in no pool."),
]
CorrectionPath = Annotated[str, Path(max_length=64)]
_EXPORT_MAX = 100_000
_DAY_S = 86_400


class CorrectionIn(In):
    """`amount` leaves `source` for `target`, both of one wallet or pool. `reference`: where the paper is."""

    source: Account
    target: Account
    asset: Asset
    amount: Units
    reason: Reason
    reference: Annotated[str, StringConstraints(min_length=1, max_length=REFERENCE_CHARS_MAX)]
    person: Person
    lifetime_s: Annotated[int, Field(ge=60, le=LIFETIME_S_MAX)] = _DAY_S


class ApproveIn(In):
    """`digest`: of the proposal as you have read it."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    person: Person


class RejectIn(In):
    person: Person
    reason: Reason


class ByOut(Out):
    key: str
    name: str
    person: str


class CorrectionOut(Out):
    """`posting`: its number in the ledger, once applied."""

    id: str
    state: Annotated[str, Field(description="proposed | applied | rejected")]
    digest: str
    source: str
    target: str
    asset: str
    amount: UnitsOut
    reason: str
    reference: str
    proposed: ByOut
    proposed_at_ms: Time
    expires_at_ms: Time
    decided: ByOut | None
    decided_reason: str | None
    decided_at_ms: Time | None
    posting: int | None


class CorrectionsOut(Out):
    items: list[CorrectionOut]
    next: str | None


class CorrectionFilter(paging.Page):
    state: State | None = None


@router.post("", status_code=201, response_model=CorrectionOut, summary="Propose a correction")
async def propose(
    *,
    request: Request,
    given: Given,
    caller: Accountant,
    body: CorrectionIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> Response:
    """Nothing moves before another person approves it by another key. Needs an Idempotency-Key."""
    attempt = await idempotency.attempt(request, caller, idempotency_key)
    now_ms, who = given.clock.now_ms(), corrections.by(caller, body.person)
    wanted = Proposal(
        id=idempotency.steady_id("cor", attempt, b""),
        source=body.source,
        target=body.target,
        asset=ids.asset_id(body.asset),
        units=int(body.amount),
        reason=body.reason,
        reference=body.reference,
        expires_at_ms=now_ms + body.lifetime_s * 1000,
    )

    def effect(tx: Connection) -> tuple[int, CorrectionOut]:
        return 201, _out(corrections.propose(tx, wanted, who, now_ms))

    return await idempotency.once(given.store, attempt, now_ms, effect)


@router.post("/{correction}/approve", summary="Approve and apply somebody else's correction")
async def approve(
    given: Given, caller: Accountant, correction: CorrectionPath, body: ApproveIn
) -> CorrectionOut:
    """By a key and person other than those that proposed it, and for exactly these words and numbers."""
    who, now_ms = corrections.by(caller, body.person), given.clock.now_ms()
    return _out(
        await given.store.run(lambda tx: corrections.approve(tx, correction, body.digest, who, now_ms))
    )


@router.post("/{correction}/reject", summary="Reject a correction")
async def reject(
    given: Given, caller: Accountant, correction: CorrectionPath, body: RejectIn
) -> CorrectionOut:
    """One's own as well."""
    who, now_ms = corrections.by(caller, body.person), given.clock.now_ms()
    return _out(
        await given.store.run(lambda tx: corrections.reject(tx, correction, who, body.reason, now_ms))
    )


@router.get("", summary="Corrections, newest first")
async def list_corrections(
    given: Given, _: Auditor, page: Annotated[CorrectionFilter, Query()]
) -> CorrectionsOut:
    before = paging.decode_number("corrections", page.cursor)
    rows = await given.store.read(
        lambda tx: corrections.listed(tx, limit=page.limit + 1, before=before, state=page.state)
    )
    cut, following = paging.cut("corrections", rows, page.limit, lambda one: str(one.number))
    return CorrectionsOut(items=[_out(one) for one in cut], next=following)


@router.get("/export", summary="All corrections as CSV, newest first", response_class=Response)
async def export(given: Given, _: Auditor) -> Response:
    """Texts that a spreadsheet would take for formulas get an apostrophe before them."""
    rows = await given.store.read(lambda tx: corrections.listed(tx, limit=_EXPORT_MAX))
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(list(CorrectionOut.model_fields))
    for one in rows:
        told = _out(one).model_dump()
        table.writerow([safe(_cell(value)) for value in told.values()])
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8")


@router.get("/{correction}", summary="One correction")
async def get_correction(given: Given, _: Auditor, correction: CorrectionPath) -> CorrectionOut:
    return _out(await given.store.read(lambda tx: corrections.get(tx, correction)))


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return f"{value['person']} ({value['name']}, {value['key']})"
    return "" if value is None else str(value)


def _out(one: Correction) -> CorrectionOut:
    wanted = one.proposal
    return CorrectionOut(
        id=wanted.id,
        state=one.state.value,
        digest=one.digest,
        source=wanted.source,
        target=wanted.target,
        asset=wanted.asset,
        amount=str(wanted.units),
        reason=wanted.reason,
        reference=wanted.reference,
        proposed=_by(one.proposed),
        proposed_at_ms=one.proposed_at_ms,
        expires_at_ms=wanted.expires_at_ms,
        decided=None if one.decided is None else _by(one.decided),
        decided_reason=one.decided_reason,
        decided_at_ms=one.decided_at_ms,
        posting=one.posting,
    )


def _by(who: By) -> ByOut:
    return ByOut(key=who.key, name=who.name, person=who.person)
