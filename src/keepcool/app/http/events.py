"""Everything that changed, in order: as pages, and as a stream that goes on."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.events import kinds, log
from keepcool.app.events.log import Event, Filter, Subject
from keepcool.app.http import paging
from keepcool.app.http.fields import Id, In, Network, Out, Time
from keepcool.app.http.parts import Given, Reader
from keepcool.app.http.streaming import EventStream
from keepcool.core.errors import Conflict, Malformed, Unavailable

router = APIRouter(prefix="/v1", tags=["events"])
_CURSOR_MAX = 2**62
Cursor = Annotated[int, Field(ge=0, le=_CURSOR_MAX, description="Of the last event you have seen.")]
Types = Annotated[
    str,
    StringConstraints(max_length=2000),
    Field(description="Patterns, comma-separated: withdrawal.confirmed,deposit.*"),
]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events; id is the cursor."}
}


class EventOut(Out):
    """What a webhook's body and a stream's data are, too. `data` has fields by type; more may be added."""

    id: str
    cursor: Annotated[int, Field(description="Grows by one with every event.")]
    type: str
    version: int
    at_ms: Time
    timestamp: str
    data: dict[str, Any]


class EventsOut(Out):
    items: list[EventOut]
    next: str | None


class _Wanted(In):
    after: Cursor | None = None
    types: Types = ""
    network: Network | None = None
    user: Id | None = None
    wallet: Id | None = None
    withdrawal: Id | None = None
    deposit: Id | None = None

    def filter(self) -> Filter:
        """Raises Malformed `webhook.types` on a pattern that fits nothing."""
        return Filter(
            types=kinds.check_patterns(one.strip() for one in self.types.split(",") if one.strip()),
            subject=Subject(
                network=self.network,
                user=self.user,
                wallet=self.wallet,
                withdrawal=self.withdrawal,
                deposit=self.deposit,
            ),
        )


class EventPage(_Wanted, paging.Page):
    """`after` begins; `cursor` is `next` of the page before."""


class EventWish(_Wanted):
    """Without `after` and without Last-Event-ID the stream begins with the next event."""


@router.get("/events", summary="Everything that changed, in order")
async def list_events(given: Given, _: Reader, page: Annotated[EventPage, Query()]) -> EventsOut:
    """Read on from the `cursor` of the last event you have: none is ever put in before it."""
    if page.after is not None and page.cursor:
        raise Malformed("cursor.both", "send after or cursor, not both")
    after = paging.decode_number("stream", page.cursor) or page.after or 0
    wanted = page.filter()

    def work(tx: Connection) -> list[Event]:
        _refuse_ahead(tx, after)
        return log.list_after(tx, after, limit=page.limit + 1, wanted=wanted)

    rows = await given.store.read(work)
    cut, following = paging.cut("stream", rows, page.limit, lambda one: str(one.cursor))
    return EventsOut(items=[shown(one) for one in cut], next=following)


@router.get(
    "/events/stream",
    summary="The same as server-sent events",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def stream(
    request: Request, given: Given, caller: Reader, wish: Annotated[EventWish, Query()]
) -> Response:
    """Goes on until you hang up. `Last-Event-ID` resumes after that cursor. Whoever takes too little is cut
    off and resumes likewise."""
    after, office = _resumed(request, wish), given.events
    wanted = wish.filter()
    if not office.has_room(caller.id):
        text = "too many streams are open, in all or by this key; close one, or read pages"
        raise Unavailable("events.subscribers", text)
    start = await given.store.read(lambda tx: _refuse_ahead(tx, after))
    return EventStream(office, caller.id, start, wanted, stop=request.app.state.stop)


def shown(one: Event) -> EventOut:
    return EventOut(**json.loads(one.body()))


def _refuse_ahead(tx: Connection, after: int | None) -> int:
    """Where to go on. Raises Conflict `cursor.ahead` for a cursor that was never given out by this log."""
    last = log.last_cursor(tx)
    if after is not None and after > last:
        text = (
            f"the newest event is {last}: if App's database was restored, read again from a cursor of before"
        )
        raise Conflict("cursor.ahead", text)
    return last if after is None else after


def _resumed(request: Request, wish: EventWish) -> int | None:
    told = request.headers.get("last-event-id", "")
    if not told:
        return wish.after
    if not told.isascii() or not told.isdigit() or int(told) > _CURSOR_MAX:
        raise Malformed("cursor.form", "Last-Event-ID is the cursor of an event")
    return int(told)
