"""The page of one payment, and its drafts as files."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.responses import HTMLResponse, Response

from keepcool.core.approvals import Approval, Decision
from keepcool.core.errors import Conflict, KeepcoolError
from keepcool.core.intent import parse_intent
from keepcool.desk import inspecting, past
from keepcool.desk.deciding import Wish, state_at, statement_of, why_not_approved
from keepcool.desk.http.parts import Given, Parts
from keepcool.desk.http.queueing import KNOWN_STATES, lives
from keepcool.desk.http.visitors import Signed, Visitor
from keepcool.desk.item import Item
from keepcool.desk.people import Holder
from keepcool.desk.recount import Recount
from keepcool.wire.messages import VerdictItem
from keepcool.wire.reviews import GivenApproval, ReviewAnswer, WindowUse

router = APIRouter()
IntentHash = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]
_OUTCOMES = frozenset({"approved", "denied", "needs_review", "failed"})


@router.get("/items/{intent_hash}")
async def item_page(given: Given, who: Signed, intent_hash: IntentHash) -> Response:
    try:
        item = await given.items.item(intent_hash)
    except Conflict as error:
        if error.code != "review.no_draft":
            raise
        return await _ended(given, who, intent_hash)
    values = shown(given, item, who.holder)
    return HTMLResponse(
        given.renderer.page("item.html", who.language, section="queue", visitor=who, **values)
    )


async def _ended(given: Parts, who: Visitor, intent_hash: str) -> Response:
    """What is left of one whose drafts are gone: the intent's bytes and what was decided."""
    row = await past.ended(given.signers, intent_hash)
    intent = None if row.broken else parse_intent(row.summary.intent)
    return HTMLResponse(
        given.renderer.page(
            "ended.html",
            who.language,
            section="past",
            visitor=who,
            row=row,
            intent=intent,
            known_states=KNOWN_STATES,
        )
    )


@router.get("/items/{intent_hash}/drafts/{place}")
async def draft(
    given: Given, _: Signed, intent_hash: IntentHash, place: Annotated[int, InPath(ge=0, le=1_000)]
) -> Response:
    found = (await given.items.item(intent_hash)).found
    if isinstance(found, KeepcoolError):
        raise found
    if place >= len(found.drafts):
        raise Conflict("draft.not_found", "there is no such draft")
    one = found.drafts[place]
    name = inspecting.file_name(found.record, one.sha256)
    return Response(
        inspecting.file_bytes(found.record, one.raw),
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def shown(given: Parts, item: Item, holder: Holder) -> dict[str, object]:
    """What the template is given."""
    found = item.found if isinstance(item.found, Recount) else None
    keeper = item.keeper if isinstance(item.keeper, ReviewAnswer) else None
    answers = [("Cooler", item.cooler)] + ([("Keeper", keeper)] if keeper else [])
    now_s = given.clock.now_ms() // 1000
    return {
        "item": item,
        "found": found,
        "keeper": keeper,
        "effects": found.dearest.effects if found else None,
        "intent_id": found.intent.intent if found else item.hash[:16],
        "states": [("Cooler", state_at(item.cooler)), ("Keeper", state_at(item.keeper))],
        "known_states": KNOWN_STATES,
        "known_outcomes": _OUTCOMES,
        "answers": answers,
        "verdicts_of": [(name, *_verdicts(answer.verdicts)) for name, answer in answers],
        "approvals_of": [(name, _given(answer)) for name, answer in answers],
        "commands": _commands(given, found),
        "statements": {one.value: _statement(item, holder, one, now_s) for one in Decision},
        "intent_base64": base64.b64encode(item.cooler.summary.intent).decode("ascii"),
        "objection": "" if (objection := why_not_approved(item, holder)) is None else objection.name.lower(),
        "already": any(one.approver == holder.approver for one in item.cooler.summary.approvals),
        "lives": lives(given),
        "share": _share,
    }


def _statement(item: Item, holder: Holder, decision: Decision, now_s: int) -> Approval:
    """What the page's script holds the desk to."""
    return statement_of(item, holder.approver, Wish(decision, (item.hash,), "-"), now_s)


def _verdicts(verdicts: Sequence[VerdictItem]) -> tuple[list[VerdictItem], int]:
    """Those that object, and how many agree."""
    objecting = [one for one in verdicts if one.outcome != "approved"]
    return objecting, len(verdicts) - len(objecting)


def _given(answer: ReviewAnswer) -> list[GivenApproval]:
    return list(answer.summary.approvals)


def _commands(given: Parts, found: Recount | None) -> list[str]:
    if found is None:
        return []
    return [inspecting.command(found.record, one.sha256, given.families) for one in found.drafts]


def _share(use: WindowUse) -> int:
    """Of the cap, in percent."""
    if not use.cap.isdigit() or not use.spent.isdigit() or int(use.cap) == 0:
        return 100
    return min(int(use.spent) * 100 // int(use.cap), 100)
