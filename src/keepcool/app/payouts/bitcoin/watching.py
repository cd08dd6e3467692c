"""Broadcast → Confirmed: what the deposits' follower saw of our drafts, in blocks and in the pool.

Laws: a payment is found by its body, whatever anybody made of its id; a block counts until it is orphaned,
and a payment counts as final at the depth its amount asks for; coins that somebody else has spent end nothing
but stop everything.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import ColumnElement, Connection, and_, select

from keepcool.app.coins import book, drafts
from keepcool.app.coins.book import Held
from keepcool.app.coins.drafts import Spending
from keepcool.app.coins.tables import coin, lease
from keepcool.app.deposits import position
from keepcool.app.payouts import store, turns
from keepcool.app.payouts.bitcoin import batches, ending, sending, settling
from keepcool.app.payouts.bitcoin.batches import OPEN, Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch, rung, spent
from keepcool.core.errors import Breach, KeepcoolError
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal import Froze, Orphaned, Seen
from keepcool.core.withdrawal_states import Broadcast, Frozen, Inclusion, Uncertain, is_open

AT_ONCE_MAX = 500
WATCHED_BLOCKS = 200  # below the tip: a confirmed batch whose block is orphaned is sent again
_FIRST = {Purpose.LIFT: 0, Purpose.BURN: 1, Purpose.PAY: 2, Purpose.GATHER: 3}


async def settle_seen(lane: BitcoinLane) -> bool:
    """Whether anything became final."""
    due = await lane.store.run(lambda tx: _in_blocks(tx, lane))
    if due:
        lane.faults.reach(FaultPoint.APP_CONFIRMED)
    # what serves a batch is booked before it, while the holds for fees still stand
    done = [await _looked(lane, name) for name in due]
    return any(done)


async def _looked(lane: BitcoinLane, name: str) -> bool:
    """One that is not as it should be keeps nobody else from being settled."""
    try:
        return await lane.store.run(partial(_look, lane=lane, name=name))
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
    own = _confirmed_spending(tx, one)
    if own is not None:
        return _own(tx, lane, one, own)
    if one.seen is not None:
        _orphaned(tx, lane, one)
    return _others(tx, lane, one)


def _confirmed_spending(tx: Connection, one: Batch) -> Spending | None:
    found = [each for each in drafts.spendings_of(tx, one.id) if each.height is not None and not each.gone]
    return found[-1] if found else None


def _own(tx: Connection, lane: BitcoinLane, one: Batch, own: Spending) -> bool:
    seen = Inclusion(own.txid, own.height or 0, own.block_hash or "")
    made = next((each for each in batches.rungs(tx, one.id) if each.body == own.body), None)
    if made is None:
        raise Breach("batch.row", f"batch {one.id} has no rung that {own.txid} is made of")
    if one.stage is Stage.DRAFTED:
        return _before_signing(tx, lane, one, seen)
    if one.seen != seen:
        _seen(tx, lane, one, seen)
    if own.confirmations(tip_of(tx, lane)) < lane.row.depth_blocks(_moved(tx, one)):
        return False
    return settling.finalize(tx, lane, batches.get(tx, one.id), made, seen)


def _moved(tx: Connection, one: Batch) -> int:
    members = ending.members_of(tx, one)
    if one.purpose is Purpose.PAY:
        return sum(each.units for each in members)
    return sum(each.amount_sat for each in batches.coins(tx, one.id))


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
    coins = [(each.txid, each.vout) for each in batches.coins(tx, one.id)]
    for each in book.get_coins(tx, one.network, coins):
        if each.gone:
            seen = _never_made(tx, each)
            if seen is not None:
                settling.outdone(tx, lane, one, seen)
                return True
        if each.spent_by is None or each.spent_height is None:
            continue
        spending = drafts.find_spending(tx, one.network, each.spent_by)
        if spending is None or spending.holder == one.id:
            continue
        if spending.holder is None:
            _stop(tx, lane, one, each.spent_by)
            return False
        if spending.confirmations(tip_of(tx, lane)) >= lane.row.depth_blocks(each.amount_sat):
            seen = Inclusion(spending.txid, spending.height or 0, spending.block_hash or "")
            settling.outdone(tx, lane, one, seen)
            return True
    return False


def _never_made(tx: Connection, gone: Held) -> Inclusion | None:
    """The final transaction of the batch that would have made this coin, when another of its rungs it is."""
    query = select(batch).join(rung, rung.c.batch == batch.c.id).where(rung.c.txid == gone.txid)
    for one in batches.rows(tx, query):
        if one.stage is Stage.CONFIRMED and one.seen is not None and one.seen_as != gone.txid:
            return one.seen
    return None


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
        if _confirmed_spending(tx, one) is None:
            rungs = batches.rungs(tx, one.id)
            same = [each for each in rungs if each.txid == one.seen_as]
            # one whose id was altered on its way is sent as it was signed
            highest = sending.highest_sent(rungs)
            found += [(one, each) for each in same or ([] if highest is None else [highest])]
    return found
