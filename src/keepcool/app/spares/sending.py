"""Creators' transactions on their way: sent, sent again byte for byte, and seen in a block.

Laws: a transaction counts by the nonce it has used up, not by a node's "accepted"; a wallet is made when the
chain shows exactly the owners of its record; a failed attempt costs a fee and uses up nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import assert_never

from sqlalchemy import Connection

from keepcool.app.deposits.minter.reading import fee_of
from keepcool.app.spares import rows
from keepcool.app.spares.lane import Lane
from keepcool.app.spares.rows import Errand, Purpose, Sent, Stage
from keepcool.chains.minter.wallets import check_owners
from keepcool.core.errors import Unavailable
from keepcool.core.registry import parse_record
from keepcool.ports.minternode import Accepted, Account, AlreadyKnown, Rejected, Transaction, Why

RESEND_AFTER_MS = 10_000
LOOK_BACK_BLOCKS = 1000  # well over an hour on the main network
_NEXT_BLOCK = (Why.ONE_PER_BLOCK, Why.POOL_FULL)


async def send_all(lane: Lane) -> None:
    now_ms = lane.clock.now_ms()
    waiting = await lane.store.run(lambda tx: rows.errands(tx, lane.network, Sent.SIGNED))
    for one in waiting:
        if abs(now_ms - one.sent_at_ms) >= RESEND_AFTER_MS:
            await _send(lane, one)


async def _send(lane: Lane, one: Errand) -> None:
    outcome = await lane.node.send(one.raw or b"")
    match outcome:
        case Accepted() | AlreadyKnown():
            await lane.store.run(
                lambda tx: rows.update_errand(tx, one.number, sent_at_ms=lane.clock.now_ms(), problem=None)
            )
        case Rejected():
            await _rejected(lane, one, outcome)
        case _ as never:
            assert_never(never)


async def _rejected(lane: Lane, one: Errand, said: Rejected) -> None:
    if said.why in _NEXT_BLOCK or said.why is Why.NONCE:
        return  # its turn comes, or it has come: `observe` sees which
    row: dict[str, object] = {"problem": said.text}
    least = said.gas_price_min or 0
    dearer = said.why is Why.GAS_PRICE and one.gas_price < least <= lane.plan.gas_price_max
    if dearer and one.purpose is Purpose.CREATE:
        row |= {"gas_price": least, "stage": Sent.STORED.value}
    await lane.store.run(lambda tx: rows.update_errand(tx, one.number, **row))
    kind = "purse.low" if said.why is Why.FUNDS else "purse.rejected"
    await lane.note(kind, one.account, f"{one.purpose} at nonce {one.nonce}: {said.text}")


async def observe(lane: Lane, accounts: Mapping[str, Account]) -> bool:
    """Rows for what blocks have taken. Whether there was any."""
    waiting = await lane.store.run(lambda tx: rows.errands(tx, lane.network, Sent.STORED, Sent.SIGNED))
    moved = False
    for one in waiting:
        account = accounts.get(one.account)
        if account is not None and account.transaction_count >= one.nonce:
            await _done(lane, one)
            moved = True
        elif one.hashes:
            await _failed_attempt(lane, one)
    return moved


async def _done(lane: Lane, one: Errand) -> None:
    found = [tx for tx in await _included(lane, one) if not tx.failed]
    if not found:
        text = f"nonce {one.nonce} of {one.account} is used up by what App does not know"
        await lane.note("purse.nonce_gap", one.account, text)
        if one.purpose is not Purpose.CANCEL:
            raise Unavailable("purse.nonce_gap", text)
        found = await _won_instead(lane, one)
    if one.purpose is Purpose.CREATE:
        await _check_made(lane, one)

    def work(tx: Connection) -> None:
        fee, block = (one.fee or 0) + sum(fee_of(used) for used in found), max(u.height for u in found)
        rows.update_errand(tx, one.number, stage=Sent.DONE.value, block=block, fee=fee)
        if one.wallet is not None:
            rows.update_spare(tx, one.wallet, stage=Stage.MADE.value)

    await lane.store.run(work)


async def _won_instead(lane: Lane, one: Errand) -> list[Transaction]:
    """What a cancellation has lost its race against: a creation that Keeper had signed and App forgotten. Its
    nonce is used up, and that was all it was for. Raises Unavailable when no recent block shows it."""
    tip = (await lane.node.check()).height
    for height in range(tip, max(tip - LOOK_BACK_BLOCKS, 0), -1):
        block = await lane.node.block(height)
        mine = [] if block is None else [tx for tx in block.transactions if tx.sender == one.account]
        if used := [tx for tx in mine if tx.nonce == one.nonce and not tx.failed]:
            return used
    text = f"no recent block shows what has used up nonce {one.nonce} of {one.account}"
    raise Unavailable("purse.nonce_gap", text)


async def _check_made(lane: Lane, one: Errand) -> None:
    """Raises Breach when the chain's owners are not the record's."""
    spare = await lane.store.run(lambda tx: rows.get_spare(tx, one.wallet or ""))
    record = parse_record(spare.record or b"")
    found = (await lane.node.account(record.address)).multisig
    if found is None:
        raise Unavailable("node.lagging", f"the node does not show {record.address} yet")
    addresses, weights = [o.address for o in found.owners], [o.weight for o in found.owners]
    check_owners(record, found.threshold, weights, addresses)


async def _failed_attempt(lane: Lane, one: Errand) -> None:
    """A block may have taken a fee for it and left the nonce as it was."""
    for tx in await _included(lane, one):
        if tx.failed and tx.height > (one.block or 0):
            fee, block = (one.fee or 0) + fee_of(tx), tx.height
            await lane.store.run(partial(rows.update_errand, number=one.number, fee=fee, block=block))
            await lane.note("purse.failed", one.account, f"{one.purpose} at nonce {one.nonce}: {tx.log}")


async def _included(lane: Lane, one: Errand) -> list[Transaction]:
    found = [await lane.node.transaction(name) for name in one.hashes]
    return [tx for tx in found if tx is not None]
