"""The three loops of a Minter lane: draft and sign, send, watch and settle."""

from __future__ import annotations

from functools import partial

from sqlalchemy import select

from keepcool.app.deposits.tables import spending
from keepcool.app.payouts import resting, signing
from keepcool.app.payouts.engine import Work
from keepcool.app.payouts.minter import drafting, sending, watching
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.core.withdrawal_states import Broadcast, Signed, Uncertain

_UNSENT = resting.asking(resting.opened(Signed, Broadcast, Uncertain))
_UNACCOUNTED = select(spending.c.number).where(
    spending.c.network == resting.NETWORK, spending.c.accounted.is_(False)
)
_UNSETTLED = resting.asking(resting.opened(), _UNACCOUNTED.exists())


def works(lane: MinterLane) -> list[Work]:
    return [
        Work("sign", lane, partial(draft_and_sign, lane), resting.of(lane, resting.UNSIGNED)),
        Work("send", lane, partial(sending.send_all, lane), resting.of(lane, _UNSENT)),
        Work("watch", lane, partial(watch, lane), resting.of(lane, _UNSETTLED)),
    ]


async def draft_and_sign(lane: MinterLane) -> bool:
    drafted = await drafting.draft_all(lane)
    return await signing.sign_all(lane) or drafted


async def watch(lane: MinterLane) -> bool:
    settled = await watching.settle_seen(lane)
    await watching.end_used(lane)
    await watching.burn_uncertain(lane)
    return settled
