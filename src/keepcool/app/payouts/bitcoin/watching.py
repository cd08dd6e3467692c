"""Broadcast → Confirmed: what the deposits' follower saw of our drafts, in blocks and in the pool.

Laws: a payment is found by its body, whatever anybody made of its id; a block counts until it is orphaned,
and a payment counts as final at the depth its amount asks for; coins that somebody else has spent end nothing
but stop everything.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, and_, select

from keepcool.app.coins import book, previous
from keepcool.app.coins.drafts import Spending
from keepcool.app.coins.tables import coin, lease
from keepcool.app.deposits import position
from keepcool.app.deposits.position import BLOCKS_KEPT
from keepcool.app.payouts import store, turns
from keepcool.app.payouts.bitcoin import batches, ending, following, sending, settling
from keepcool.app.payouts.bitcoin.batches import OPEN, Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.following import WATCHED_BLOCKS
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch, spent
from keepcool.core.errors import KeepcoolError
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal import Froze, Orphaned, Seen
from keepcool.core.withdrawal_states import Broadcast, Frozen, Inclusion, Uncertain, is_open

AT_ONCE_MAX = 500
_FIRST = {Purpose.LIFT: 0, Purpose.BURN: 1, Purpose.PAY: 2, Purpose.GATHER: 3}


async def settle_seen(lane: BitcoinLane) -> bool:
    """Whether anything became final."""
    due = await lane.store.run(lambda tx: _in_blocks(tx, lane))
    if due:
        lane.faults.reach(FaultPoint.APP_CONFIRMED)
    # what serves a batch is booked before it, while the holds for fees still stand
    done = [await _guarded(lane, name, _look) for name in due]
    return any(done)


async def follow_chain(lane: BitcoinLane) -> bool:
    """What was booked as final and is not where it was any more. Whether anything was booked anew."""
    due = await lane.store.run(lambda tx: following.departed(tx, lane, tip_of(tx, lane)))
    return any([await _guarded(lane, name, _follow) for name in due])


def _follow(tx: Connection, lane: BitcoinLane, name: str) -> bool:
    one, tip = batches.get(tx, name), tip_of(tx, lane)
    if one.stage is not Stage.CONFIRMED:
        return False
    own = following.confirmed_spending(tx, one)
    if own is not None:
        seen = Inclusion(own.txid, own.height or 0, own.block_hash or "")
        if seen == one.seen or own.confirmations(tip) < following.depth_of(tx, lane, one):
            return False
        settling.rebook(tx, lane, one, following.rung_of(tx, one, own), seen)
        return True
    found = following.superseding(tx, lane, one, tip)
    if isinstance(found, Inclusion):
        settling.outdone(tx, lane, one, found)
    return isinstance(found, Inclusion)


async def _guarded(
    lane: BitcoinLane, name: str, work: Callable[[Connection, BitcoinLane, str], bool]
) -> bool:
    """One that is not as it should be keeps nobody else from being settled."""
    try:
        return await lane.store.run(lambda tx: work(tx, lane, name))
    except KeepcoolError as error:
        await lane.note("payout.breach", name, f"{error.code}: {error.public}")
        return False


async def resend_orphaned(lane: BitcoinLane) -> None:
    """What was final and is in no block any more is sent again byte for byte; what nobody replaces any more
    lets its coins go."""
    for one, lost in await lane.store.run(lambda tx: _orphans(tx, lane)):
        await lane.note("payout.orphaned", one.id, "a final payment's block is no longer part of the chain")
        try:
            if lost.raw is not None:
                await lane.node.send(lost.raw)
        except KeepcoolError as error:  # the others are sent all the same
            await lane.note("payout.orphan_refused", one.id, error.public)
    await lane.store.run(lambda tx: _let_go(tx, lane))
    await lane.store.run(lambda tx: previous.forget(tx, lane.network, tip_of(tx, lane) - BLOCKS_KEPT))


async def burn_uncertain(lane: BitcoinLane) -> None:
    """A void that was refused or has expired is tried anew."""

    def work(tx: Connection) -> None:
        for one in store.in_states(tx, lane.network, [Uncertain], limit=AT_ONCE_MAX):
            if not isinstance(one.state, Uncertain) or one.state.then is None:
                continue
            if one.voids is None:
                turns.void_again(tx, lane, one)

    await lane.store.run(work)


def tip_of(tx: Connection, lane: BitcoinLane) -> int:
    """The last block followed, -1 before the first."""
    stands = position.read(tx, lane.network)
    return -1 if stands is None else stands.scanned


def _in_blocks(tx: Connection, lane: BitcoinLane) -> list[str]:
    """Batches of which something is to be told now."""
    waiting = batch.c.stage.in_([one.value for one in OPEN]) | batch.c.tainted.is_(True)
    told = batch.c.transaction.is_not(None) | _inputs(
        coin.c.spent_height.is_not(None) | coin.c.gone.is_(True)
    )
    query = select(batch).where(batch.c.network == lane.network, waiting, told)
    due = batches.rows(tx, query.order_by(batch.c.number).limit(AT_ONCE_MAX))
    known = {one.id for one in due}
    due += [one for one in following.revived(tx, lane, tip_of(tx, lane)) if one.id not in known]
    return [one.id for one in sorted(due, key=lambda one: (_FIRST[one.purpose], one.number))]


def _inputs(where: ColumnElement[bool]) -> ColumnElement[bool]:
    """One of the coins of a batch is so."""
    same = (coin.c.network == spent.c.network, coin.c.txid == spent.c.txid, coin.c.vout == spent.c.vout)
    query = select(spent.c.txid).join(coin, and_(*same)).where(spent.c.batch == batch.c.id, where)
    return query.exists()


def _look(tx: Connection, lane: BitcoinLane, name: str) -> bool:
    one = batches.get(tx, name)
    if one.stage is Stage.CONFIRMED:
        return False
    own = following.confirmed_spending(tx, one)
    if own is not None:
        return _own(tx, lane, one, own)
    if one.seen is not None:
        _orphaned(tx, lane, one)
    return (one.stage is not Stage.ENDED or one.tainted) and _others(tx, lane, one)


def _own(tx: Connection, lane: BitcoinLane, one: Batch, own: Spending) -> bool:
    seen = Inclusion(own.txid, own.height or 0, own.block_hash or "")
    made = following.rung_of(tx, one, own)
    if one.stage is Stage.DRAFTED:
        return _before_signing(tx, lane, one, seen)
    if one.seen != seen:
        _seen(tx, lane, one, seen)
    if own.confirmations(tip_of(tx, lane)) < following.depth_of(tx, lane, one):
        return False
    return settling.finalize(tx, lane, batches.get(tx, one.id), made, seen)


def _seen(tx: Connection, lane: BitcoinLane, one: Batch, seen: Inclusion) -> None:
    for each in ending.members_of(tx, one):
        if isinstance(each.state, settling.SIGNED):
            lane.step_in(tx, each.id, Seen(seen), transaction=seen.transaction)
    columns = {"transaction": seen.transaction, "height": seen.block, "block_hash": seen.block_hash}
    batches.change(tx, one.id, lane.clock.now_ms(), **columns)


def _orphaned(tx: Connection, lane: BitcoinLane, one: Batch) -> None:
    """Back in the pool, or nowhere: what was in the block is sent again."""
    for each in ending.members_of(tx, one):
        if isinstance(each.state, Broadcast) and each.state.seen is not None:
            lane.step_in(tx, each.id, Orphaned())
    lost = next((each for each in batches.rungs(tx, one.id) if each.txid == one.seen_as), None)
    columns: dict[str, object] = {"transaction": None, "height": None, "block_hash": None}
    if lost is not None:
        columns["sent_rung"] = lost.place
    batches.change(tx, one.id, lane.clock.now_ms(), **columns)
    batches.at_once(tx, one.id)


def _before_signing(tx: Connection, lane: BitcoinLane, one: Batch, seen: Inclusion) -> bool:
    """Signatures we do not have exist: somebody else holds what we never put together."""
    text = f"{seen.transaction} was sent before App had both signatures"
    lane.note_in(tx, "payout.breach", one.id, text)
    for each in ending.members_of(tx, one):
        if is_open(each.state) and not isinstance(each.state, Frozen):
            lane.step_in(tx, each.id, Froze(text), transaction=seen.transaction)
    return False


def _others(tx: Connection, lane: BitcoinLane, one: Batch) -> bool:
    """What else has spent coins of it, or has left them unmade: a draft of ours, or a stranger, who stops it
    where it is."""
    found = following.superseding(tx, lane, one, tip_of(tx, lane))
    if isinstance(found, Inclusion):
        settling.outdone(tx, lane, one, found)
        return True
    if found is not None:
        _stop(tx, lane, one, found)
    return False


def _stop(tx: Connection, lane: BitcoinLane, one: Batch, stranger: str) -> None:
    text = f"{stranger}, which App never drafted, has spent a coin of it"
    lane.note_in(tx, "payout.breach", one.id, text)
    for each in ending.members_of(tx, one):
        if is_open(each.state) and not isinstance(each.state, Frozen):
            lane.step_in(tx, each.id, Froze(text))


def _let_go(tx: Connection, lane: BitcoinLane) -> None:
    """Batches too deep to be watched any more hold nothing."""
    deep = (batch.c.network == lane.network, batch.c.stage == Stage.CONFIRMED.value)
    query = select(lease.c.holder).join(batch, batch.c.id == lease.c.holder).distinct()
    old = query.where(*deep, batch.c.height <= tip_of(tx, lane) - WATCHED_BLOCKS)
    for name in tx.execute(old.limit(AT_ONCE_MAX)).scalars().all():
        book.release(tx, name)


def _orphans(tx: Connection, lane: BitcoinLane) -> list[tuple[Batch, Rung]]:
    recent = select(batch).where(
        batch.c.network == lane.network,
        batch.c.stage == Stage.CONFIRMED.value,
        batch.c.height > tip_of(tx, lane) - WATCHED_BLOCKS,
        _inputs(coin.c.spent_height.is_(None)),
    )
    found = []
    for one in batches.rows(tx, recent.limit(AT_ONCE_MAX)):
        if following.confirmed_spending(tx, one) is None:
            rungs = batches.rungs(tx, one.id)
            same = [each for each in rungs if each.txid == one.seen_as]
            # one whose id was altered on its way is sent as it was signed
            highest = sending.highest_sent(rungs)
            found += [(one, each) for each in same or ([] if highest is None else [highest])]
    return found
