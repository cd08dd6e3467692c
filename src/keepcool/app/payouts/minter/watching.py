"""Broadcast → Confirmed: what blocks show of our wallets, told by the deposits' follower.

Laws: one block is final; a payment is ours by what its owners signed; a failed one has used up nothing and
can come again from anybody's hand, so it is abandoned and its nonce burnt before its coins are free.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection, select

from keepcool.app.deposits.minter import spendings
from keepcool.app.deposits.minter.spendings import Spent
from keepcool.app.payouts import store, turns, wallet_fees
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal import Abandoned, Finalized, Froze, Seen, SlotUsed
from keepcool.core.withdrawal_states import (
    Broadcast,
    Cancelled,
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

_AT_ONCE_MAX = 200
_HOLDING = (Drafted, PartlySigned, NeedsReview, Signed, Broadcast, Uncertain)


async def settle_seen(lane: MinterLane) -> bool:
    """Whether anything was."""
    rows = await lane.store.run(lambda tx: spendings.unaccounted(tx, lane.network, _AT_ONCE_MAX))
    if rows:
        lane.faults.reach(FaultPoint.APP_CONFIRMED)
    for one in rows:
        await lane.store.run(partial(_account, lane=lane, spent=one))
    return bool(rows)


async def burn_uncertain(lane: MinterLane) -> None:
    """A void that was refused or has expired is tried anew."""

    def work(tx: Connection) -> None:
        for one in store.in_states(tx, lane.network, [Uncertain], limit=_AT_ONCE_MAX):
            if isinstance(one.state, Uncertain) and one.state.then is not None and one.kind is not Kind.VOID:
                turns.void_again(tx, lane, one)

    await lane.store.run(work)


def _account(tx: Connection, lane: MinterLane, spent: Spent) -> None:
    """One inclusion. Fees first: they come out of the hold, which ends with the withdrawal."""
    ours = _signed_as(tx, spent)
    if ours is not None and isinstance(ours.state, Frozen):
        return  # once it is thawed
    spendings.account(tx, spent)
    if ours is None:
        return  # the deposits' office has frozen the wallet: nobody here drafted it
    wallet_fees.paid(tx, ours, spent, lane.clock.now_ms())
    if spent.failed:
        _failed(tx, lane, ours, spent)
        return
    inclusion = Inclusion(spent.transaction, spent.height, spent.block_hash)
    _confirm(tx, lane, ours, inclusion)
    for void in store.voids_of(tx, ours.id):
        if isinstance(void.state, Requested):
            lane.step_in(tx, void.id, Abandoned(Cancelled(), "there is nothing to burn"))
    for other in store.open_of_wallet(tx, spent.wallet):
        if other.id != ours.id and other.slot == spent.nonce and isinstance(other.state, _HOLDING):
            lane.step_in(tx, other.id, SlotUsed(inclusion))


def _signed_as(tx: Connection, spent: Spent) -> Withdrawal | None:
    where = (withdrawal.c.wallet == spent.wallet, withdrawal.c.digest == spent.digest)
    found = store.rows(tx, select(withdrawal).where(*where).order_by(withdrawal.c.number))
    return next(iter(found), None)


def _confirm(tx: Connection, lane: MinterLane, one: Withdrawal, inclusion: Inclusion) -> None:
    if isinstance(one.state, Signed | Broadcast | Uncertain):
        lane.step_in(tx, one.id, Seen(inclusion), transaction=inclusion.transaction)
        lane.step_in(tx, one.id, Finalized())
    elif is_open(one.state):
        # signatures we do not have exist: somebody else holds what we never put together
        lane.note_in(tx, "payout.breach", one.id, "it was sent before App had both signatures")
        lane.step_in(tx, one.id, Froze("it was sent before App had both signatures"))


def _failed(tx: Connection, lane: MinterLane, one: Withdrawal, spent: Spent) -> None:
    text = f"it failed in block {spent.height}: {spent.log or 'no reason told'}"
    lane.note_in(tx, "payout.failed", one.id, text)
    if one.kind is Kind.VOID:
        return  # it stays valid and is sent again
    burning = isinstance(one.state, Uncertain) and one.state.then is not None
    if isinstance(one.state, Signed | Broadcast | Uncertain) and not burning:
        lane.step_in(tx, one.id, Abandoned(Failed("payout.failed", text), text))
