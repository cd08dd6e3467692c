"""Signed → handed to the network: the cheapest rung first, and a dearer one when that is too little.

Laws: that a rung is handed out is stored before it is; what was handed out is sent again byte for byte until
a block has it; a dearer rung of the same coins is never a second payment; what no node will ever take, or
would pay with others somebody who may not be paid now, is abandoned, and its coins are burnt before anything
else happens with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.deposits import events
from keepcool.app.payouts import store
from keepcool.app.payouts.bitcoin import batches, ending, groups
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.lane import wait_after
from keepcool.core.errors import Breach, KeepcoolError, Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal import Abandoned, SendUnclear, Sent
from keepcool.core.withdrawal_states import Broadcast, Failed, Signed, Uncertain
from keepcool.ports.bitcoinnode import Why

AT_ONCE_MAX = 50
RESEND_AFTER_MS = 15_000
_PATIENCE_TRIES = 5
_TOGETHER_MAX = 8


@dataclass(frozen=True, slots=True)
class Load:
    """A batch, those of its rungs that may be sent, and the one to send now."""

    batch: Batch
    rungs: tuple[Rung, ...]
    now: Rung


async def send_all(lane: BitcoinLane) -> bool:
    """Whether anything was handed out for the first time."""
    due = await lane.store.run(lambda tx: _due(tx, lane))
    room = asyncio.Semaphore(_TOGETHER_MAX)

    async def one(each: Batch) -> bool:
        async with room:
            return await _guarded(lane, each)

    return any(await asyncio.gather(*(one(each) for each in due)))


def _due(tx: Connection, lane: BitcoinLane) -> list[Batch]:
    """Without those that a block has; what is frozen or suspended waits, unless it was sent already, and
    holds up nobody it shares a transaction with."""
    now_ms, wanted = lane.clock.now_ms(), list[Batch]()
    stages = [Stage.SIGNED, Stage.SENT]
    for one in batches.in_stages(tx, lane.network, stages, limit=AT_ONCE_MAX, due_ms=now_ms):
        if one.seen is not None:
            postpone(tx, lane, one, "it is in a block")
        elif one.stage is Stage.SIGNED and _is_taken_apart(tx, lane, one):
            continue
        elif one.stage is Stage.SIGNED and _is_stopped(tx, lane, one):
            postpone(
                tx, lane, one, _held(tx, one) or "it is frozen, to be burnt, or another one is paying it"
            )
        else:
            wanted.append(one)
    return wanted


def _is_stopped(tx: Connection, lane: BitcoinLane, one: Batch) -> bool:
    return _held(tx, one) is not None or _is_stopped_otherwise(tx, lane, one)


def _is_stopped_otherwise(tx: Connection, lane: BitcoinLane, one: Batch) -> bool:
    members = ending.members_of(tx, one)
    wanted = all(isinstance(each.state, Signed | Uncertain) and _is_wanted(each) for each in members)
    if not wanted or events.frozen(tx, lane.network, one.source) is not None:
        return True
    # one given up may have come into a block after all, between drafting and now
    return bool(batches.seen_paying(tx, [each.id for each in members], but=one.id))


def _held(tx: Connection, one: Batch) -> str | None:
    """Why an operator has somebody whom it pays wait."""
    told = (stops.of_operators(tx, each) for each in ending.members_of(tx, one))
    return next((text for text in told if text is not None), None)


def _is_taken_apart(tx: Connection, lane: BitcoinLane, one: Batch) -> bool:
    """Nobody can be taken out of what both have signed. So where others are paid as well it is given up: once
    its coins are burnt they are paid without him, and he from the beginning when he is resumed."""
    members = ending.members_of(tx, one)
    why, goes_on = _held(tx, one), [each for each in members if stops.of_operators(tx, each) is None]
    if why is None or not goes_on or one.purpose is not Purpose.PAY or _is_stopped_otherwise(tx, lane, one):
        return False
    lane.note_in(tx, "payout.taken_apart", one.id, f"{why}; it is burnt, and the others are paid without it")
    ending.give_up(tx, lane, one, why)
    return True


def _is_wanted(one: store.Withdrawal) -> bool:
    return not (isinstance(one.state, Uncertain) and one.state.then is not None)


async def _guarded(lane: BitcoinLane, one: Batch) -> bool:
    try:
        load = await lane.store.run(lambda tx: loaded(tx, lane, one.id))
        return load is not None and await hand_out(lane, load)
    except KeepcoolError as error:
        text = error.public
        if isinstance(error, Breach):
            await lane.note("payout.breach", one.id, f"{error.code}: {text}")
        await lane.store.run(lambda tx: postpone(tx, lane, one, text, wait_after(one.tries)))
    return False


def loaded(tx: Connection, lane: BitcoinLane, name: str, place: int | None = None) -> Load | None:
    """What to send of a batch: rung `place`, or the highest that was sent before. That it is, is stored here,
    so that nobody cancels it any more."""
    one = batches.get(tx, name)
    rungs = sendable(tx, name)
    if one.stage not in (Stage.SIGNED, Stage.SENT) or not rungs:
        return None
    if one.stage is Stage.SIGNED and _is_stopped(tx, lane, one):
        return None
    wanted = place if place is not None else (one.sent_rung or 0)
    now = next((rung for rung in rungs if rung.place == wanted), rungs[0])
    if now.txid is not None:
        for each in batches.members(tx, name):
            store.name_transaction(tx, each, now.txid)
    now_ms = lane.clock.now_ms()
    if now.sent_at_ms is None:
        batches.change_rung(tx, name, now.place, sent_at_ms=now_ms)
        one = batches.change(tx, name, now_ms, sent_rung=now.place, sent_at_ms=now_ms)
    return Load(one, tuple(rungs), now)


def sendable(tx: Connection, name: str) -> list[Rung]:
    """The rungs both have signed, cheapest first."""
    return [rung for rung in batches.rungs(tx, name) if rung.raw is not None and rung.dropped is None]


async def hand_out(lane: BitcoinLane, load: Load) -> bool:
    """Whether it left us for the first time."""
    one, raw = load.batch, load.now.raw
    if raw is None:
        raise Breach("batch.row", f"batch {one.id} is signed and lacks its transaction")
    first = one.stage is Stage.SIGNED
    if first:
        lane.faults.reach(FaultPoint.APP_PURSE_STORED)
    try:
        await lane.node.send(raw)
    except Unavailable as error:
        if first and error.code != "node.unreachable":
            await lane.store.run(partial(_unclear, lane=lane, one=one, why=error.public))
        raise
    except Refused as error:
        return await _rejected(lane, load, error)
    if first:
        lane.faults.reach(FaultPoint.APP_SENT)
    await lane.store.run(lambda tx: _sent(tx, lane, one))
    return first


def _sent(tx: Connection, lane: BitcoinLane, one: Batch) -> None:
    for each in ending.members_of(tx, one):
        if isinstance(each.state, Signed | Uncertain):
            lane.step_in(tx, each.id, Sent())
    if batches.get(tx, one.id).stage is Stage.SIGNED:
        batches.change(tx, one.id, lane.clock.now_ms(), stage=Stage.SENT.value)
    postpone(tx, lane, one, "waits for a block", RESEND_AFTER_MS)


def _unclear(tx: Connection, lane: BitcoinLane, one: Batch, why: str) -> None:
    """It may be in a pool: from now on it counts as sent."""
    for each in ending.members_of(tx, one):
        if isinstance(each.state, Signed):
            lane.step_in(tx, each.id, SendUnclear(why))
    batches.change(tx, one.id, lane.clock.now_ms(), stage=Stage.SENT.value)


async def _rejected(lane: BitcoinLane, load: Load, error: Refused) -> bool:
    """Too little for the pool: the next rung. Spent or in conflict: what blocks show decides. What a node
    will never take is abandoned after some patience."""
    if error.code != "node.rejected":  # of the node itself: it says nothing of this transaction
        raise Unavailable(error.code, error.public)
    one, why = load.batch, str(error.fields.get("why", Why.OTHER.value))
    dearer = next((rung for rung in load.rungs if rung.place > load.now.place), None)
    if why in (Why.FEE.value, Why.POOL_FULL.value) and dearer is not None:
        following = await lane.store.run(lambda tx: loaded(tx, lane, one.id, dearer.place))
        return following is not None and await hand_out(lane, following)
    if why == Why.OTHER.value and one.tries >= _PATIENCE_TRIES and one.stage is Stage.SIGNED:
        await lane.store.run(lambda tx: _abandon(tx, lane, one, error.public))
        return False
    if why in (Why.FEE.value, Why.POOL_FULL.value):
        await lane.note("payout.fee_low", one.id, f"nodes take it for no fee that was signed: {error.public}")
    raise Unavailable("payout.rejected", error.public)


def _abandon(tx: Connection, lane: BitcoinLane, one: Batch, text: str) -> None:
    """It stays ours to burn: its signatures exist. Of many, the one that nodes do not take is found."""
    lane.note_in(tx, "payout.rejected", one.id, text)
    members = [each for each in ending.members_of(tx, one) if isinstance(each.state, Signed | Broadcast)]
    if one.purpose is Purpose.PAY and len(members) > 1:
        groups.split(tx, one.id, [each.id for each in members])
        ending.give_up(tx, lane, one, text)
        return
    for each in members:
        if one.purpose is Purpose.PAY:
            lane.step_in(tx, each.id, Abandoned(Failed("payout.rejected", text), text))
    ending.end(tx, lane, one, text)


def postpone(
    tx: Connection, lane: BitcoinLane, one: Batch, problem: str, wait_ms: int = RESEND_AFTER_MS
) -> None:
    batches.postpone(tx, one.id, now_ms=lane.clock.now_ms(), wait_ms=wait_ms, problem=problem)


def highest_sent(rungs: Sequence[Rung]) -> Rung | None:
    """What the pools may hold."""
    return max(
        (rung for rung in rungs if rung.sent_at_ms is not None), key=lambda one: one.place, default=None
    )
