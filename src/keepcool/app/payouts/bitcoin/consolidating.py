"""Gathering: many small coins of a source are made into few, while spending them is cheap.

Laws: one draft of a source at a time; its fee is the expense of the wallet the coins lie in, out of what
nobody has asked for; no more is spent on it than it is expected to save.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection, func, select

from keepcool.app.books import accounts, ledger
from keepcool.app.coins.tables import coin
from keepcool.app.payouts.bitcoin import choosing, drafts, fees, serving
from keepcool.app.payouts.bitcoin.batches import OPEN, Purpose
from keepcool.app.payouts.bitcoin.drafts import Treasury
from keepcool.app.payouts.bitcoin.fees import Rates
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.serving import AT_ONCE_MAX
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.chains.bitcoin import gathering
from keepcool.chains.bitcoin.goals import Selection
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import WalletId


async def gather_all(lane: BitcoinLane) -> bool:
    """One draft for a source that has too many coins, while that is cheap."""
    sources = await lane.store.run(lambda tx: _scattered(tx, lane))
    if not sources:
        return False
    rates = await fees.rates(lane)
    if rates.now > choosing.long_term(rates, lane.settings.fees):
        return False
    return any([await _gathered(lane, treasury, rates) for treasury in sources])


def _scattered(tx: Connection, lane: BitcoinLane) -> list[Treasury]:
    most = lane.settings.fees.gather_coins
    if not most:
        return []
    found = []
    for source in _sources(tx, lane, most):
        under_way = select(batch.c.id).where(
            batch.c.source == source,
            batch.c.purpose == Purpose.GATHER.value,
            batch.c.stage.in_([each.value for each in OPEN]),
        )
        paused = serving.is_paused(tx, lane, Purpose.GATHER, batch.c.source == source)
        if tx.execute(under_way.limit(1)).first() is None and not paused:
            found.append(drafts.treasury(tx, lane, source))
    return found


async def _gathered(lane: BitcoinLane, treasury: Treasury, rates: Rates) -> bool:
    goal = serving.goal_of(lane, treasury, serving.fee_bound(lane), rates)
    try:
        found = await asyncio.to_thread(gathering.consolidate, treasury.coins(), goal)
        return found is not None and await lane.store.run(lambda tx: _made(tx, lane, treasury, found))
    except KeepcoolError as error:
        await lane.note("payout.gather", treasury.source, error.public)
        return False


def _made(tx: Connection, lane: BitcoinLane, treasury: Treasury, found: Selection) -> bool:
    """It is the pool's own expense, or the wallet's, out of what nobody has asked for."""
    free = ledger.balance(tx, accounts.owed(treasury.source), lane.native)
    if not treasury.wallet.profile.pooled and free < found.fee_sat:
        return False
    drafts.make(tx, lane, serving.plan_of(lane, Purpose.GATHER, (found,)), treasury)
    return True


def _sources(tx: Connection, lane: BitcoinLane, most: int) -> list[WalletId]:
    """Those with so many settled coins or more."""
    lying = (coin.c.network == lane.network, coin.c.spent_by.is_(None), coin.c.height.is_not(None))
    query = select(coin.c.source).where(*lying, coin.c.gone.is_(False)).group_by(coin.c.source)
    found = tx.execute(query.having(func.count() >= most).limit(AT_ONCE_MAX))
    return [WalletId(row.source) for row in found]
