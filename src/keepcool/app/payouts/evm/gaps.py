"""Nonces that Keeper has signed for and App does not know: App's database is older than Keeper's journal.

What was signed there is lost to us and may confirm or not, and every later nonce waits for it. So each is
used up by a transaction of the purse to itself, which a nonce already taken simply refuses.
"""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.payouts import purses
from keepcool.app.payouts.evm import executing, fees, sending
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Purpose, Purse
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.money import parse_units

_AT_ONCE_MAX = 4
_FACTOR, _DOUBLINGS_MAX = 4, 6  # what it replaces is not known: well above the market, more when declined


async def fill(lane: EvmLane) -> None:
    """Does nothing unless Keeper's next nonce is beyond ours."""
    purse, keepers = await sending.ask_purse(lane)
    chain_nonce = await lane.node.nonce(purse.address)
    now = await executing.market(lane)
    most = parse_units(lane.settings.fees.fee_per_gas_max)

    def work(tx: Connection) -> None:
        ours = purses.next_nonce(tx, lane.network, purse.address, chain_nonce)
        missing = range(ours, min(keepers, ours + _AT_ONCE_MAX))
        if missing:
            text = (
                f"Keeper has signed nonces {ours} to {keepers - 1} that App does not know; they are used up"
            )
            lane.note_in(tx, "purse.nonce_gap", purse.address, text)
        for nonce in missing:
            declined = len(purses.at_nonce(tx, lane.network, purse.address, nonce))
            factor = _FACTOR * 2 ** min(declined, _DOUBLINGS_MAX)
            tip = min(now.tip * factor, most)
            _add(tx, lane, purse, nonce, (min(max(2 * now.base * factor, tip) + tip, most), tip))

    await lane.store.run(work)


def _add(tx: Connection, lane: EvmLane, purse: Purse, nonce: int, fee_and_tip: tuple[int, int]) -> None:
    fee, tip = fee_and_tip
    unsigned = Transaction(
        chain_id=lane.chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=tip,
        max_fee_per_gas=fee,
        gas=fees.PLAIN_GAS,
        to=purse.address,
        value=0,
        data=b"",
    )
    purses.add(
        tx,
        network=lane.network,
        account=purse.address,
        nonce=nonce,
        purpose=Purpose.CANCEL,
        wallet="",
        withdrawal=None,
        unsigned=unsigned.unsigned_payload(),
        fee_max=unsigned.fee_wei_max,
        now_ms=lane.clock.now_ms(),
    )
