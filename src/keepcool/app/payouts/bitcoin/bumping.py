"""Payments that wait too long for a block: the next rung where nodes replace, a child where they do not.

Laws: a dearer rung spends the same coins, so it is the same payment; nothing is raised before its time, nor
beyond what was signed; what can be raised no further is told to operators.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from keepcool.app.coins import book
from keepcool.app.payouts.bitcoin import batches, fees, lifting, sending
from keepcool.app.payouts.bitcoin.batches import OPEN, Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.fees import Rates
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.sending import Load
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.core.errors import KeepcoolError

AT_ONCE_MAX = 50


async def bump_all(lane: BitcoinLane) -> bool:
    waiting = await lane.store.run(lambda tx: _waiting(tx, lane))
    if not waiting:
        return False
    rates = await fees.rates(lane)
    due = [(one, rung) for one, rung in waiting if _is_due(lane, one, rung, rates)]
    raised, stuck = False, list[tuple[Batch, Rung]]()
    for one, rung in due:
        dearer = await _dearer(lane, one)
        if dearer is None:
            stuck.append((one, rung))
        else:
            raised = await _raised(lane, one, dearer) or raised
    return await lifting.lift_all(lane, stuck, rates) or raised


def _waiting(tx: Connection, lane: BitcoinLane) -> list[tuple[Batch, Rung]]:
    """Sent, in no block, and not yet lifted; with the rung that the pools hold."""
    since_ms = lane.clock.now_ms() - lane.settings.fees.bump_after_s * 1000 // 2
    query = select(batch).where(
        batch.c.network == lane.network,
        batch.c.stage == Stage.SENT.value,
        batch.c.transaction.is_(None),
        batch.c.sent_at_ms <= since_ms,
    )
    found = []
    for one in batches.rows(tx, query.order_by(batch.c.number).limit(AT_ONCE_MAX)):
        lifts = batches.children(tx, one.id, Purpose.LIFT)
        highest = sending.highest_sent(batches.rungs(tx, one.id))
        if highest is not None and not any(each.stage in OPEN for each in lifts):
            found.append((one, highest))
    return found


def _is_due(lane: BitcoinLane, one: Batch, rung: Rung, rates: Rates) -> bool:
    """It has waited its time, or half of it while others pay more than it does."""
    waited_ms = lane.clock.now_ms() - (one.sent_at_ms or 0)
    outbid = rates.now > rung.fee_rate
    return waited_ms >= lane.settings.fees.bump_after_s * 1000 // (2 if outbid else 1)


async def _dearer(lane: BitcoinLane, one: Batch) -> Rung | None:
    if lane.row.replacement is Replacement.NONE:
        return None
    return await lane.store.run(lambda tx: _above(tx, lane, one))


def _above(tx: Connection, lane: BitcoinLane, one: Batch) -> Rung | None:
    """The next rung; none once other payments spend change of one that was sent: they would be lost with it,
    and their own fees lift it."""
    rungs = sending.sendable(tx, one.id)
    for each in rungs:
        made = book.made_by(tx, lane.network, each.txid or "") if each.sent_at_ms is not None else []
        if any(coin.spent_by is not None or book.holder_of(tx, coin) not in (None, one.id) for coin in made):
            return None
    return next((each for each in rungs if each.place > (one.sent_rung or 0)), None)


async def _raised(lane: BitcoinLane, one: Batch, dearer: Rung) -> bool:
    try:
        load = await lane.store.run(lambda tx: _climbed(tx, lane, one, dearer))
        if load is None:
            return False
        await sending.hand_out(lane, load)
    except KeepcoolError as error:
        await lane.note("payout.stuck", one.id, f"it waits for a block and was not raised: {error.public}")
        return False
    await lane.note("payout.raised", one.id, f"sent again with a fee of {dearer.fee_sat}")
    return True


def _climbed(tx: Connection, lane: BitcoinLane, one: Batch, dearer: Rung) -> Load | None:
    """From here on nobody spends change of the rungs below: it is lost when this one confirms."""
    if _above(tx, lane, one) != dearer:
        return None
    for each in sending.sendable(tx, one.id):
        made = book.made_by(tx, lane.network, each.txid or "") if each.sent_at_ms is not None else []
        lying = [(coin.txid, coin.vout) for coin in made if not coin.gone]
        book.lease_coins(tx, lane.network, one.id, lying, lane.clock.now_ms())
    return sending.loaded(tx, lane, one.id, dearer.place)
