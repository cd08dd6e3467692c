"""Whose turn it is: one transaction of a wallet at a time, in the order of the requests.

Laws: a void goes before what waits, and beside the one it burns; a slot that any signer may have signed for
something abandoned is burnt before it is used again; what nobody has signed fails at no cost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from sqlalchemy import Connection, select

from keepcool.app.controls import stops
from keepcool.app.payouts import answers, store
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.wallets import Wallet
from keepcool.core import ids
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.withdrawal import Abandoned
from keepcool.core.withdrawal_states import (
    Confirmed,
    Failed,
    Replaced,
    Requested,
    Uncertain,
    is_open,
)

AT_ONCE_MAX = 200
_PATIENCE_TRIES = 4  # a lagging node can make a good payment look bad
_VOID_AGAIN_MS = 30_000


async def draft_all(lane: Lane, draft: Callable[[Withdrawal], Awaitable[Withdrawal | None]]) -> bool:
    """Draft what can be drafted now. True when anything was."""
    due = await lane.store.run(lambda tx: next_in_line(tx, lane))
    if due:
        lane.faults.reach(FaultPoint.APP_REQUESTED)
    return bool(await lane.each(due, draft))


def next_in_line(tx: Connection, lane: Lane) -> list[Withdrawal]:
    """Per wallet the one request whose turn it is and whose wait is over."""
    now_ms = lane.clock.now_ms()
    turns: dict[str, Withdrawal] = {}
    for wallet in store.wallets_waiting(tx, lane.network, limit=AT_ONCE_MAX, due_ms=now_ms):
        turn = whose_turn(store.open_of_wallet(tx, wallet))
        if turn is not None and store.is_due(turn, now_ms):
            turns[wallet] = turn
    return list(turns.values())


def whose_turn(opened: Iterable[Withdrawal]) -> Withdrawal | None:
    """Of a wallet's open withdrawals, the one to draft next; None while another must end first. A void
    goes before what waits, and beside the one it burns."""
    rows = list(opened)
    waiting = [one for one in rows if isinstance(one.state, Requested)]
    busy = [one for one in rows if not isinstance(one.state, Requested)]
    voids = [one for one in waiting if one.kind is Kind.VOID]
    if busy:
        burning = {one.id for one in busy if isinstance(one.state, Uncertain) and one.state.then is not None}
        others = [one for one in busy if one.id not in burning]
        return next((one for one in voids if one.voids in burning and not others), None)
    return next(iter(voids or waiting), None)


def needs_void(tx: Connection, lane: Lane, one: Withdrawal, slot: int) -> bool:
    """A signer that may have signed for this slot signs no other payment there."""
    return one.kind is not Kind.VOID and is_spoilt(tx, lane, one.wallet, slot)


def is_spoilt(tx: Connection, lane: Lane, wallet: WalletId, slot: int) -> bool:
    """Whether something abandoned may be signed for this slot of a wallet; a void of it is asked for then."""
    ended = select(withdrawal).where(withdrawal.c.wallet == wallet, withdrawal.c.slot == slot)
    for earlier in store.rows(tx, ended.order_by(withdrawal.c.number.desc())):
        done = is_open(earlier.state) or isinstance(earlier.state, Confirmed | Replaced)
        if not done and answers.may_be_signed(tx, earlier.id):
            store.request_void(tx, earlier, lane.clock.now_ms())
            return True
    return False


def intent_of(lane: Lane, one: Withdrawal, expires_at_s: int) -> Intent:
    voids = one.kind is Kind.VOID
    return Intent(
        intent=ids.intent_id(one.id),
        purpose=Purpose.VOID if voids else Purpose.PAY,
        network=lane.network,
        source=one.wallet,
        outputs=() if voids else outputs_of(one),
        fee_max=Amount(lane.native, one.fee_max),
        expires_at_s=expires_at_s,
    )


async def hopeless(lane: Lane, one: Withdrawal, error: Refused) -> Withdrawal | None:
    """Nobody has signed: it fails at no cost, once a node had the time to catch up."""
    if one.tries < _PATIENCE_TRIES or one.kind is Kind.VOID:
        raise error
    return await lane.step(one.id, Abandoned(Failed(error.code, error.public), error.code))


def void_again(tx: Connection, lane: Lane, one: Withdrawal) -> None:
    """A void that was refused or has expired is tried anew, with a new intent, after a while."""
    voids: Sequence[Withdrawal] = store.voids_of(tx, one.id)
    now_ms = lane.clock.now_ms()
    if any(store.is_under_way(void) or isinstance(void.state, Confirmed) for void in voids):
        return
    if not voids or abs(now_ms - voids[-1].updated_at_ms) >= _VOID_AGAIN_MS:
        if voids:
            lane.note_in(tx, "payout.void_needed", one.id, f"{len(voids)} voids of its slot have failed")
        store.request_void(tx, one, now_ms)


def unfrozen(tx: Connection, lane: Lane, one: Withdrawal) -> Wallet:
    """The verified wallet. Raises Unavailable `wallet.frozen` while what the chain showed is unexplained, or
    an operator has suspended payments like this one."""
    stopped = stops.of(tx, one)
    if stopped is not None:
        raise Unavailable("wallet.frozen", f"not now: {stopped}")
    return lane.attesters.wallet(tx, one.wallet)


def outputs_of(one: Withdrawal) -> tuple[Output, ...]:
    return tuple(Output(to, Amount(one.asset, units)) for to, units in one.payments)
