"""The three loops of an EVM lane: draft and sign, execute and send, watch and settle."""

from __future__ import annotations

from functools import partial

from keepcool.app.payouts import signing
from keepcool.app.payouts.engine import Work
from keepcool.app.payouts.evm import (
    bumping,
    drafting,
    executing,
    gaps,
    reconciling,
    sending,
    stopping,
    sweeping,
    watching,
)
from keepcool.app.payouts.evm.lane import EvmLane


def works(lane: EvmLane) -> list[Work]:
    named = (("sign", draft_and_sign), ("send", execute), ("watch", watch))
    return [Work(name, lane, partial(work, lane)) for name, work in named]


async def draft_and_sign(lane: EvmLane) -> bool:
    await lane.store.run(lambda tx: stopping.let_go(tx, lane))
    drafted = await drafting.draft_all(lane)
    return await signing.sign_all(lane) or drafted


async def execute(lane: EvmLane) -> bool:
    purse = await sending.learn_purse(lane)
    planned = bool(await executing.plan_all(lane, purse))
    planned = await sweeping.plan_all(lane, purse) or planned
    await bumping.bump_stuck(lane)
    if await sending.sign_stored(lane):
        await gaps.fill(lane)
    await sending.send_all(lane)
    return planned


async def watch(lane: EvmLane) -> bool:
    seen = await watching.look_for_receipts(lane)
    final = await executing.final_block(lane)
    posted = await reconciling.reconcile(lane, final)
    settled = await watching.finalize(lane, final)
    settled = await lane.store.run(lambda tx: stopping.settle_left(tx, lane)) or settled
    await watching.resolve_uncertain(lane)
    return seen or posted or settled
