"""Broadcast → Confirmed: what blocks show of our wallets, told by the deposits' follower.

Laws: one block is final; a payment is ours by what its owners signed; a failed one has used up nothing and
can come again from anybody's hand, so it is abandoned and its nonce burnt before its coins are free.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection, select

from keepcool.app.deposits.minter import spendings
from keepcool.app.deposits.minter.spendings import Spent
from keepcool.app.payouts import late, store, turns, wallet_fees
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal import Abandoned, Finalized, Froze, Seen, SlotUsed
from keepcool.core.withdrawal_states import (
    Broadcast,
    Cancelled,
    Confirmed,
    Drafted,
    Failed,
    Frozen,
    Inclusion,
    NeedsReview,
    PartlySigned,
    Requested,
    Signed,
    Uncertain,
    is_open,
)

AT_ONCE_MAX = 200
_SIGNED = (Signed, Broadcast, Uncertain)
_HOLDING = (Drafted, PartlySigned, NeedsReview, Signed, Broadcast, Uncertain)


async def settle_seen(lane: MinterLane) -> bool:
    """Whether anything was."""
    rows = await lane.store.run(lambda tx: spendings.unaccounted(tx, lane.network, AT_ONCE_MAX))
    if rows:
        lane.faults.reach(FaultPoint.APP_CONFIRMED)
    return any([await lane.store.run(partial(_account, lane=lane, spent=one)) for one in rows])


async def end_used(lane: MinterLane) -> None:
    """What another transaction took the nonce of ends, whoever signed that one: it can never be paid. What
    was frozen meanwhile ends once it is thawed."""

    def work(tx: Connection) -> None:
        for name, spent in spendings.overtaken(tx, lane.network, _HOLDING, AT_ONCE_MAX):
            if isinstance(store.get(tx, name).state, _HOLDING):
                _nothing_to_burn(tx, lane, lane.step_in(tx, name, SlotUsed(_inclusion(spent))))

    await lane.store.run(work)


async def burn_uncertain(lane: MinterLane) -> None:
    """A void that was refused or has expired is tried anew. Half signed it is burnt with what it burns, or
    by itself where that has ended."""

    def work(tx: Connection) -> None:
        for one in store.in_states(tx, lane.network, [Uncertain], limit=AT_ONCE_MAX):
            if not isinstance(one.state, Uncertain) or one.state.then is None:
                continue
            if one.voids is None or not is_open(store.get(tx, one.voids).state):
                turns.void_again(tx, lane, one)

    await lane.store.run(work)


def _account(tx: Connection, lane: MinterLane, spent: Spent) -> bool:
    """One inclusion; whether it is done with. Fees first: they come out of the hold, which ends with the
    withdrawal."""
    ours = _signed_as(tx, spent)
    if ours is None:  # the deposits' office has frozen the wallet: nobody here drafted it
        spendings.account(tx, spent)
        return True
    if isinstance(ours.state, Frozen):
        return False  # once it is thawed
    wallet_fees.paid(tx, ours, spent, lane.clock.now_ms())
    if not spent.failed and is_open(ours.state) and not isinstance(ours.state, _SIGNED):
        return _unsigned(tx, lane, ours, spent)
    spendings.account(tx, spent)
    if spent.failed:
        _failed(tx, lane, ours, spent)
        return True
    _confirm(tx, lane, ours, spent)
    _nothing_to_burn(tx, lane, ours)
    for other in store.open_of_wallet(tx, spent.wallet):
        if other.id != ours.id and other.slot == spent.nonce and isinstance(other.state, _HOLDING):
            lane.step_in(tx, other.id, SlotUsed(_inclusion(spent)))
    return True


def _nothing_to_burn(tx: Connection, lane: MinterLane, ended: Withdrawal) -> None:
    """Its nonce is used: voids that wait for their turn are not needed."""
    for target in dict.fromkeys((ended.id, ended.voids or ended.id)):
        for void in store.voids_of(tx, target):
            if isinstance(void.state, Requested):
                lane.step_in(tx, void.id, Abandoned(Cancelled(), "there is nothing to burn"))


def _signed_as(tx: Connection, spent: Spent) -> Withdrawal | None:
    """The one that is open before one that has ended: asked for again, the same payment at a nonce that was
    not used is the same bytes."""
    where = (withdrawal.c.wallet == spent.wallet, withdrawal.c.digest == spent.digest)
    newest = (withdrawal.c.open.desc(), withdrawal.c.number.desc())
    found = store.rows(tx, select(withdrawal).where(*where).order_by(*newest).limit(1))
    return next(iter(found), None)


def _inclusion(spent: Spent) -> Inclusion:
    return Inclusion(spent.transaction, spent.height, spent.block_hash)


def _confirm(tx: Connection, lane: MinterLane, one: Withdrawal, spent: Spent) -> None:
    if isinstance(one.state, _SIGNED):
        lane.step_in(tx, one.id, Seen(_inclusion(spent)), transaction=spent.transaction)
        lane.step_in(tx, one.id, Finalized())
    elif one.kind is not Kind.VOID and not isinstance(one.state, Confirmed):
        late.paid_after_all(tx, lane, one, spent.height)


def _unsigned(tx: Connection, lane: MinterLane, one: Withdrawal, spent: Spent) -> bool:
    """Signatures we do not have exist: somebody else holds what we never put together. Once a person has
    thawed it, it is signed and confirms, or it ends and is booked all the same."""
    if one.transaction is not None:
        return False
    text = "it was sent before App had both signatures"
    lane.note_in(tx, "payout.breach", one.id, text)
    lane.step_in(tx, one.id, Froze(text), transaction=spent.transaction)
    return True


def _failed(tx: Connection, lane: MinterLane, one: Withdrawal, spent: Spent) -> None:
    text = f"it failed in block {spent.height}: {spent.log or 'no reason told'}"
    lane.note_in(tx, "payout.failed", one.id, text)
    if one.kind is Kind.VOID:
        return  # it stays valid and is sent again
    burning = isinstance(one.state, Uncertain) and one.state.then is not None
    if isinstance(one.state, _SIGNED) and not burning:
        lane.step_in(tx, one.id, Abandoned(Failed("payout.failed", text), text))
