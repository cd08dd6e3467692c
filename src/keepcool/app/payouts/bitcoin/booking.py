"""What a final batch has cost, on the books: booked once for each time it becomes final, and taken back
whenever the chain makes that untrue.

Laws: a batch's fee is shared by the outputs of its withdrawals, to the unit; what burns or lifts a batch is
paid by those it was made for; what only gathers coins is the expense of the wallet or pool they lie in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger, undone
from keepcool.app.books.postings import lines_of
from keepcool.app.payouts import store, wallet_fees
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.pools import books as pool_books
from keepcool.app.pools import rows as pools
from keepcool.core.ids import AssetId


@dataclass(frozen=True, slots=True)
class Share:
    """A withdrawal's part of what one transaction cost."""

    key: str
    fee: int
    fee_asset: AssetId


def bearers(tx: Connection, one: Batch) -> dict[str, int]:
    """Who pays for a batch, and in which parts: its withdrawals, or those of the batch it serves."""
    if one.purpose is Purpose.PAY or one.parent is None:
        return batches.members(tx, one.id)
    return bearers(tx, batches.get(tx, one.parent))


def shares(fee: int, parts: Sequence[int]) -> list[int]:
    """By parts, to the unit; none pays more than its part rounded up."""
    total, over = sum(parts), fee
    found = [fee * one // total for one in parts]
    over -= sum(found)
    for place, one in enumerate(parts):
        if over and fee * one % total:
            found[place] += 1
            over -= 1
    return found


def fee(tx: Connection, lane: BitcoinLane, one: Batch, fee_sat: int, transaction: str) -> None:
    """What `transaction` has cost, which is final."""
    parts, at_ms = bearers(tx, one), lane.clock.now_ms()
    if not parts:
        _own(tx, lane, one, fee_sat, transaction)
        return
    for name, part in zip(parts, shares(fee_sat, list(parts.values())), strict=True):
        share = Share(_key(one, transaction, name), part, lane.native)
        wallet_fees.paid(tx, store.get(tx, name), share, at_ms)


def fee_taken_back(tx: Connection, lane: BitcoinLane, one: Batch) -> None:
    """The same was not the case after all. Called before `one.undone` counts it."""
    transaction, at_ms = one.seen_as or "", lane.clock.now_ms()
    parts = bearers(tx, one)
    for name in parts:
        wallet_fees.taken_back(tx, _key(one, transaction, name), lane.native, at_ms)
    if not parts:
        _own_taken_back(tx, lane, one, _key(one, transaction))


def occasion(one: Batch, times: int) -> str:
    """Names what a batch has paid to withdrawals that had ended."""
    return f"{one.id}:{times}"


def _own(tx: Connection, lane: BitcoinLane, one: Batch, fee_sat: int, transaction: str) -> None:
    """Nobody's withdrawal: coins were gathered, at the expense of the wallet or pool they lie in."""
    key, at_ms = _key(one, transaction), lane.clock.now_ms()
    if pools.find_pool(tx, one.source) is not None:
        pool_books.fee(tx, key=key, pool=one.source, asset=lane.native, units=fee_sat, at_ms=at_ms)
        return
    free = ledger.balance(tx, accounts.owed(one.source), lane.native)
    ledger.wallet_fee(
        tx,
        key=key,
        withdrawal=one.id,
        wallet=one.source,
        asset=lane.native,
        parts=(0, fee_sat, max(fee_sat - free, 0)),
        at_ms=at_ms,
    )


def _own_taken_back(tx: Connection, lane: BitcoinLane, one: Batch, key: str) -> None:
    at_ms = lane.clock.now_ms()
    if pools.find_pool(tx, one.source) is not None:
        pool_books.fee_undone(tx, key=key, pool=one.source, at_ms=at_ms)
        return
    taken = sum(line.delta for line in lines_of(tx, f"wallet-fee:{key}") if line.delta > 0)
    undone.wallet_fee(
        tx,
        key=key,
        withdrawal=one.id,
        wallet=one.source,
        asset=lane.native,
        parts=(0, taken),
        at_ms=at_ms,
    )


def _key(one: Batch, transaction: str, withdrawal: str = "") -> str:
    """Of one inclusion: a transaction that was taken back and comes again is another one."""
    parts = [one.network, transaction, *([withdrawal] if withdrawal else [])]
    again = [f"again {one.undone}"] if one.undone else []
    return sha256(":".join([*parts, *again]).encode()).hexdigest()
