"""Broadcast → Confirmed: receipts of every attempt, until one is final.

Laws: any attempt ever signed may be the one that confirms, so all of them are looked for; paid is what the
Safe's own event says of our SafeTx hash; a block that vanishes takes the confirmation with it.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from keepcool.app.payouts import carried, purses, store, turns
from keepcool.app.payouts.evm import executing, safes
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Attempt, Purpose, Stage
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.core.errors import Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal import Finalized, Froze, Orphaned, Seen, SlotUsed
from keepcool.core.withdrawal_states import (
    Broadcast,
    Inclusion,
    Signed,
    Uncertain,
    draft_of,
    is_open,
)
from keepcool.ports.evmnode import Receipt

_RECEIPTS_AT_ONCE = 16
_ROWS_AT_ONCE = 200


async def look_for_receipts(lane: EvmLane) -> bool:
    """True when anything was newly seen or lost. What was seen is asked for again when its block is gone."""
    alive = await lane.store.run(lambda tx: purses.in_stages(tx, lane.network, purses.ALIVE))
    if not alive:
        return False
    room = asyncio.Semaphore(_RECEIPTS_AT_ONCE)
    blocks = {one.block: one.block_hash for one in alive if one.block is not None}

    async def standing(number: int) -> tuple[int, str]:
        async with room:
            header = await lane.node.header(number)
        return number, "" if header is None else "0x" + header.hash.hex()

    async def receipt(one: Attempt) -> Receipt | None:
        async with room:
            return await lane.node.receipt(bytes.fromhex((one.hash or "0x")[2:]))

    stand = dict(await asyncio.gather(*(standing(number) for number in blocks)))
    due = [one for one in alive if one.block is None or stand[one.block] != one.block_hash]
    pairs = list(zip(due, await asyncio.gather(*(receipt(one) for one in due)), strict=True))
    news = await lane.store.run(lambda tx: [_noted(tx, lane, one, receipt) for one, receipt in pairs])
    if any(news):
        lane.faults.reach(FaultPoint.APP_CONFIRMED)
    return any(news)


async def finalize(lane: EvmLane, final: int) -> bool:
    """Settle what was seen in a block that is now final. True when anything was."""
    rows = await lane.store.run(
        lambda tx: store.in_states(tx, lane.network, [Broadcast], limit=_ROWS_AT_ONCE)
    )
    seen = [
        one
        for one in rows
        if isinstance(one.state, Broadcast) and one.state.seen and one.state.seen.block <= final
    ]
    return bool(await lane.each(seen, lambda one: _finalize(lane, one)))


async def resolve_uncertain(lane: EvmLane) -> None:
    """What may or may not confirm: see whether its slot is used, and burn it when it shall not."""
    now_ms = lane.clock.now_ms()
    rows = await lane.store.run(
        lambda tx: store.in_states(tx, lane.network, [Uncertain], limit=_ROWS_AT_ONCE, due_ms=now_ms)
    )
    await lane.each(rows, lambda one: _resolve(lane, one))


def _noted(tx: Connection, lane: EvmLane, one: Attempt, receipt: Receipt | None) -> bool:
    if receipt is None:
        return _lost(tx, lane, one) if one.stage is Stage.SEEN else False
    block_hash = "0x" + receipt.block_hash.hex()
    news = one.stage is not Stage.SEEN or one.block_hash != block_hash
    if news:
        purses.update(
            tx,
            one.number,
            stage=Stage.SEEN.value,
            block=receipt.block_number,
            block_hash=block_hash,
            succeeded=receipt.succeeded,
            fee_paid=receipt.fee_wei,
        )
    if one.purpose is Purpose.EXECUTE and one.withdrawal is not None and receipt.succeeded:
        inclusion = Inclusion(one.hash or "", receipt.block_number, block_hash)
        _executed(tx, lane, store.get(tx, one.withdrawal), receipt, inclusion)
    return news


def _lost(tx: Connection, lane: EvmLane, one: Attempt) -> bool:
    """The block that held it is gone: it waits in the pool again, or is sent again."""
    gone = {"block": None, "block_hash": None, "succeeded": None, "fee_paid": None}
    purses.update(tx, one.number, stage=Stage.SENT.value, sent_at_ms=0, **gone)
    state = store.get(tx, one.withdrawal).state if one.withdrawal else None
    if isinstance(state, Broadcast) and state.seen and state.seen.transaction == one.hash:
        lane.step_in(tx, one.withdrawal or "", Orphaned())
    return True


def _executed(tx: Connection, lane: EvmLane, one: Withdrawal, receipt: Receipt, where: Inclusion) -> None:
    draft = draft_of(one.state)
    if draft is None or not isinstance(one.state, Signed | Broadcast | Uncertain):
        return
    if isinstance(one.state, Broadcast) and one.state.seen == where:
        return
    safe = draft.slot.space.partition(":")[2]
    if not safes.executed_in(receipt, safe).get(draft.digest, False):
        return
    lane.step_in(tx, one.id, Seen(where), transaction=where.transaction)
    paid = [] if one.kind is Kind.VOID else carried.members(tx, one.id) or [one]
    for name in safes.unpaid(receipt, safe, [(each.id, turns.outputs_of(each)) for each in paid]):
        text = f"the Safe ran it in {where.transaction}, but the token tells of no such transfer"
        lane.note_in(tx, "payout.no_transfer", name, text)
        if is_open(store.get(tx, name).state):
            lane.step_in(tx, name, Froze(text))


async def _finalize(lane: EvmLane, one: Withdrawal) -> Withdrawal | None:
    seen = one.state.seen if isinstance(one.state, Broadcast) else None
    if seen is None:
        return None
    header = await lane.node.header(seen.block)
    if header is None:
        raise Unavailable("node.lagging", f"the node of {lane.network} lacks block {seen.block}")
    if "0x" + header.hash.hex() != seen.block_hash:
        return await lane.step(one.id, Orphaned())
    return await lane.store.run(lambda tx: _settled(tx, lane, one, seen))


def _settled(tx: Connection, lane: EvmLane, one: Withdrawal, seen: Inclusion) -> Withdrawal | None:
    if store.get(tx, one.id).state != one.state:
        return None
    after = lane.step_in(tx, one.id, Finalized())
    if one.voids is not None:
        target = store.get(tx, one.voids)
        if isinstance(target.state, Uncertain) and target.slot == one.slot:
            lane.step_in(tx, target.id, SlotUsed(seen))
    return after


async def _resolve(lane: EvmLane, one: Withdrawal) -> None:
    draft = draft_of(one.state)
    if draft is None or not isinstance(one.state, Uncertain):
        return
    safe = draft.slot.space.partition(":")[2]
    if await safes.nonce(lane.node, safe) > draft.slot.position:
        if not await lane.store.run(lambda tx: _being_burnt(tx, one)):
            await executing.slot_gone(lane, one, safe)
    elif one.state.then is not None and one.kind is not Kind.VOID:
        await lane.store.run(lambda tx: turns.void_again(tx, lane, one))


def _being_burnt(tx: Connection, one: Withdrawal) -> bool:
    """A void of ours was seen at this slot: when it is final, so is the end of what it burns."""
    voids = store.voids_of(tx, one.id)
    return any(isinstance(void.state, Broadcast) and void.state.seen is not None for void in voids)
