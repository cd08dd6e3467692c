"""JSON for the pages' scripts and for `keepcool desk`: signing in, reading, deciding, ordering.

Laws: whatever changes something comes from our own origin with the session's token; a decision and an order
carry a signature, which the signers verify again; unknown fields are refused.
"""

from __future__ import annotations

import base64
from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from keepcool.core.approvals import Action, Decision
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.desk import people
from keepcool.desk.deciding import LIVES_S_DEFAULT, Wish, why_not_approved
from keepcool.desk.http import visitors
from keepcool.desk.http.gate import asker
from keepcool.desk.http.items import IntentHash
from keepcool.desk.http.parts import Given, Parts
from keepcool.desk.http.visitors import Acting, OwnPage, Signed
from keepcool.desk.past import plain
from keepcool.desk.rows import Row
from keepcool.desk.sorting import Order, Wanted, chosen
from keepcool.wire.proofs import Ed25519Proof, PasskeyProof
from keepcool.wire.reviews import ReviewAnswer

router = APIRouter(prefix="/api")
T = TypeVar("T")


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Begin(_Body, frozen=True):
    pass


class Finish(_Body, frozen=True):
    """`credential` of a passkey, or `key` of an Ed25519 key."""

    attempt: str
    proof: Ed25519Proof | PasskeyProof
    credential: str = ""
    key: str = ""


class Statements(_Body, frozen=True):
    decision: Decision
    intents: list[str]
    reason: str
    lives_s: int = LIVES_S_DEFAULT


class Decisions(_Body, frozen=True):
    statements: list[bytes]
    proof: Ed25519Proof | PasskeyProof


class DraftOrder(_Body, frozen=True):
    action: Action
    details: dict[str, str]
    document: str = ""


class SignedOrder(_Body, frozen=True):
    order: bytes
    proof: Ed25519Proof | PasskeyProof
    document: str = ""


@router.post("/sign-in/begin")
async def begin(request: Request, given: Given, _: OwnPage) -> Response:
    _slow_down(request, given)
    await read(request, Begin)
    attempt, answer = given.signing_in.begin(), await given.signers.people()
    return said(
        {
            "attempt": attempt.id,
            "statement": attempt.statement,
            "credentials": people.credentials(answer),
            "rp_id": given.settings.rp_id,
        }
    )


@router.post("/sign-in/finish")
async def finish(request: Request, given: Given, _: OwnPage) -> Response:
    _slow_down(request, given)
    body = await read(request, Finish)
    holder = await given.signing_in.finish(body.attempt, body.proof, key=body.key, credential=body.credential)
    identifier, session = given.sessions.begin(holder)
    answer = said(
        {
            "name": holder.name,
            "approver": holder.approver,
            "administrator": holder.administrator,
            "credential": holder.credential,
            "token": session.token,
        }
    )
    visitors.set_session(answer, given, identifier)
    return answer


@router.get("/queue")
async def queue(
    given: Given,
    _: Signed,
    order: Order = Order.NEWEST,
    text: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    shown = chosen(given.mirror.rows, Wanted(text=text, order=order, page=page))
    return said(
        {
            "items": [{**plain(one), **_written(given, one)} for one in shown.rows],
            "matching": shown.matching,
            "page": shown.page,
            "pages": shown.pages,
        }
    )


@router.get("/items/{intent_hash}")
async def item(given: Given, who: Signed, intent_hash: IntentHash) -> Response:
    """What both signers answered, whole: the reader decodes it himself."""
    found = await given.items.item(intent_hash)
    keeper = found.keeper
    return said(
        {
            "cooler": found.cooler,
            "keeper": keeper if isinstance(keeper, ReviewAnswer) else None,
            "keeper_error": keeper.code if isinstance(keeper, KeepcoolError) else "",
            "policies": list(found.policies),
            "differences": list(found.differences),
            "objection": why_not_approved(found, who.holder) or "",
        }
    )


@router.post("/statements")
async def statements(request: Request, given: Given, who: Acting) -> Response:
    body = await read(request, Statements)
    wish = Wish(body.decision, tuple(body.intents), body.reason, body.lives_s)
    return said({"statements": await given.deciding.statements(who.holder, wish)})


@router.post("/decisions")
async def decisions(request: Request, given: Given, who: Acting) -> Response:
    body = await read(request, Decisions)
    outcomes = await given.deciding.submit(who.holder, body.statements, body.proof)
    return said(
        {
            "results": [
                {
                    "intent": one.intent,
                    "service": one.service.value,
                    "sequence": one.sequence,
                    "code": one.code,
                    "error": one.error,
                }
                for one in outcomes
            ]
        }
    )


@router.post("/orders/draft")
async def draft_order(request: Request, given: Given, who: Acting) -> Response:
    body = await read(request, DraftOrder)
    order = await given.ordering.draft(who.holder, body.action, body.details, _unpacked(body.document))
    return said({"order": order})


@router.post("/orders")
async def orders(request: Request, given: Given, who: Acting) -> Response:
    body = await read(request, SignedOrder)
    carried = await given.ordering.submit(who.holder, body.order, body.proof, _unpacked(body.document))
    return said(
        {
            "results": [
                {"service": one.service.value, "state": one.state, "code": one.code, "error": one.error}
                for one in carried
            ]
        }
    )


async def read(request: Request, kind: type[T]) -> T:
    """The body as `kind`. Raises Malformed."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Malformed("request.json", "send application/json")
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("request.json", f"the request does not read: {str(error)[:200]}") from error


def said(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _written(given: Parts, row: Row) -> dict[str, object]:
    """What is left to do, and the amounts as the list writes them."""
    shown = [given.names.amount(asset, units) for asset, units in row.totals.items()]
    return {"needs": row.summary.needs, "shown": shown}


def _slow_down(request: Request, given: Given) -> None:
    if not given.sign_in_rate.allows(asker(request.scope, given)):
        raise Refused("request.rate", "too many attempts to sign in from here: wait a minute")


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("request.document", "a document travels in Base64") from error
