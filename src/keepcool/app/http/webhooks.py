"""/v1/webhooks: where events are posted. All of it needs an admin's key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.events import deliveries, endpoints
from keepcool.app.events.deliveries import Failed
from keepcool.app.events.endpoints import ABOUT_CHARS_MAX, Webhook
from keepcool.app.events.kinds import PATTERNS_MAX
from keepcool.app.events.office import OVERLAP_S, OVERLAP_S_MAX
from keepcool.app.http import events, paging
from keepcool.app.http.events import Cursor, EventOut
from keepcool.app.http.fields import In, Out, Time
from keepcool.app.http.parts import Admin, Given
from keepcool.core.errors import Malformed

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
WebhookPath = Annotated[str, Path(max_length=40)]
Pattern = Annotated[str, StringConstraints(max_length=64)]


class WebhookIn(In):
    """`types`: patterns such as withdrawal.confirmed or deposit.*; none means every event. Without `after`
    it begins with the next event."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    types: Annotated[list[Pattern], Field(max_length=PATTERNS_MAX)] = Field(default_factory=list)
    about: Annotated[str, StringConstraints(max_length=ABOUT_CHARS_MAX)] = ""
    after: Cursor | None = None


class WebhookOut(Out):
    """`cursor`: how far events were delivered, or put aside to be tried again (`waiting`) or given up
    (`dead`). `failing_since_ms`: since when nothing was taken."""

    id: str
    url: str
    types: list[str]
    about: str
    active: bool
    reason: Annotated[str, Field(description="Why it is not active; else empty.")]
    cursor: int
    delivered: int
    waiting: int
    dead: int
    problem: Annotated[str, Field(description="What the last delivery that failed met; else empty.")]
    failing_since_ms: Time | None
    rotating_until_ms: Annotated[Time | None, Field(description="Until then the old secret signs, too.")]
    created_at_ms: Time


class WebhookSecretOut(Out):
    """`secret` is told here and never again."""

    webhook: WebhookOut
    secret: str


class WebhooksOut(Out):
    items: list[WebhookOut]


class RotateIn(In):
    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX, description="So long both secrets sign.")] = (
        OVERLAP_S
    )


class ReplayIn(In):
    """One of the two: everything after a cursor, or what was given up."""

    after: Cursor | None = None
    dead: bool = False


class TestOut(Out):
    """`status`: what the receiver answered, null when it did not."""

    taken: bool
    status: int | None
    problem: str


class DeliveryOut(Out):
    """A delivery that was given up after `tries`."""

    event: EventOut
    tries: int
    status: int | None
    problem: str
    first_at_ms: Time
    last_at_ms: Time


class DeliveriesOut(Out):
    items: list[DeliveryOut]
    next: str | None


@router.post("", status_code=201, summary="Post events to a URL")
async def add(given: Given, _: Admin, body: WebhookIn) -> WebhookSecretOut:
    """Signed as Standard Webhooks says. The secret is in this answer alone."""
    one, secret = await given.events.add(body.url, tuple(body.types), body.about, body.after)
    return WebhookSecretOut(webhook=await _shown(given, one), secret=secret)


@router.get("", summary="List webhooks")
async def list_webhooks(given: Given, _: Admin) -> WebhooksOut:
    def work(tx: Connection) -> list[WebhookOut]:
        return [_out(tx, one) for one in endpoints.listed(tx)]

    return WebhooksOut(items=await given.store.read(work))


@router.get("/{webhook}", summary="One webhook")
async def get_webhook(given: Given, _: Admin, webhook: WebhookPath) -> WebhookOut:
    return await given.store.read(lambda tx: _out(tx, endpoints.get(tx, webhook)))


@router.delete("/{webhook}", summary="Post there no more")
async def remove(given: Given, _: Admin, webhook: WebhookPath) -> WebhookOut:
    """Its secret, and what was to be tried again, are forgotten."""
    return await _shown(given, await given.events.remove(webhook))


@router.post("/{webhook}/test", summary="Post one event of the type webhook.test, now")
async def test(given: Given, _: Admin, webhook: WebhookPath) -> TestOut:
    done = await given.events.test(webhook)
    return TestOut(taken=done.taken, status=done.status, problem=done.problem)


@router.post("/{webhook}/rotate", summary="Exchange the secret for a new one")
async def rotate(given: Given, _: Admin, webhook: WebhookPath, body: RotateIn) -> WebhookSecretOut:
    """Both sign for a while. The new one is in this answer alone."""
    one, secret = await given.events.rotate(webhook, body.overlap_s)
    return WebhookSecretOut(webhook=await _shown(given, one), secret=secret)


@router.post("/{webhook}/enable", summary="Go on after it was switched off")
async def enable(given: Given, _: Admin, webhook: WebhookPath) -> WebhookOut:
    """With the event at which it stopped: nothing is left out."""
    return await _shown(given, await given.events.enable(webhook))


@router.post("/{webhook}/replay", summary="Deliver again")
async def replay(given: Given, _: Admin, webhook: WebhookPath, body: ReplayIn) -> WebhookOut:
    """Under the same ids, so that a receiver recognises what it has."""
    if (body.after is None) != body.dead:
        raise Malformed("webhook.replay", "say after, or dead: true, one of them")
    if body.after is None:
        return await _shown(given, await given.events.replay_dead(webhook))
    return await _shown(given, await given.events.replay_after(webhook, body.after))


@router.get("/{webhook}/dead", summary="Deliveries that were given up")
async def dead(
    given: Given, _: Admin, webhook: WebhookPath, page: Annotated[paging.Page, Query()]
) -> DeliveriesOut:
    after = paging.decode_number("dead", page.cursor) or 0

    def work(tx: Connection) -> list[Failed]:
        name = endpoints.get(tx, webhook).id
        return deliveries.failed(tx, name, dead=True, limit=page.limit + 1, after=after)

    rows = await given.store.read(work)
    cut, following = paging.cut("dead", rows, page.limit, lambda one: str(one.event.cursor))
    return DeliveriesOut(items=[_delivery(one) for one in cut], next=following)


async def _shown(given: Given, one: Webhook) -> WebhookOut:
    return await given.store.run(lambda tx: _out(tx, one))


def _out(tx: Connection, one: Webhook) -> WebhookOut:
    waiting, given_up = endpoints.waiting(tx, one.id)
    return WebhookOut(
        id=one.id,
        url=one.url,
        types=list(one.types),
        about=one.about,
        active=one.active,
        reason=one.reason,
        cursor=one.cursor,
        delivered=one.delivered,
        waiting=waiting,
        dead=given_up,
        problem=one.problem,
        failing_since_ms=one.failing_since_ms,
        rotating_until_ms=one.rotating_until_ms,
        created_at_ms=one.created_at_ms,
    )


def _delivery(one: Failed) -> DeliveryOut:
    return DeliveryOut(
        event=events.shown(one.event),
        tries=one.tries,
        status=one.status,
        problem=one.problem,
        first_at_ms=one.first_at_ms,
        last_at_ms=one.last_at_ms,
    )
