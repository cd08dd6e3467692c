"""A purse transaction that no block takes is replaced by a dearer one of the same nonce.

Laws: only the lowest waiting nonce is raised, the others wait for it; both fees rise by an eighth at least;
the bound of its withdrawal still holds, and what cannot be raised is told to the operator.
"""

from __future__ import annotations

from sqlalchemy import Connection

from keepcool.app.payouts import purses, store
from keepcool.app.payouts.evm import executing, fees
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Attempt, Stage
from keepcool.chains.evm.transaction import Transaction, parse_unsigned
from keepcool.core.errors import Conflict

_TAKEN = (Stage.SEEN, Stage.FINAL, Stage.SUPERSEDED)  # a block has this nonce: nothing is left to raise


async def bump_stuck(lane: EvmLane) -> None:
    """Raise the lowest nonce that has waited too long: the others wait for it."""
    alive = await lane.store.run(lambda tx: purses.in_stages(tx, lane.network, (Stage.STORED, Stage.SENT)))
    if not alive or alive[0].stage is Stage.STORED:
        return
    at_lowest = [one for one in alive if one.nonce == alive[0].nonce]
    newest = at_lowest[-1]
    waited_ms = abs(lane.clock.now_ms() - (newest.first_sent_at_ms or lane.clock.now_ms()))
    if newest.stage is not Stage.SENT or waited_ms < lane.settings.fees.bump_after_s * 1000:
        return
    old = parse_unsigned(newest.unsigned)
    left, declined = await lane.store.run(
        lambda tx: (_left_for(tx, newest), _declined_lately(tx, lane, newest))
    )
    if declined:
        return
    raised = fees.bumped_fees(old, await executing.market(lane), left, lane.settings.fees)
    if raised is None:
        text = f"nonce {newest.nonce} waits since {waited_ms // 1000} s and may not pay more"
        await lane.note("purse.stuck", newest.withdrawal or newest.wallet, text)
        return
    replacement = _replaced(old, raised.max_fee_per_gas, raised.max_priority_fee_per_gas)
    await lane.store.run(lambda tx: _add_replacement(tx, lane, newest, replacement))


def _replaced(old: Transaction, fee: int, tip: int) -> Transaction:
    return Transaction(
        chain_id=old.chain_id,
        nonce=old.nonce,
        max_priority_fee_per_gas=tip,
        max_fee_per_gas=fee,
        gas=old.gas,
        to=old.to,
        value=old.value,
        data=old.data,
    )


def _add_replacement(tx: Connection, lane: EvmLane, old: Attempt, new: Transaction) -> None:
    standing = purses.at_nonce(tx, old.network, old.account, old.nonce)
    newest = max(one.number for one in standing if one.stage is not Stage.DECLINED)
    if newest != old.number or any(one.stage in _TAKEN for one in standing):
        raise Conflict("purse.moved", "the transaction to be replaced has moved on")
    added = purses.add(
        tx,
        network=old.network,
        account=old.account,
        nonce=old.nonce,
        purpose=old.purpose,
        wallet=old.wallet,
        withdrawal=old.withdrawal,
        unsigned=new.unsigned_payload(),
        fee_max=new.fee_wei_max,
        now_ms=lane.clock.now_ms(),
    )
    purses.update(tx, old.number, replaced_by=added.number)


def _left_for(tx: Connection, one: Attempt) -> int:
    if one.withdrawal is None:
        return one.fee_max * 4
    return max(store.get(tx, one.withdrawal).fee_max - executing.spent_so_far(tx, one.withdrawal), 0)


def _declined_lately(tx: Connection, lane: EvmLane, one: Attempt) -> bool:
    """Keeper has just refused to raise it: asking again at once would get the same answer."""
    now_ms, pause_ms = lane.clock.now_ms(), lane.settings.fees.bump_after_s * 1000
    attempts = purses.at_nonce(tx, one.network, one.account, one.nonce)
    return any(o.stage is Stage.DECLINED and abs(now_ms - o.created_at_ms) < pause_ms for o in attempts)
