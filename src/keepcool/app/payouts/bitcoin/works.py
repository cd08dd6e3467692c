"""The three loops of a Bitcoin lane: draft and sign, send and raise, watch and settle."""

from __future__ import annotations

from functools import partial

from sqlalchemy import ColumnElement, select

from keepcool.app.payouts import resting
from keepcool.app.payouts.bitcoin import (
    bumping,
    burning,
    consolidating,
    drafting,
    sending,
    signing,
    watching,
)
from keepcool.app.payouts.bitcoin.batches import OPEN, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.app.payouts.engine import Work

_HERE = select(batch.c.id).where(batch.c.network == resting.NETWORK)


def _batches(*stages: Stage) -> ColumnElement[bool]:
    return _HERE.where(batch.c.stage.in_([one.value for one in stages])).exists()


_UNSENT = resting.asking(_batches(Stage.SIGNED, Stage.SENT))
# coins come and go with blocks, what is to be gathered or was final with them
_UNSETTLED = resting.asking_beside_chain(
    resting.opened(), _batches(*OPEN), _HERE.where(batch.c.tainted.is_(True)).exists()
)


def works(lane: BitcoinLane) -> list[Work]:
    return [
        Work("sign", lane, partial(draft_and_sign, lane), resting.BesideChain(lane, _UNSETTLED)),
        Work("send", lane, partial(send_and_raise, lane), resting.of(lane, _UNSENT)),
        Work("watch", lane, partial(watch, lane), resting.BesideChain(lane, _UNSETTLED)),
    ]


async def draft_and_sign(lane: BitcoinLane) -> bool:
    drafted = await burning.burn_all(lane)
    drafted = await drafting.draft_all(lane) or drafted
    drafted = await consolidating.gather_all(lane) or drafted
    return await signing.sign_all(lane) or drafted


async def send_and_raise(lane: BitcoinLane) -> bool:
    sent = await sending.send_all(lane)
    return await bumping.bump_all(lane) or sent


async def watch(lane: BitcoinLane) -> bool:
    followed = await watching.follow_chain(lane)
    settled = await watching.settle_seen(lane) or followed
    await watching.burn_uncertain(lane)
    await watching.resend_orphaned(lane)
    return settled
