"""What a final batch means for the books: payments settled, its fee shared, coins and slots done with.

Laws: fees are booked before the holds of their withdrawals are given back; every inclusion is booked once;
the books follow the transaction that is in the chain, whichever rung of whichever draft it is: what was
booked of another one is taken back in the same database transaction. What was paid is not drafted again, and
what can never be paid by its draft is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from keepcool.app.books import undone
from keepcool.app.coins import book
from keepcool.app.deposits import events
from keepcool.app.payouts import late, store
from keepcool.app.payouts.bitcoin import batches, booking, ending
from keepcool.app.payouts.bitcoin.batches import OPEN, Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.chains.bitcoin.address import parse_address
from keepcool.chains.bitcoin.psbt import parse_psbt
from keepcool.chains.bitcoin.transaction import shown
from keepcool.core.effects import Slot
from keepcool.core.withdrawal import (
    Abandoned,
    Finalized,
    Froze,
    Overtaken,
    Paid,
    Seen,
    SlotUsed,
    Undone,
)
from keepcool.core.withdrawal_states import (
    Broadcast,
    Cancelled,
    Confirmed,
    Draft,
    Ended,
    Failed,
    Frozen,
    Inclusion,
    Requested,
    Signed,
    Uncertain,
)

SIGNED = (Signed, Broadcast, Uncertain)


def finalize(tx: Connection, lane: BitcoinLane, one: Batch, rung: Rung, seen: Inclusion) -> bool:
    """All that follows from its being final. False while a person holds up one of its withdrawals."""
    members = ending.members_of(tx, one)
    if ending.is_held_up(members):
        return False
    booking.fee(tx, lane, one, rung.fee_sat, seen.transaction)
    for each in members:
        _confirm(tx, lane, each, one, seen)
    _end_burnt(tx, lane, one, seen)
    now_ms = lane.clock.now_ms()
    # what it spent pays for nothing else, should its block be replaced after all
    inputs = [(each.txid, each.vout) for each in batches.coins(tx, one.id)]
    book.hold_only(tx, lane.network, one.id, inputs, now_ms)
    done: dict[str, object] = {"stage": Stage.CONFIRMED.value, "tainted": False, "outdone_by": None}
    batches.change(tx, one.id, now_ms, **done, **_columns(seen))
    return True


def rebook(tx: Connection, lane: BitcoinLane, one: Batch, rung: Rung, seen: Inclusion) -> None:
    """Another transaction of it than the one that was booked is final, or the same one in another block."""
    before, columns = one.seen_as, _columns(seen)
    if before != seen.transaction:
        booking.fee_taken_back(tx, lane, one)
        columns["undone"] = one.undone + 1
    after = batches.change(tx, one.id, lane.clock.now_ms(), **columns)
    if before != seen.transaction:
        booking.fee(tx, lane, after, rung.fee_sat, seen.transaction)
        text = f"{before} was final and has left the chain: {seen.transaction} stands in its place"
        lane.note_in(tx, "payout.rebooked", one.id, text)
    for each in ending.members_of(tx, one):
        if _is_paid_by(each, before):
            lane.step_in(tx, each.id, Paid(_draft_of(tx, lane, one), seen), transaction=seen.transaction)


def outdone(tx: Connection, lane: BitcoinLane, one: Batch, seen: Inclusion) -> None:
    """Something else has spent coins of it, finally: it can never confirm. What a person holds up ends once
    it is let go; what nobody wanted to end is drafted anew."""
    members = ending.members_of(tx, one)
    if ending.is_held_up(members):
        return
    if one.stage is Stage.CONFIRMED:
        _take_back(tx, lane, one, members, seen)
    for each in members if one.stage is not Stage.CONFIRMED else ():
        if batches.is_newest(tx, one, each.id) and not isinstance(each.state, Requested | Ended | Frozen):
            _overtake(tx, lane, each, seen)
    book.release(tx, one.id)
    why = f"its coins were spent by {seen.transaction}"
    now_ms = lane.clock.now_ms()
    nowhere: dict[str, object] = {"transaction": None, "height": None, "block_hash": None}
    nowhere["outdone_by"] = seen.transaction
    batches.change(tx, one.id, now_ms, stage=Stage.ENDED.value, tainted=False, problem=why, **nowhere)


def _overtake(tx: Connection, lane: BitcoinLane, each: Withdrawal, seen: Inclusion) -> None:
    then = each.state.then if isinstance(each.state, Uncertain) else None
    wanted = then is None or (isinstance(then, Failed) and then.code == ending.GIVEN_UP)
    if wanted and each.kind is not Kind.VOID:
        lane.step_in(tx, each.id, Overtaken(seen), digest=None, transaction=None)
    else:
        lane.step_in(tx, each.id, SlotUsed(seen))


def _take_back(
    tx: Connection, lane: BitcoinLane, one: Batch, members: Sequence[Withdrawal], by: Inclusion
) -> None:
    """It was final and is not any more, and never will be."""
    booking.fee_taken_back(tx, lane, one)
    at_ms = lane.clock.now_ms()
    for each in members:
        if _is_paid_by(each, one.seen_as):
            lane.step_in(tx, each.id, Undone(by))
            _tell_undone(tx, lane, each, one, by)
        elif each.kind is not Kind.VOID:
            for times in range(one.undone + 1):
                undone.late_payout(
                    tx,
                    withdrawal=each.id,
                    wallet=each.wallet,
                    asset=each.asset,
                    units=each.units,
                    at_ms=at_ms,
                    occasion=booking.occasion(one, times),
                )
    batches.change(tx, one.id, at_ms, undone=one.undone + 1)


def _is_paid_by(each: Withdrawal, transaction: str | None) -> bool:
    return isinstance(each.state, Confirmed) and each.state.inclusion.transaction == transaction


def _tell_undone(tx: Connection, lane: BitcoinLane, each: Withdrawal, one: Batch, by: Inclusion) -> None:
    if each.kind is Kind.VOID:
        return
    text = (
        f"withdrawal {each.id} was final in {one.seen_as}, which has left the chain: {by.transaction} has "
        "spent its coins. It was not paid, and its amount is the owner's again"
    )
    lane.note_in(tx, "payout.undone", each.id, text)
    events.record(
        tx,
        key=f"payout.undone:{each.id}:{one.id}:{one.undone}",
        at_ms=lane.clock.now_ms(),
        network=lane.network,
        wallet=each.wallet,
        code="payout.undone",
        text=text,
    )


def _confirm(tx: Connection, lane: BitcoinLane, each: Withdrawal, one: Batch, seen: Inclusion) -> None:
    if batches.is_newest(tx, one, each.id) and isinstance(each.state, SIGNED):
        lane.step_in(tx, each.id, Seen(seen), transaction=seen.transaction)
        lane.step_in(tx, each.id, Finalized())
    elif each.kind is Kind.VOID or _is_paid_by(each, seen.transaction):
        return
    elif isinstance(each.state, Ended):
        late.paid_after_all(tx, lane, each, seen.block, booking.occasion(one, one.undone))
    elif _pays_exactly(tx, lane, one):
        _paid_by_given_up(tx, lane, each, one, seen)
    else:
        text = f"{seen.transaction}, a draft that was given up, was to pay it and pays something else"
        lane.note_in(tx, "payout.breach", each.id, text)
        lane.step_in(tx, each.id, Froze(text), transaction=seen.transaction)


def _paid_by_given_up(
    tx: Connection, lane: BitcoinLane, each: Withdrawal, one: Batch, seen: Inclusion
) -> None:
    """It waits for another draft, or is in one: it is paid, and what would pay it again is stopped where it
    still can be."""
    newest = batches.of_withdrawal(tx, each.id)[-1]
    text = f"{seen.transaction}, a draft that was given up, has paid it"
    lane.note_in(tx, "payout.paid_by_given_up", each.id, text)
    events.record(
        tx,
        key=f"payout.paid_by_given_up:{each.id}:{booking.occasion(one, one.undone)}",
        at_ms=lane.clock.now_ms(),
        network=lane.network,
        wallet=each.wallet,
        code="payout.paid_by_given_up",
        text=f"withdrawal {each.id}: {text}",
    )
    lane.step_in(tx, each.id, Paid(_draft_of(tx, lane, one), seen), transaction=seen.transaction)
    if newest.id != one.id and newest.stage in OPEN:
        ending.stop_second(tx, lane, newest, f"{each.id} was paid by {seen.transaction}")


def _draft_of(tx: Connection, lane: BitcoinLane, one: Batch) -> Draft:
    first, cheapest = batches.coins(tx, one.id)[0], batches.rungs(tx, one.id)[0]
    return Draft(Slot(lane.network, first.txid, first.vout), cheapest.body)


def _pays_exactly(tx: Connection, lane: BitcoinLane, one: Batch) -> bool:
    """Whether every rung of it, by its own bytes, pays each of its withdrawals what that asked for."""
    members = ending.members_of(tx, one)
    asked = Counter((parse_address(lane.row, to), units) for each in members for to, units in each.payments)
    for rung in batches.rungs(tx, one.id):
        made = parse_psbt(rung.draft).tx
        lying = Counter((out.script, out.amount_sat) for out in made.outputs)
        if shown(made.txid) != rung.body or any(lying[what] < times for what, times in asked.items()):
            return False
    return one.purpose is Purpose.PAY


def _end_burnt(tx: Connection, lane: BitcoinLane, one: Batch, seen: Inclusion) -> None:
    """The batch that this one burnt, and whatever else waited to burn either."""
    if one.purpose is Purpose.BURN and one.parent is not None:
        outdone(tx, lane, batches.get(tx, one.parent), seen)
    burnt = one.parent if one.purpose is Purpose.BURN else one.id
    for other in batches.children(tx, burnt or one.id, Purpose.BURN):
        if other.id != one.id and other.stage in OPEN:
            outdone(tx, lane, other, seen)
    for name in batches.members(tx, burnt or one.id):
        for void in store.voids_of(tx, name):
            if isinstance(void.state, Requested):
                lane.step_in(tx, void.id, Abandoned(Cancelled(), "there is nothing to burn"))


def _columns(seen: Inclusion) -> dict[str, object]:
    return {"transaction": seen.transaction, "height": seen.block, "block_hash": seen.block_hash}
