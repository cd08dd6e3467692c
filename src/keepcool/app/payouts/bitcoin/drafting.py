"""Requested → Drafted: which coins pay which withdrawals, at which fees.

Laws: what would cost more than allowed is not drafted, so nobody has to sign it away; a batch that its coins
do not pay for is made smaller, and whoever cannot be paid even alone waits alone; drafts of one source are
made one after another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.payouts import holding, store, turns
from keepcool.app.payouts.bitcoin import batches, choosing, drafts, fees, groups
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose
from keepcool.app.payouts.bitcoin.choosing import Wanted
from keepcool.app.payouts.bitcoin.drafts import Plan, TooLarge, Treasury
from keepcool.app.payouts.bitcoin.fees import Rates
from keepcool.app.payouts.bitcoin.groups import Group
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.lane import wait_after
from keepcool.app.payouts.store import Withdrawal
from keepcool.chains.bitcoin.goals import Selection
from keepcool.core.errors import Breach, Conflict, KeepcoolError, Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.intent import Output
from keepcool.core.withdrawal_states import Requested

INPUTS_MAX = 400
BEHIND_MAX = 2  # blocks that may come while others are read
_NAME_BYTES = 12
_POOL_PARTS = 4


async def draft_all(lane: BitcoinLane) -> bool:
    """Draft what can be drafted now. True when anything was."""
    payments = await lane.store.run(lambda tx: groups.payments(tx, lane))
    if not payments:
        return False
    lane.faults.reach(FaultPoint.APP_REQUESTED)
    await _caught_up(lane)
    rates = await fees.rates(lane)
    by_source: dict[WalletId, list[Group]] = {}
    for group in payments:
        by_source.setdefault(group.source, []).append(group)
    done = await asyncio.gather(*(_in_turn(lane, some, rates) for some in by_source.values()))
    return any(done)


async def _caught_up(lane: BitcoinLane) -> None:
    """What happened while App was away comes first. Raises Unavailable while blocks are still to be read."""
    tip, read = await lane.node.tip(), await lane.store.run(lambda tx: drafts.followed(tx, lane))
    if read < tip.height - BEHIND_MAX:
        text = f"blocks are read up to {read} of {tip.height}: nothing is drafted before all of them are"
        raise Unavailable("deposits.behind", text)


async def _in_turn(lane: BitcoinLane, some: Sequence[Group], rates: Rates) -> bool:
    return any([await _guarded(lane, group, rates) for group in some])


async def _guarded(lane: BitcoinLane, group: Group, rates: Rates) -> bool:
    """One that fails is postponed and spoils no other."""
    try:
        return await _drafted(lane, group, rates) is not None
    except Breach as error:
        for one in group.members:
            await lane.freeze(one, error)
    except KeepcoolError as error:
        await _postpone(lane, group.members, error.public)
    return False


async def _postpone(lane: BitcoinLane, members: Sequence[Withdrawal], problem: str) -> None:
    now_ms = lane.clock.now_ms()

    def work(tx: Connection) -> None:
        for one in members:
            if isinstance(store.get(tx, one.id).state, Requested):
                wait_ms = wait_after(one.tries)
                store.postpone(tx, one.id, now_ms=now_ms, wait_ms=wait_ms, problem=problem)

    await lane.store.run(work)


async def _drafted(lane: BitcoinLane, group: Group, rates: Rates) -> Batch | None:
    """As many of the group as its coins pay for; the others wait for the next round."""
    members, inputs_max = await lane.store.run(lambda tx: _unfrozen(tx, lane, group.members)), INPUTS_MAX
    if not members:
        return None
    treasury = await lane.store.run(lambda tx: drafts.treasury(tx, lane, group.source))
    while True:
        wanted = _wanted(lane, members, treasury, inputs_max)
        try:
            rungs = await asyncio.to_thread(_choose, lane, treasury, wanted, rates)
            return await lane.store.run(partial(_make, lane=lane, treasury=treasury, found=(members, rungs)))
        except TooLarge:
            if inputs_max == 1:
                raise
            inputs_max = -(-len(rungs[0].coins) // 2)
        except (Conflict, Refused) as error:
            if not error.code.startswith("coins."):
                raise
            if len(members) == 1:
                await _alone(lane, members[0], error)
                return None
            members = members[: len(members) // 2]


async def _alone(lane: BitcoinLane, one: Withdrawal, error: Conflict | Refused) -> None:
    """It waits, or fails; those behind it do not wait with it."""
    try:
        if not isinstance(error, Refused):
            raise error
        await turns.hopeless(lane, one, error)
    except (Conflict, Refused) as why:
        await _postpone(lane, [one], why.public)


def _unfrozen(tx: Connection, lane: BitcoinLane, members: Sequence[Withdrawal]) -> tuple[Withdrawal, ...]:
    """Without those whose wallet is frozen: they wait, and hold up nobody."""
    found, now_ms = list[Withdrawal](), lane.clock.now_ms()
    for one in members:
        stopped = stops.of(tx, one)
        if stopped is not None:
            holding.hold_back(tx, one, now_ms=now_ms, problem=stopped)
        else:
            found.append(one)
    return tuple(found)


def _choose(lane: BitcoinLane, treasury: Treasury, wanted: Wanted, rates: Rates) -> tuple[Selection, ...]:
    goal = choosing.goal_of(lane.row, wanted, rates, lane.settings.fees)
    return choosing.climbed(treasury.coins(), goal, lane.settings.fees, lane.entropy)


def _wanted(lane: BitcoinLane, members: Sequence[Withdrawal], treasury: Treasury, inputs_max: int) -> Wanted:
    outputs = outputs_of(members)
    pooled = treasury.wallet.profile.pooled
    return Wanted(
        outputs=choosing.outputs_of(lane.row, outputs),
        fee_max=fee_bound(members),
        shape=treasury.shape,
        parts=_POOL_PARTS if pooled else 1,
        part_sat=sum(one.amount.units for one in outputs) if pooled else 0,
        inputs_max=inputs_max,
    )


def outputs_of(members: Sequence[Withdrawal]) -> tuple[Output, ...]:
    return tuple(output for one in members for output in turns.outputs_of(one))


def fee_bound(members: Sequence[Withdrawal]) -> int:
    """Of the whole batch: each pays its share by the number of its outputs, and no share exceeds what its
    withdrawal allows."""
    total = sum(len(one.payments) for one in members)
    return min(one.fee_max * total // len(one.payments) for one in members)


def _make(
    tx: Connection,
    lane: BitcoinLane,
    treasury: Treasury,
    found: tuple[tuple[Withdrawal, ...], tuple[Selection, ...]],
) -> Batch:
    """In one transaction with the steps of the withdrawals, which may have been cancelled meanwhile, or be
    paid by a block that was read since they were chosen."""
    members, rungs = found
    paid = groups.paid_already(tx, [one.id for one in members])
    for one in members:
        if not isinstance(store.get(tx, one.id).state, Requested) or one.id in paid:
            raise Conflict("withdrawal.moved", "a withdrawal of this batch has moved on: draft again")
    plan = Plan(
        id=_name(tx, lane, members),
        purpose=Purpose.PAY,
        outputs=outputs_of(members),
        fee_max=fee_bound(members),
        selections=rungs,
        members=members,
    )
    return drafts.make(tx, lane, plan, treasury)


def _name(tx: Connection, lane: BitcoinLane, members: Sequence[Withdrawal]) -> str:
    """A withdrawal's own id, the first time it is drafted alone; one id stands for one intent for ever."""
    if len(members) == 1 and not batches.of_withdrawal(tx, members[0].id):
        return members[0].id
    return fresh_name(lane, "b")


def fresh_name(lane: BitcoinLane, letter: str) -> str:
    return f"{letter}-{lane.entropy(_NAME_BYTES).hex()}"
