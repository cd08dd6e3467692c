"""What a withdrawal would cost the purse, asked before it is requested. A quote binds nobody."""

from __future__ import annotations

from keepcool.app.http.orders import Quote
from keepcool.app.payouts.evm import fees, rehearsing, safes
from keepcool.app.payouts.evm.executing import market
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.store import NewWithdrawal
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.registry import WalletRecord


async def quote(lane: EvmLane, asked: NewWithdrawal) -> Quote:
    """Raises Refused `payout.reverts` when it would fail on the chain as it is now, Unavailable without a
    node. Changes nothing."""
    record = await lane.store.run(lambda tx: lane.attesters.wallet(tx, asked.wallet).record)
    gas = await _gas(lane, asked, record)
    if not await safes.is_deployed(lane.node, record.address):
        gas += fees.DEPLOY_GAS
    now = await market(lane)
    return Quote(lane.native, gas * (now.base + now.tip), asked.fee_max)


async def _gas(lane: EvmLane, asked: NewWithdrawal, record: WalletRecord) -> int:
    shared = asked.outputs or ((asked.recipient, asked.units),)
    outputs = [Output(to, Amount(asked.asset, units)) for to, units in shared]
    nonce = await safes.nonce(lane.node, record.address)
    around = fees.EXECUTE_GAS + (fees.FIRST_EXECUTE_GAS if nonce == 0 else 0)
    return await rehearsing.gas_of(lane, record.address, outputs) + around
