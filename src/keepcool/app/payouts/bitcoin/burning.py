"""Burning: the coins of a batch that was given up are spent back to change, so that no signature over any of
them is worth anything.

Laws: a burn spends every coin of its batch; what was asked for as a void, or could be sent by whoever reads
this database, is burnt at once, what else nobody waits for only when a payment lacks its coins.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from keepcool.app.coins import book
from keepcool.app.payouts import store
from keepcool.app.payouts.bitcoin import batches, choosing, drafts, fees, groups, said, sending, serving
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Stage
from keepcool.app.payouts.bitcoin.drafts import Treasury
from keepcool.app.payouts.bitcoin.fees import Rates, climbing
from keepcool.app.payouts.bitcoin.groups import Group
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.serving import AT_ONCE_MAX
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.chains.bitcoin import ladder
from keepcool.chains.bitcoin.goals import Method, balanced
from keepcool.core.errors import Conflict, KeepcoolError
from keepcool.core.withdrawal_states import Requested


async def burn_all(lane: BitcoinLane) -> bool:
    """Voids that were asked for, and coins that wait to be burnt while payments lack coins."""
    asked = await lane.store.run(lambda tx: _asked(tx, lane))
    if not asked:
        return False
    rates = await fees.rates(lane)
    return any([await _burnt(lane, group, rates) for group in asked[:AT_ONCE_MAX]])


def _asked(tx: Connection, lane: BitcoinLane) -> list[Group]:
    """Each batch once: a second burn of the same coins could only lose."""
    voids = groups.burns(tx, lane)
    named = {one.burns for one in voids}
    return voids + [one for one in _lacking(tx, lane) if one.burns not in named]


async def _burnt(lane: BitcoinLane, group: Group, rates: Rates) -> bool:
    try:
        await lane.store.run(lambda tx: _burn(tx, lane, group, rates))
    except KeepcoolError as error:
        now_ms, text = lane.clock.now_ms(), error.public
        await lane.note("payout.void_needed", group.burns or "", text)
        await lane.store.run(lambda tx: _put_off(tx, group, now_ms, text))
        return False
    return True


def _put_off(tx: Connection, group: Group, now_ms: int, text: str) -> None:
    for one in group.members:
        if isinstance(store.get(tx, one.id).state, Requested):
            store.postpone(tx, one.id, now_ms=now_ms, wait_ms=store.WAIT_MS_MAX, problem=text)


def _lacking(tx: Connection, lane: BitcoinLane) -> list[Group]:
    """Batches that ended with coins both have signed for; or one may have, and a payment waits for them."""
    where = (batch.c.network == lane.network, batch.c.tainted.is_(True), batch.c.stage == Stage.ENDED.value)
    found = list[Group]()
    rows = batches.rows(tx, select(batch).where(*where).order_by(batch.c.number).limit(AT_ONCE_MAX))
    waiting = store.in_states(tx, lane.network, [Requested], limit=groups.READ_MAX) if rows else []
    hungry = {groups.source_of(tx, one.wallet) for one in waiting if one.tries}
    for one in rows:
        burns = batches.children(tx, one.id, Purpose.BURN)
        idle = all(each.stage is Stage.ENDED for each in burns)
        paused = serving.is_paused(tx, lane, Purpose.BURN, batch.c.parent == one.id)
        if (one.source in hungry or said.is_whole(tx, one.id)) and idle and not paused:
            found.append(Group(one.source, (), one.id))
    return found


def _burn(tx: Connection, lane: BitcoinLane, group: Group, rates: Rates) -> None:
    parent = batches.get(tx, group.burns or "")
    treasury = _treasury_of(tx, lane, parent)
    spent = sending.highest_sent(batches.rungs(tx, parent.id))
    above = 0 if spent is None else spent.fee_rate + lane.row.fee_rate_step
    raised = replace(rates, now=max(rates.now, above))
    fee_max = serving.fee_bound(lane)
    goal = serving.goal_of(lane, treasury, fee_max, raised)
    first = balanced(goal, treasury.coins(), Method.CONSOLIDATION)
    if first is None or first.fee_sat > fee_max:
        raise Conflict("coins.insufficient", "the coins to burn do not pay for their own void")
    rungs = ladder.ladder(first, choosing.climbable(goal), climbing(goal.rate, lane.settings.fees))
    plan = serving.plan_of(lane, Purpose.BURN, rungs, parent.id)
    # its coins are leased to the batch it burns
    plan = replace(plan, members=group.members, leases=False)
    if group.members:
        plan = replace(plan, id=group.members[0].id)
    drafts.make(tx, lane, plan, treasury)


def _treasury_of(tx: Connection, lane: BitcoinLane, parent: Batch) -> Treasury:
    """The coins of a batch, and no others."""
    wallet = drafts.source_wallet(tx, lane, parent.source)
    outpoints = [(each.txid, each.vout) for each in batches.coins(tx, parent.id)]
    held = book.get_coins(tx, lane.network, outpoints)
    if len(held) != len(outpoints):
        raise Conflict("coins.unknown", "a coin of this batch is not known any more")
    return drafts.of_coins(parent.source, wallet, drafts.followed(tx, lane), held)
