"""The three loops of a Bitcoin lane: draft and sign, send and raise, watch and settle."""

from __future__ import annotations

from functools import partial

from keepcool.app.payouts.bitcoin import (
    bumping,
    burning,
    consolidating,
    drafting,
    sending,
    signing,
    watching,
)
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.engine import Work


def works(lane: BitcoinLane) -> list[Work]:
    named = (("sign", draft_and_sign), ("send", send_and_raise), ("watch", watch))
    return [Work(name, lane, partial(work, lane)) for name, work in named]


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
