"""The purse's books: what it holds at a final block is what the ledger says, fees and top-ups included.

At block B:  top-up = balance(B) + fees of ours in blocks up to B, not yet posted - ledger. Fees are posted
with it, in one transaction. What cannot be explained is told and never booked away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger
from keepcool.app.payouts import purses
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Attempt, Purse, Stage
from keepcool.app.payouts.tables import purse as purse_table
from keepcool.core.ids import WalletId
from keepcool.core.money import parse_units
from keepcool.ports.evmnode import Header

LOW_WITHDRAWALS = 2  # a purse that could not pay this many at their bound is low
_GWEI = 10**9


@dataclass(frozen=True, slots=True)
class _At:
    """The purse at a block: wei, and how many of its transactions blocks have taken."""

    header: Header
    balance: int
    nonce: int


async def reconcile(lane: EvmLane, final: int) -> bool:
    """Up to block `final`. True when something was posted."""
    purse = await lane.store.run(lambda tx: purses.get_purse(tx, lane.network))
    seen = await lane.store.run(lambda tx: purses.in_stages(tx, lane.network, (Stage.SEEN,)))
    due = [one for one in seen if one.block is not None and one.block <= final]
    if purse is None or final < 0 or (final <= purse.reconciled_block and not due):
        return False
    header = await lane.node.header(final)
    if header is None or not await _canonical(lane, due):
        return False
    balance, nonce = await asyncio.gather(
        lane.node.balance(purse.address, header.hash), lane.node.nonce(purse.address, header.hash)
    )
    at = _At(header, balance, nonce)
    posted = await lane.store.run(lambda tx: _post(tx, lane, purse, at))
    lane.numbers.purse.labels(lane.network).set(balance // _GWEI)
    return posted


async def _canonical(lane: EvmLane, due: Sequence[Attempt]) -> bool:
    """Whether the blocks these were seen in are still there."""
    for number, block_hash in {(one.block, one.block_hash) for one in due}:
        header = None if number is None else await lane.node.header(number)
        if header is None or "0x" + header.hash.hex() != block_hash:
            return False
    return True


def _post(tx: Connection, lane: EvmLane, purse: Purse, at: _At) -> bool:
    header, balance, nonce = at.header, at.balance, at.nonce
    seen = purses.in_stages(tx, lane.network, (Stage.SEEN,))
    due = [one for one in seen if one.block is not None and one.block <= header.number]
    missing = _untold(tx, lane, nonce, due)
    if missing:
        _tell_untold(tx, lane, missing)
        return False
    fees = sum(one.fee_paid or 0 for one in due)
    booked = ledger.balance(tx, accounts.purse(lane.network), lane.native)
    gained = balance + fees - booked
    if gained > 0:
        ledger.purse_topup(
            tx,
            network=lane.network,
            asset=lane.native,
            units=gained,
            source=f"{header.number}:0x{header.hash.hex()}",
            at_ms=lane.clock.now_ms(),
        )
    if gained < 0:
        text = f"the purse holds {-gained} wei less than its books explain; was its key used elsewhere?"
        lane.note_in(tx, "purse.missing", purse.address, text)
    for one in due:
        _final(tx, lane, one)
    _remember(tx, lane, purse, header, balance)
    return bool(due) or gained > 0


def _untold(tx: Connection, lane: EvmLane, nonce: int, due: Sequence[Attempt]) -> list[Attempt]:
    """Attempts of nonces that are used up at this block, of which no receipt was seen."""
    told = {one.nonce for one in due}
    waiting = purses.in_stages(tx, lane.network, (Stage.STORED, Stage.SIGNED, Stage.SENT, Stage.SEEN))
    return [one for one in waiting if one.nonce < nonce and one.nonce not in told]


def _tell_untold(tx: Connection, lane: EvmLane, missing: Sequence[Attempt]) -> None:
    """Usually the receipts come with the next look; if not, somebody else used the nonce."""
    oldest = min(one.created_at_ms for one in missing)
    if abs(lane.clock.now_ms() - oldest) > 2 * 60_000:
        nonces = ", ".join(str(nonce) for nonce in sorted({one.nonce for one in missing}))
        text = f"no transaction of ours explains that nonce {nonces} is used; nothing is posted until it is"
        lane.note_in(tx, "purse.nonce_gap", lane.network, text)


def _final(tx: Connection, lane: EvmLane, one: Attempt) -> None:
    if one.fee_paid:
        ledger.purse_fee(
            tx,
            network=lane.network,
            asset=lane.native,
            units=one.fee_paid,
            transaction=one.hash or "",
            at_ms=lane.clock.now_ms(),
            wallet=WalletId(one.wallet) if one.wallet else None,
        )
    for other in purses.at_nonce(tx, one.network, one.account, one.nonce):
        if other.number != one.number and other.stage is not Stage.DECLINED:
            purses.update(tx, other.number, stage=Stage.SUPERSEDED.value)
    purses.update(tx, one.number, stage=Stage.FINAL.value)


def _remember(tx: Connection, lane: EvmLane, purse: Purse, header: Header, balance: int) -> None:
    low = balance < LOW_WITHDRAWALS * parse_units(lane.settings.fees.withdrawal_fee_max)
    lane.numbers.purse_low.labels(lane.network).set(int(low))
    if low and not purse.low:
        text = f"{balance} wei left: top up {purse.address}"
        lane.note_in(tx, "purse.low", purse.address, text)
    row = {"balance": balance, "reconciled_block": header.number, "low": low}
    where = purse_table.c.network == lane.network
    tx.execute(purse_table.update().where(where).values(**row, updated_at_ms=lane.clock.now_ms()))
