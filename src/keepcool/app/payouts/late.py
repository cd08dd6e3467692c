"""A payment that the chain has made although its withdrawal had ended: on the books, and somebody is told."""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.books import ledger
from keepcool.app.deposits import events
from keepcool.app.deposits.events import Freezes
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.store import Withdrawal


def paid_after_all(tx: Connection, lane: Lane, one: Withdrawal, block: int, occasion: str = "") -> None:
    """Its hold has gone back to the owner, or has paid for another transaction, and its coins are gone.
    `occasion`: what has paid it, where more than one thing can."""
    text = f"withdrawal {one.id} was paid in block {block} after it had ended"
    at_ms = lane.clock.now_ms()
    lane.note_in(tx, "payout.breach", one.id, text)
    ledger.late_payout(
        tx,
        withdrawal=one.id,
        wallet=one.wallet,
        asset=one.asset,
        units=one.units,
        at_ms=at_ms,
        occasion=occasion,
    )
    events.record(
        tx,
        key=f"payout.late:{one.id}:{occasion}" if occasion else f"payout.late:{one.id}",
        at_ms=at_ms,
        network=lane.network,
        wallet=one.wallet,
        code="payout.late",
        text=text,
        freezes=Freezes.WALLET,
    )
