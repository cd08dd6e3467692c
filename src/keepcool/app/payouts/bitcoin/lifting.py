"""Lifting: a child that pays for a stuck payment, where nodes do not replace.

Laws: it spends change of the very transaction it lifts, and only where nobody can alter that one's id; with
it the payment costs no more than its withdrawals allow; each child can itself be lifted, a few
times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from keepcool.app.coins import book
from keepcool.app.payouts import store
from keepcool.app.payouts.bitcoin import batches, booking, drafting, drafts, sending, serving
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Rung
from keepcool.app.payouts.bitcoin.fees import Rates
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.chains.bitcoin import ladder
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import KeepcoolError, Unavailable

LIFTS_MAX = 3  # of one payment: each spends the change of the one before
TIMES = 2  # the rate both come to, of what the stuck one pays


async def lift_all(lane: BitcoinLane, stuck: Sequence[tuple[Batch, Rung]], rates: Rates) -> bool:
    """A child for each stuck payment that has change and no child yet."""
    done = [await _lifted(lane, one, rung, rates) for one, rung in stuck]
    return any(done)


async def _lifted(lane: BitcoinLane, one: Batch, rung: Rung, rates: Rates) -> bool:
    try:
        await lane.store.run(lambda tx: _lift(tx, lane, one, rung, rates))
    except KeepcoolError as error:
        await lane.note("payout.stuck", one.id, f"it waits for a block and is not lifted: {error.public}")
        return False
    return True


def _lift(tx: Connection, lane: BitcoinLane, one: Batch, rung: Rung, rates: Rates) -> None:
    lifted = _generations(tx, one)
    if lifted >= LIFTS_MAX:
        raise Unavailable("payout.lifted", "it was lifted several times already")
    if serving.is_paused(tx, lane, Purpose.LIFT, batch.c.parent == one.id):
        raise Unavailable("payout.lift_refused", "what would lift it was given up; it is tried again later")
    coins = [each for each in book.made_by(tx, lane.network, rung.txid or "") if each.change]
    free = [each for each in coins if each.spent_by is None and not each.gone]
    wallet = drafts.source_wallet(tx, lane, one.source)
    if not free or rung.raw is None or wallet.profile.kind is ScriptKind.P2SH:
        raise Unavailable(
            "payout.unliftable", "it has no change of ours that could be spent before it confirms"
        )
    treasury = drafts.of_coins(one.source, wallet, drafts.followed(tx, lane), free)
    bearers = [store.get(tx, name) for name in booking.bearers(tx, one)]
    allowed = drafting.fee_bound(bearers) if bearers else serving.fee_bound(lane)
    fee_max = allowed - _spent_already(tx, one, rung)
    goal = serving.goal_of(lane, treasury, max(fee_max, 0), _raised(lane, rung, rates))
    largest = max(free, key=lambda each: each.amount_sat)
    found = ladder.child(treasury.coin(largest.outpoint), rung.vsize, rung.fee_sat, goal)
    made = drafts.make(tx, lane, serving.plan_of(lane, Purpose.LIFT, (found,), one.id), treasury)
    lane.note_in(tx, "payout.lifted", one.id, f"a child of it was drafted: {made.id}")


def _raised(lane: BitcoinLane, rung: Rung, rates: Rates) -> Rates:
    """What is stuck pays too little, whatever the estimate says."""
    wanted = max(rates.now, TIMES * rung.fee_rate)
    return replace(rates, now=min(wanted, lane.settings.fees.fee_rate_max))


def _generations(tx: Connection, one: Batch) -> int:
    parent = one.parent if one.purpose is Purpose.LIFT else None
    return 0 if parent is None else 1 + _generations(tx, batches.get(tx, parent))


def _spent_already(tx: Connection, one: Batch, rung: Rung) -> int:
    """Fees of the payment and of those that lift it."""
    if one.purpose is not Purpose.LIFT or one.parent is None:
        return rung.fee_sat
    parent = batches.get(tx, one.parent)
    highest = sending.highest_sent(batches.rungs(tx, parent.id))
    return rung.fee_sat + (0 if highest is None else _spent_already(tx, parent, highest))
