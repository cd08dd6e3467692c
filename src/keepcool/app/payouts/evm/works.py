"""The three loops of an EVM lane: draft and sign, execute and send, watch and settle."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from sqlalchemy import func, select

from keepcool.app.deposits.tables import lying
from keepcool.app.payouts import resting, signing
from keepcool.app.payouts.engine import Work
from keepcool.app.payouts.evm import (
    bumping,
    drafting,
    executing,
    gaps,
    groups,
    reconciling,
    sending,
    stopping,
    strays,
    sweeping,
    watching,
)
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import PENDING, Stage
from keepcool.app.pools.tables import pool
from keepcool.core.withdrawal_states import Broadcast, Signed, Uncertain

_PURSE_EVERY_MS = 1_000  # on a chain whose blocks come faster, its balance is read no more often
_TO_SWEEP = select(lying.c.wallet).join(pool, (pool.c.id == lying.c.pool) & (pool.c.id != lying.c.wallet))
_UNSENT = resting.asking(
    resting.opened(Signed, Broadcast),
    resting.attempted(Stage.STORED, Stage.SIGNED, Stage.SENT),
    _TO_SWEEP.where(pool.c.network == resting.NETWORK).exists(),
).add_columns(select(func.max(pool.c.number)).where(pool.c.network == resting.NETWORK).scalar_subquery())
_UNSETTLED = resting.asking_beside_chain(
    resting.opened(Broadcast, Uncertain), resting.carried(), resting.attempted(*PENDING)
)


def works(lane: EvmLane) -> list[Work]:
    watching_rest = resting.BesideChain(lane, _UNSETTLED, _PURSE_EVERY_MS)
    return [
        Work("sign", lane, partial(draft_and_sign, lane), resting.of(lane, resting.UNSIGNED)),
        Work("send", lane, partial(execute, lane), partial(_sending_rests, lane)),
        Work("watch", lane, partial(watch, lane), watching_rest),
    ]


async def _sending_rests(lane: EvmLane) -> Hashable | None:
    """Not while it is time to look for coins at addresses of nobody; a pool that is new is looked at."""
    if any(strays.is_due(lane, name) for name in lane.looks):
        return None
    return await resting.of(lane, _UNSENT)()


async def draft_and_sign(lane: EvmLane) -> bool:
    await lane.store.run(lambda tx: stopping.let_go(tx, lane))
    done = await drafting.draft_all(lane)
    signed = await signing.sign_all(lane, partial(groups.may_ask, again=done.again))
    return signed or done.drafted or bool(done.again)


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
