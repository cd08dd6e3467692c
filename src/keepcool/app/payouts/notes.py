"""What operators must know of payouts: rows, log lines and numbers.

A note is written once per kind and subject until it is cleared: a purse that is low for a day is one row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Connection, Row, select

from keepcool.app.events import telling
from keepcool.app.payouts.tables import payout_event
from keepcool.core.ids import NetworkId

_log = logging.getLogger("keepcool.payouts")


@dataclass(frozen=True, slots=True)
class Note:
    """`kind` is stable: purse.low, purse.missing, purse.stuck, purse.declined, purse.rejected,
    purse.nonce_gap, purse.failed, spare.taken, spare.breach, payout.failed, payout.fee_high,
    payout.breach, payout.no_transfer, payout.void_needed, payout.raised, payout.lifted, payout.stuck,
    payout.fee_low, payout.rejected, payout.orphaned, payout.orphan_refused, payout.gather,
    payout.rebooked, payout.undone, payout.paid_by_given_up, payout.settled_by_hand,
    payout.lift_refused, payout.gather_refused, payout.burn_refused, payout.taken_apart, pool.locked,
    pool.low, pool.not_swept, signer.forked."""

    number: int
    at_ms: int
    kind: str
    network: NetworkId
    subject: str
    text: str


class Numbers:
    """Prometheus."""

    def __init__(self, metrics: CollectorRegistry) -> None:
        self.steps = Counter(
            "keepcool_withdrawal_steps", "Withdrawals that reached a state.", ["network", "state"],
            registry=metrics,
        )  # fmt: skip
        self.notes = Counter(
            "keepcool_payout_notes", "What operators were told.", ["network", "kind"], registry=metrics
        )
        self.purse = Gauge(
            "keepcool_purse_balance_gwei", "The purse at the crediting depth.", ["network"], registry=metrics
        )
        self.purse_low = Gauge(
            "keepcool_purse_low", "1 when the purse needs a top-up.", ["network"], registry=metrics
        )
        self.in_flight = Gauge(
            "keepcool_purse_in_flight", "Purse transactions not yet in a block.", ["network"],
            registry=metrics,
        )  # fmt: skip


def note(tx: Connection, *, at_ms: int, kind: str, network: NetworkId, subject: str, text: str) -> bool:
    """True when this is news: the newest note of this kind and subject says something else."""
    if newest_text(tx, kind=kind, network=network, subject=subject) == text:
        return False
    row = {"at_ms": at_ms, "kind": kind, "network": network, "subject": subject, "text": text}
    tx.execute(payout_event.insert().values(**row))
    telling.note(tx, kind, network=network, subject=subject, text=text, at_ms=at_ms)
    _log.warning(kind, extra={"network": network, "subject": subject, "text": text})
    return True


def newest_text(tx: Connection, *, kind: str, network: NetworkId, subject: str) -> str | None:
    """What was told last of this kind and subject."""
    newest = (
        select(payout_event.c.text)
        .where(
            payout_event.c.kind == kind,
            payout_event.c.network == network,
            payout_event.c.subject == subject,
        )
        .order_by(payout_event.c.number.desc())
        .limit(1)
    )
    found = tx.execute(newest).scalar_one_or_none()
    return None if found is None else str(found)


def about(tx: Connection, subjects: Sequence[str], limit: int = 20) -> list[Note]:
    """What was told of these, newest first."""
    query = select(payout_event).where(payout_event.c.subject.in_(subjects))
    found = tx.execute(query.order_by(payout_event.c.number.desc()).limit(limit))
    return [_note(row) for row in found]


def list_notes(tx: Connection, *, limit: int, after: int = 0, kind: str | None = None) -> list[Note]:
    """In the order they were written; `after` is the number of the last one seen."""
    query = select(payout_event).where(payout_event.c.number > after)
    if kind is not None:
        query = query.where(payout_event.c.kind == kind)
    found = tx.execute(query.order_by(payout_event.c.number).limit(limit))
    return [_note(row) for row in found]


def _note(row: Row[tuple[object, ...]]) -> Note:
    return Note(row.number, row.at_ms, row.kind, NetworkId(row.network), row.subject, row.text)
