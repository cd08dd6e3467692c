"""What a withdrawal would cost its wallet, asked before it is requested. A quote binds nobody."""

from __future__ import annotations

from keepcool.app.http.orders import Quote
from keepcool.app.payouts.minter import drafting
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.app.payouts.store import NewWithdrawal
from keepcool.core.intent import Output
from keepcool.core.money import Amount


async def quote(lane: MinterLane, asked: NewWithdrawal) -> Quote:
    """Raises Unavailable without a node. Changes nothing."""
    payments = asked.outputs or ((asked.recipient, asked.units),)
    outputs = tuple(Output(to, Amount(asked.asset, units)) for to, units in payments)
    unsigned = drafting.pay(lane, 1, outputs, await drafting.gas_price(lane))
    return Quote(lane.native, await drafting.cost_of(lane, unsigned), asked.fee_max)
