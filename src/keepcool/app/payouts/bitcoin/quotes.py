"""What a withdrawal would cost its wallet, asked before it is requested. A quote binds nobody."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from keepcool.app.http.orders import Quote
from keepcool.app.payouts.bitcoin import choosing, drafts, fees, groups
from keepcool.app.payouts.bitcoin.choosing import Wanted
from keepcool.app.payouts.bitcoin.drafts import Treasury
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.store import NewWithdrawal
from keepcool.chains.bitcoin import selection
from keepcool.core.intent import Output
from keepcool.core.money import Amount


async def quote(lane: BitcoinLane, asked: NewWithdrawal) -> Quote:
    """Of a transaction of its own; beside others it costs less. Raises Conflict `coins.insufficient`, Refused
    `coins.fee`, Unavailable without a node. Changes nothing."""
    payments = asked.outputs or ((asked.recipient, asked.units),)
    outputs = tuple(Output(to, Amount(asked.asset, units)) for to, units in payments)
    rates = await fees.rates(lane)
    treasury = await lane.store.run(lambda tx: _treasury(tx, lane, asked))
    wanted = Wanted(choosing.outputs_of(lane.row, outputs), asked.fee_max, treasury.shape)
    goal = choosing.goal_of(lane.row, wanted, rates, lane.settings.fees)
    found = await asyncio.to_thread(selection.select, treasury.coins(), goal, lane.entropy)
    return Quote(lane.native, found.fee_sat, asked.fee_max)


def _treasury(tx: Connection, lane: BitcoinLane, asked: NewWithdrawal) -> Treasury:
    return drafts.treasury(tx, lane, groups.source_of(tx, asked.wallet))
