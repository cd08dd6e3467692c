"""The page of freezes and orders."""

from __future__ import annotations

import base64
import json

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from keepcool.core.errors import KeepcoolError
from keepcool.core.parties import Service
from keepcool.desk import diffs
from keepcool.desk.diffs import Line
from keepcool.desk.http.parts import Given
from keepcool.desk.http.visitors import Signed
from keepcool.desk.ordering import OPEN_STATES, Open, cancelling
from keepcool.desk.signers import SIGNERS, Both
from keepcool.wire.reviews import PeopleAnswer

router = APIRouter()
LEVELS = ("all", "network", "asset", "wallet", "harbor")
_HASHES = frozenset({"document", "previous", "report", "record"})  # details that are hashes
_STATES = frozenset({*OPEN_STATES, "done", "cancelled", "expired"})


@router.get("/orders")
async def orders(given: Given, who: Signed) -> Response:
    found, people = await given.ordering.pending()
    return HTMLResponse(
        given.renderer.page(
            "orders.html",
            who.language,
            section="orders",
            visitor=who,
            orders=found,
            people=[_said(one, people) for one in SIGNERS],
            levels=LEVELS,
            known_states=_STATES,
            hashes=_HASHES,
            diffs={one.order: _diff(one) for one in found},
            encoded={one.order: base64.b64encode(one.encoded).decode("ascii") for one in found},
            cancels={one.order: _cancel(one) for one in found},
        )
    )


def _said(
    service: Service, people: Both[PeopleAnswer]
) -> tuple[str, PeopleAnswer | None, KeepcoolError | None]:
    answer = people.of(service)
    name = service.value.capitalize()
    return (name, None, answer) if isinstance(answer, KeepcoolError) else (name, answer, None)


def _diff(one: Open) -> list[Line]:
    """Against the policy in force of the signer it is for."""
    return diffs.lines(one.in_force, one.document) if one.document and one.in_force else []


def _cancel(one: Open) -> dict[str, str] | None:
    found = cancelling(one)
    return None if found is None else {"action": found[0].value, "details": json.dumps(found[1])}
