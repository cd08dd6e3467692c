"""What a webhook is sent next, and what became of it.

Laws: `cursor` moves, and a failed delivery gets its row, in one transaction after the attempts: a process
that dies between them sends the same events under the same ids again, and forgets none; while nothing is
taken, two are tried at a time and the rest wait in the log at no cost to their tries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from keepcool.app.events import endpoints, kinds, log
from keepcool.app.events.deliveries_table import delivery
from keepcool.app.events.endpoints import Webhook, webhook
from keepcool.app.events.log import Event
from keepcool.app.events.patience import Patience
from keepcool.app.payouts import notes
from keepcool.app.upserts import upsert
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.ports.system import Entropy

READ_MAX = 256  # events looked at for one batch, fitting or not
PROBLEM_CHARS_MAX = 300
GONE = 410


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery. `tries`: how often it has failed; new ones have no row yet."""

    event: Event
    tries: int
    new: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """`read_to`: the last event looked at; `blocked`: news have to wait, for the pause's end or for what is
    tried again."""

    webhook: Webhook
    dues: tuple[Due, ...]
    read_to: int
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` is None when no answer came."""

    taken: bool
    status: int | None = None
    problem: str = ""
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """By what waits are measured, now."""

    patience: Patience
    entropy: Entropy
    now_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A delivery that failed, as it is shown."""

    event: Event
    dead: bool
    tries: int
    due_ms: int
    status: int | None
    problem: str
    first_at_ms: int
    last_at_ms: int


def next_batch(tx: Connection, one: Webhook, terms: Terms, *, size: int) -> Batch:
    """Empty while it is paused. With a `size` of 1 what has failed holds up what came after it."""
    if not terms.patience.is_over(one.paused_until_ms, terms.now_ms):
        return Batch(one, (), one.cursor, blocked=True)
    most = min(size, 1) if one.failures else size
    again = _again(tx, one, terms, most)
    if size == 1 and (again or _is_waiting(tx, one)):
        return Batch(one, again, one.cursor, blocked=True)
    events = log.list_after(tx, one.cursor, limit=READ_MAX)
    fitting = [event for event in events if kinds.fits(one.types, event.type)]
    fresh = fitting[:most]
    whole = len(fresh) == len(fitting)
    read_to = one.cursor if not events else events[-1].cursor if whole else fresh[-1].cursor
    return Batch(one, (*again, *(Due(event, 0, new=True) for event in fresh)), read_to)


def wait_ms(tx: Connection, one: Webhook, now_ms: int) -> int | None:
    """Until something has to be done without any news. None when nothing has to."""
    first = select(delivery.c.due_ms).where(delivery.c.webhook == one.id, delivery.c.dead.is_(False))
    due = tx.execute(first.order_by(delivery.c.due_ms).limit(1)).scalar_one_or_none()
    until = (due, one.paused_until_ms if one.failures else None)
    return min((at - now_ms for at in until if at is not None and at > now_ms), default=None)


def finish(tx: Connection, batch: Batch, outcomes: Sequence[Outcome], terms: Terms) -> Webhook | None:
    """Keep what became of the first so many of the batch. The webhook as it is now; None when it is gone."""
    one = endpoints.find(tx, batch.webhook.id)
    if one is None:
        return None
    tried = list(zip(batch.dues, outcomes, strict=False))
    moved = _advance(tx, batch, [due for due, _ in tried])
    for due, outcome in tried:
        if due.new and not moved:
            continue  # somebody replays it meanwhile: it comes again
        _keep(tx, one, due, outcome, terms)
    _judge(tx, one, [outcome for _, outcome in tried], terms)
    after = endpoints.get(tx, one.id)
    if one.active and not after.active:
        _tell(tx, after, terms.now_ms)
    return after


def _tell(tx: Connection, one: Webhook, at_ms: int) -> None:
    # its URL may be a secret of the receiver's
    nowhere, text = NetworkId(""), f"webhook {one.id} is switched off: {one.reason}"
    notes.note(tx, at_ms=at_ms, kind="webhook.disabled", network=nowhere, subject=one.id, text=text)


def failed(tx: Connection, name: str, *, dead: bool, limit: int, after: int = 0) -> list[Failed]:
    """In the order of their events; `after` is the cursor of the last one seen."""
    where = (delivery.c.webhook == name, delivery.c.dead.is_(dead), delivery.c.event > after)
    rows = tx.execute(select(delivery).where(*where).order_by(delivery.c.event).limit(limit)).all()
    events = {event.cursor: event for event in log.at_cursors(tx, [row.event for row in rows])}
    return [_failed(row, events[row.event]) for row in rows]


def replay_after(tx: Connection, name: str, cursor: int) -> Webhook:
    """Everything beyond `cursor` is sent again, under the same ids. Raises Malformed beyond the newest."""
    if not 0 <= cursor <= log.last_cursor(tx):
        raise Malformed("webhook.cursor", "there is no such cursor yet: replay from an earlier one")
    endpoints.update(tx, name, cursor=cursor, failures=0, paused_until_ms=0)
    tx.execute(delivery.delete().where(delivery.c.webhook == name, delivery.c.event > cursor))
    return endpoints.get(tx, name)


def replay_dead(tx: Connection, name: str, now_ms: int) -> Webhook:
    """What was given up is tried anew."""
    endpoints.update(tx, name, failures=0, paused_until_ms=0)
    where = (delivery.c.webhook == name, delivery.c.dead.is_(True))
    tx.execute(delivery.update().where(*where).values(dead=False, tries=0, due_ms=now_ms))
    return endpoints.get(tx, name)


def _again(tx: Connection, one: Webhook, terms: Terms, most: int) -> tuple[Due, ...]:
    latest = terms.now_ms + terms.patience.most_ms  # a longer wait was set by a clock that was ahead
    over = (delivery.c.due_ms <= terms.now_ms) | (delivery.c.due_ms > latest)
    where = (delivery.c.webhook == one.id, delivery.c.dead.is_(False), over)
    rows = tx.execute(select(delivery).where(*where).order_by(delivery.c.due_ms).limit(most)).all()
    tries = {int(row.event): int(row.tries) for row in rows}
    return tuple(Due(event, tries[event.cursor], new=False) for event in log.at_cursors(tx, list(tries)))


def _is_waiting(tx: Connection, one: Webhook) -> bool:
    where = (delivery.c.webhook == one.id, delivery.c.dead.is_(False))
    return tx.execute(select(delivery.c.event).where(*where).limit(1)).first() is not None


def _advance(tx: Connection, batch: Batch, tried: Sequence[Due]) -> bool:
    """False when the cursor is no longer where the batch was taken."""
    fresh = [due.event.cursor for due in tried if due.new]
    to = batch.read_to if len(tried) == len(batch.dues) else max(fresh, default=batch.webhook.cursor)
    same = (webhook.c.id == batch.webhook.id, webhook.c.cursor == batch.webhook.cursor)
    return tx.execute(webhook.update().where(*same).values(cursor=to)).rowcount == 1


def _keep(tx: Connection, one: Webhook, due: Due, outcome: Outcome, terms: Terms) -> None:
    where = (delivery.c.webhook == one.id, delivery.c.event == due.event.cursor)
    if outcome.taken:
        if not due.new:
            tx.execute(delivery.delete().where(*where))
        return
    tries = due.tries + 1
    wait = terms.patience.wait_ms(tries, terms.entropy, asked_s=outcome.retry_after_s)
    row = {
        "dead": tries >= terms.patience.tries_max,
        "tries": tries,
        "due_ms": terms.now_ms + wait,
        "status": outcome.status,
        "problem": outcome.problem[:PROBLEM_CHARS_MAX],
        "last_at_ms": terms.now_ms,
    }
    if not due.new:
        tx.execute(delivery.update().where(*where).values(**row))
        return
    fresh = upsert(delivery).values(webhook=one.id, event=due.event.cursor, first_at_ms=terms.now_ms, **row)
    tx.execute(fresh.on_conflict_do_nothing(index_elements=["webhook", "event"]))


def _judge(tx: Connection, one: Webhook, outcomes: Sequence[Outcome], terms: Terms) -> None:
    """What the attempts say of the webhook as a whole."""
    if not outcomes:
        return
    taken = sum(outcome.taken for outcome in outcomes)
    changed: dict[str, object] = {"delivered": one.delivered + taken}
    problems = [outcome.problem for outcome in outcomes if not outcome.taken]
    if problems:
        changed["problem"] = problems[-1][:PROBLEM_CHARS_MAX]
    well: dict[str, object] = {"failures": 0, "paused_until_ms": 0, "failing_since_ms": None}
    endpoints.update(tx, one.id, **changed, **(well if taken else _failing(one, outcomes, terms)))


def _failing(one: Webhook, outcomes: Sequence[Outcome], terms: Terms) -> dict[str, object]:
    """Nothing was taken: a pause, or the end."""
    asked = max(outcome.retry_after_s or 0 for outcome in outcomes)
    wait = terms.patience.wait_ms(one.failures + 1, terms.entropy, asked_s=asked)
    since = terms.now_ms if one.failing_since_ms is None else one.failing_since_ms
    changed: dict[str, object] = {"failures": one.failures + 1, "paused_until_ms": terms.now_ms + wait}
    lasted_ms = terms.now_ms - since
    if any(outcome.status == GONE for outcome in outcomes):
        changed |= {"active": False, "reason": "the receiver answered 410: it wants no more"}
    elif lasted_ms >= terms.patience.disable_after_ms:
        hours = lasted_ms // 3_600_000
        changed |= {"active": False, "reason": f"nothing was taken for {hours} hours: {outcomes[-1].problem}"}
    return changed | {"failing_since_ms": since}


def _failed(row: Row[tuple[object, ...]], event: Event) -> Failed:
    return Failed(
        event=event,
        dead=row.dead,
        tries=row.tries,
        due_ms=row.due_ms,
        status=row.status,
        problem=row.problem,
        first_at_ms=row.first_at_ms,
        last_at_ms=row.last_at_ms,
    )
