"""What a person settles: a withdrawal that was stopped, and that a final transaction of ours has paid.

Laws: the blocks that were read and the node asked now must both say so; the transaction must be a draft that
was made for this very withdrawal, and must pay it exactly, beside all that it has paid to others; asked
again, nothing more happens.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.coins import drafts
from keepcool.app.coins.drafts import Spending
from keepcool.app.deposits import events, position
from keepcool.app.payouts import notes, store
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.payouts.bitcoin.batches import OPEN, Batch, Purpose
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.store import Store
from keepcool.chains.bitcoin.address import parse_address
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.scanning import txid_of
from keepcool.chains.bitcoin.transaction import parse_transaction
from keepcool.core.effects import Slot
from keepcool.core.errors import Breach, Refused, Unavailable
from keepcool.core.withdrawal import Paid
from keepcool.core.withdrawal_states import Confirmed, Draft, Inclusion, is_open
from keepcool.ports.bitcoinnode import BitcoinNode


@dataclass(frozen=True, slots=True)
class Settled:
    """`again`: it was settled by this transaction before, and nothing has changed."""

    withdrawal: Withdrawal
    again: bool


async def settle(
    books: Store, node: BitcoinNode, row: Network, claim: tuple[str, str], now_ms: int
) -> Settled:
    """`claim`: the withdrawal, and the transaction that has paid it. Raises Refused `settle.…` with what is
    not so, Conflict `withdrawal.not_found`, Unavailable without a node; nothing has changed then."""
    name, txid = claim
    found = await books.run(lambda tx: _claimed(tx, row, name, txid))
    if isinstance(found, Withdrawal):
        return Settled(found, again=True)
    await _refuse_elsewhere(node, found)
    raw = await node.raw_transaction(txid, found.block_hash)
    if raw is None:
        raise Unavailable("node.lagging", f"the node does not show {txid} in block {found.block_hash}")
    if txid_of(raw) != txid:
        raise Breach("node.nonsense", f"what the node calls {txid} is another transaction")
    return Settled(await books.run(lambda tx: _settled(tx, row, name, raw, now_ms)), again=False)


async def _refuse_elsewhere(node: BitcoinNode, found: Spending) -> None:
    if await node.block_hash(found.height or 0) != found.block_hash:
        text = f"the node has another block at {found.height} than the one that was read: ask again later"
        raise Refused("settle.not_final", text)


def _claimed(tx: Connection, row: Network, name: str, txid: str) -> Spending | Withdrawal:
    """The spending to be proved; the withdrawal itself where it is settled by it already."""
    one = store.get(tx, name)
    if _is_paid_by(one, txid):
        return one
    if not is_open(one.state) or one.kind is Kind.VOID or one.network != row.id:
        raise Refused("settle.ended", f"withdrawal {name} has ended, or is none that could be settled here")
    found = drafts.find_spending(tx, row.id, txid)
    mine = _batch_of(tx, one, found)
    if found is None or mine is None:
        text = (
            f"{txid} is no draft that was made for {name}, or is in no block that was read. What App has "
            "never drafted is booked by keepcool app recalled"
        )
        raise Refused("settle.not_ours", text)
    _refuse_early(tx, row, mine, found)
    newest = batches.of_withdrawal(tx, name)[-1]
    if newest.id != mine.id and newest.stage in OPEN:
        text = (
            f"{name} is in another draft, {newest.id}, as well: freeze it, and ask again once that has ended"
        )
        raise Refused("settle.drafted_again", text)
    return found


def _batch_of(tx: Connection, one: Withdrawal, found: Spending | None) -> Batch | None:
    """The batch of it that this transaction is a rung of."""
    if found is None:
        return None
    made = batches.of_withdrawal(tx, one.id)
    return next((each for each in made if each.id == found.holder and each.purpose is Purpose.PAY), None)


def _refuse_early(tx: Connection, row: Network, mine: Batch, found: Spending) -> None:
    stands = position.read(tx, row.id)
    tip = -1 if stands is None else stands.scanned
    moved = sum(store.get(tx, each).units for each in batches.members(tx, mine.id))
    deep, needed = found.confirmations(tip), row.depth_blocks(moved)
    if found.gone or deep < needed:
        raise Refused("settle.not_final", f"{found.txid} lies {deep} blocks deep; {needed} are needed")


def _settled(tx: Connection, row: Network, name: str, raw: bytes, now_ms: int) -> Withdrawal:
    """What was read before still holds, and these bytes pay it."""
    txid = txid_of(raw)
    found = _claimed(tx, row, name, txid)
    if isinstance(found, Withdrawal):
        return found
    one, mine = store.get(tx, name), batches.get(tx, found.holder or "")
    lying = Counter((out.script, out.amount_sat) for out in parse_transaction(raw).outputs)
    others = [store.get(tx, each) for each in batches.members(tx, mine.id) if each != name]
    lying.subtract(what for each in others if _is_paid_by(each, txid) for what in _wanted(row, each))
    if any(lying[what] < times for what, times in Counter(_wanted(row, one)).items()):
        text = f"{txid} does not pay {name} what it asked for, beside what it has paid to others"
        raise Refused("settle.pays_otherwise", text)
    seen = Inclusion(txid, found.height or 0, found.block_hash or "")
    first, cheapest = batches.coins(tx, mine.id)[0], batches.rungs(tx, mine.id)[0]
    draft = Draft(Slot(row.id, first.txid, first.vout), cheapest.body)
    _tell(tx, one, seen, now_ms)
    return store.step(tx, name, Paid(draft, seen), now_ms, transaction=txid)


def _wanted(row: Network, one: Withdrawal) -> list[tuple[bytes, int]]:
    return [(parse_address(row, to), units) for to, units in one.payments]


def _is_paid_by(one: Withdrawal, txid: str) -> bool:
    return isinstance(one.state, Confirmed) and one.state.inclusion.transaction == txid


def _tell(tx: Connection, one: Withdrawal, seen: Inclusion, now_ms: int) -> None:
    text = f"withdrawal {one.id} was settled by hand: {seen.transaction} has paid it in block {seen.block}"
    code, network = "payout.settled_by_hand", one.network
    notes.note(tx, at_ms=now_ms, kind=code, network=network, subject=one.id, text=text)
    key = f"{code}:{one.id}:{seen.transaction}"
    events.record(tx, key=key, at_ms=now_ms, network=network, wallet=one.wallet, code=code, text=text)
