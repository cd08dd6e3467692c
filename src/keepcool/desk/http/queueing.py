"""The list of what waits, and what was decided before, as pages and as files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response, StreamingResponse

from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.desk import past
from keepcool.desk.http.parts import Given, Parts
from keepcool.desk.http.visitors import Signed
from keepcool.desk.naming import Names
from keepcool.desk.sorting import Order, Wanted, choices, chosen

router = APIRouter()
LIVES = ((3_600, "hour"), (86_400, "day"), (7 * 86_400, "week"))
KNOWN_STATES = frozenset({"waiting", "signed", "rejected", "expired", "silent"})
_TEXT_MAX = 200
Text = Annotated[str, Field(max_length=_TEXT_MAX)]
Asked = Annotated[str, Query(max_length=_TEXT_MAX)]


class Filters(BaseModel):
    """Of the list, as they stand in its address."""

    text: Text = ""
    network: Text = ""
    tier: Text = ""
    owner: Text = ""
    asset: Text = ""
    least: Text = ""
    most: Text = ""
    order: Order = Order.NEWEST
    page: Annotated[int, Field(ge=1, le=100_000)] = 1

    def wanted(self, names: Names) -> Wanted:
        """Raises Malformed on an amount that is none."""
        return Wanted(
            network=self.network,
            tier=self.tier,
            owner=self.owner.strip(),
            text=self.text.strip(),
            asset=self.asset,
            least=names.units(self.asset, self.least),
            most=names.units(self.asset, self.most),
            order=self.order,
            page=self.page,
        )

    def set(self) -> dict[str, str]:
        """Those that say something."""
        said = self.model_dump(exclude_defaults=True, exclude={"page"}, mode="json")
        return {name: str(value) for name, value in said.items()}


@router.get("/")
async def queue(given: Given, who: Signed, filters: Annotated[Filters, Query()]) -> Response:
    wanted, filled = filters.wanted(given.names), filters.set()
    rows, mirror = given.mirror.rows, given.mirror
    return HTMLResponse(
        given.renderer.page(
            "queue.html",
            who.language,
            section="queue",
            visitor=who,
            shown=chosen(rows, wanted),
            choices=choices(rows),
            wanted=wanted,
            least=filters.least,
            most=filters.most,
            filtered=bool(filled),
            query=lambda number: urlencode({**filled, "page": number}),
            waiting=mirror.news.waiting,
            version=mirror.news.version,
            newest=rows[0].summary.sequence if rows else 0,
            filled=mirror.filled,
            failing="" if mirror.failing is None else mirror.failing.code,
            lives=lives(given),
        )
    )


@router.get("/past")
async def decisions(
    given: Given,
    who: Signed,
    text: Asked = "",
    state: Asked = "signed",
    before: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    found = await past.shown(given.signers, _state(state), text.strip(), before)
    return HTMLResponse(
        given.renderer.page(
            "past.html",
            who.language,
            section="past",
            visitor=who,
            past=found,
            text=text,
            state=state,
            before=before,
            query=urlencode({"text": text, "state": state}),
            most=past.EXPORT_MAX,
            known_states=KNOWN_STATES,
        )
    )


@router.get("/past.csv")
async def as_csv(given: Given, _: Signed, text: Asked = "", state: Asked = "signed") -> Response:
    lines = _csv(given, _state(state), text.strip())
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=_file("decisions.csv"))


@router.get("/past.json")
async def as_json(given: Given, _: Signed, text: Asked = "", state: Asked = "signed") -> Response:
    chunks = _json(given, _state(state), text.strip())
    return StreamingResponse(chunks, media_type="application/json", headers=_file("decisions.json"))


def lives(given: Parts) -> list[tuple[int, str]]:
    """For how long a decision may count."""
    return [one for one in LIVES if one[0] <= given.settings.approval_lives_s_max]


async def _csv(given: Parts, state: str, text: str) -> AsyncIterator[str]:
    yield past.csv_line(None)
    try:
        async for row in past.exported(given.signers, state, text):
            yield past.csv_line(row)
    except KeepcoolError as error:  # the answer has begun: it says where it ends
        yield f"incomplete,{error.code}\r\n"


async def _json(given: Parts, state: str, text: str) -> AsyncIterator[str]:
    yield '{"items":['
    comma = ended = ""
    try:
        async for row in past.exported(given.signers, state, text):
            yield comma + json.dumps(past.plain(row), ensure_ascii=False)
            comma = ",\n"
    except KeepcoolError as error:
        ended = error.code
    yield f'],"incomplete":{json.dumps(ended)}}}'


def _state(text: str) -> str:
    """As the signers name it. Raises Malformed."""
    state = "" if text == "any" else text
    if state not in past.STATES:
        raise Malformed("filter.state", "a state is waiting, signed, rejected, expired or any")
    return state


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
