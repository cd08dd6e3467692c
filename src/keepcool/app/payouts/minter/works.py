"""The three loops of a Minter lane: draft and sign, send, watch and settle."""

from __future__ import annotations

from functools import partial

from keepcool.app.payouts import signing
from keepcool.app.payouts.engine import Work
from keepcool.app.payouts.minter import drafting, sending, watching
from keepcool.app.payouts.minter.lane import MinterLane


def works(lane: MinterLane) -> list[Work]:
    named = (("sign", draft_and_sign), ("send", sending.send_all), ("watch", watch))
    return [Work(name, lane, partial(work, lane)) for name, work in named]


async def draft_and_sign(lane: MinterLane) -> bool:
    drafted = await drafting.draft_all(lane)
    return await signing.sign_all(lane) or drafted


async def watch(lane: MinterLane) -> bool:
    settled = await watching.settle_seen(lane)
    await watching.end_used(lane)
    await watching.burn_uncertain(lane)
    return settled
