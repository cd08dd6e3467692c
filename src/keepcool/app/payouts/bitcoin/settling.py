"""What a final batch means for the books: payments settled, its fee shared, coins and slots done with.

Laws: a batch's fee is shared by the outputs of its withdrawals, to the unit, and booked before their holds
are given back; what burns or lifts a batch is paid by those it was made for; every inclusion is booked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import book
from keepcool.app.deposits import events
from keepcool.app.deposits.events import Freezes
from keepcool.app.payouts import store, wallet_fees
from keepcool.app.payouts.bitcoin import batches, ending
from keepcool.app.payouts.bitcoin.batches import OPEN, Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.pools import books as pool_books
from keepcool.app.pools import rows as pools
from keepcool.core.ids import AssetId
from keepcool.core.withdrawal import Abandoned, Finalized, Froze, Seen, SlotUsed
from keepcool.core.withdrawal_states import (
    Broadcast,
    Cancelled,
    Ended,
    Frozen,
    Inclusion,
    Requested,
    Signed,
    Uncertain,
)

SIGNED = (Signed, Broadcast, Uncertain)


@dataclass(frozen=True, slots=True)
class Share:
    """A withdrawal's part of what one transaction cost."""

    key: str
    fee: int
    fee_asset: AssetId


def finalize(tx: Connection, lane: BitcoinLane, one: Batch, rung: Rung, seen: Inclusion) -> bool:
    """All that follows from its being final. False while a person holds up one of its withdrawals."""
    members = ending.members_of(tx, one)
    if ending.is_held_up(members):
        return False
    _book_fee(tx, lane, one, rung, seen)
    for each in members:
        _confirm(tx, lane, each, one, seen)
    _end_burnt(tx, lane, one, seen)
    now_ms = lane.clock.now_ms()
    # what it spent pays for nothing else, should its block be replaced after all
    inputs = [(each.txid, each.vout) for each in batches.coins(tx, one.id)]
    book.hold_only(tx, lane.network, one.id, inputs, now_ms)
    batches.change(tx, one.id, now_ms, stage=Stage.CONFIRMED.value, tainted=False, **_columns(seen))
    return True


def outdone(tx: Connection, lane: BitcoinLane, one: Batch, seen: Inclusion) -> None:
    """Something else has spent coins of it, finally: it can never confirm. What a person holds up ends once
    it is let go."""
    members = ending.members_of(tx, one)
    if ending.is_held_up(members):
        return
    for each in members:
        if batches.is_newest(tx, one, each.id) and not isinstance(each.state, Requested | Ended | Frozen):
            lane.step_in(tx, each.id, SlotUsed(seen))
    book.release(tx, one.id)
    why = f"its coins were spent by {seen.transaction}"
    now_ms = lane.clock.now_ms()
    batches.change(tx, one.id, now_ms, stage=Stage.ENDED.value, tainted=False, problem=why)


def bearers(tx: Connection, one: Batch) -> dict[str, int]:
    """Who pays for a batch, and in which parts: its withdrawals, or those of the batch it serves."""
    if one.purpose is Purpose.PAY or one.parent is None:
        return batches.members(tx, one.id)
    return bearers(tx, batches.get(tx, one.parent))


def shares(fee: int, parts: Sequence[int]) -> list[int]:
    """By parts, to the unit; none pays more than its part rounded up."""
    total, over = sum(parts), fee
    found = [fee * one // total for one in parts]
    over -= sum(found)
    for place, one in enumerate(parts):
        if over and fee * one % total:
            found[place] += 1
            over -= 1
    return found


def _book_fee(tx: Connection, lane: BitcoinLane, one: Batch, rung: Rung, seen: Inclusion) -> None:
    parts, at_ms = bearers(tx, one), lane.clock.now_ms()
    if not parts:
        _book_own(tx, lane, one, rung, seen)
        return
    for name, fee in zip(parts, shares(rung.fee_sat, list(parts.values())), strict=True):
        key = sha256(f"{lane.network}:{seen.transaction}:{name}".encode()).hexdigest()
        wallet_fees.paid(tx, store.get(tx, name), Share(key, fee, lane.native), at_ms)


def _book_own(tx: Connection, lane: BitcoinLane, one: Batch, rung: Rung, seen: Inclusion) -> None:
    """Nobody's withdrawal: coins were gathered, at the expense of the wallet or pool they lie in."""
    key, at_ms = sha256(f"{lane.network}:{seen.transaction}".encode()).hexdigest(), lane.clock.now_ms()
    if pools.find_pool(tx, one.source) is not None:
        pool_books.fee(tx, key=key, pool=one.source, asset=lane.native, units=rung.fee_sat, at_ms=at_ms)
        return
    free = ledger.balance(tx, accounts.owed(one.source), lane.native)
    ledger.wallet_fee(
        tx,
        key=key,
        withdrawal=one.id,
        wallet=one.source,
        asset=lane.native,
        parts=(0, rung.fee_sat, max(rung.fee_sat - free, 0)),
        at_ms=at_ms,
    )


def _confirm(tx: Connection, lane: BitcoinLane, each: Withdrawal, one: Batch, seen: Inclusion) -> None:
    if batches.is_newest(tx, one, each.id) and isinstance(each.state, SIGNED):
        lane.step_in(tx, each.id, Seen(seen), transaction=seen.transaction)
        lane.step_in(tx, each.id, Finalized())
    elif each.kind is Kind.VOID:
        return
    elif isinstance(each.state, Ended):
        _paid_after_all(tx, lane, each, seen)
    else:
        text = f"{seen.transaction} has paid it, a draft that was given up"
        lane.note_in(tx, "payout.breach", each.id, text)
        lane.step_in(tx, each.id, Froze(text), transaction=seen.transaction)


def _paid_after_all(tx: Connection, lane: BitcoinLane, each: Withdrawal, seen: Inclusion) -> None:
    """Its hold has gone back to the owner, or has paid for another transaction, and its coins are gone."""
    text = f"withdrawal {each.id} was paid in block {seen.block} after it had ended"
    at_ms = lane.clock.now_ms()
    lane.note_in(tx, "payout.breach", each.id, text)
    ledger.late_payout(
        tx, withdrawal=each.id, wallet=each.wallet, asset=each.asset, units=each.units, at_ms=at_ms
    )
    events.record(
        tx,
        key=f"payout.late:{each.id}",
        at_ms=at_ms,
        network=lane.network,
        wallet=each.wallet,
        code="payout.late",
        text=text,
        freezes=Freezes.WALLET,
    )


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
