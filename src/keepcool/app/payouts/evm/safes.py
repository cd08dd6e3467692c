"""What the chain says of a Safe: whether it stands, its nonce, whether a payment would work, who ran it.

Everything read here is a node's word: enough to wait or to try, never enough to pay again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.app.payouts import store
from keepcool.app.store import Store
from keepcool.chains.evm import abi
from keepcool.chains.evm.address import raw_of
from keepcool.chains.evm.assets import contract_of
from keepcool.chains.evm.payouts import TRANSFER
from keepcool.chains.evm.safe import SafeTx
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.ids import WalletId
from keepcool.core.intent import Output
from keepcool.core.withdrawal_states import Inclusion
from keepcool.ports.evmnode import Call, EvmNode, Log, Receipt, Tag

NONCE = bytes.fromhex("affed0e0")  # nonce()
EXECUTED = bytes.fromhex("442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e")
EXECUTION_FAILED = bytes.fromhex("23428b18acfb3ea64b08dc0c1d296ea9c09702c09083ca5272e64d115b687d23")
TRANSFERRED = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
_TRUE = (1).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Executed:
    """The SafeTx hash that consumed a nonce, and where."""

    digest: str
    inclusion: Inclusion


async def is_deployed(node: EvmNode, safe: str) -> bool:
    return bool(await node.code(safe))


async def nonce(node: EvmNode, safe: str, at: Tag | int = Tag.LATEST) -> int:
    """0 for a Safe that does not stand yet."""
    said = await node.call(Call(safe, NONCE), at)
    if not said:
        return 0
    if len(said) != 32:
        raise Unavailable("node.nonsense", f"{safe} answered nonce() with {len(said)} bytes")
    return int.from_bytes(said, "big")


async def free_slot(node: EvmNode, books: Store, wallet: WalletId, safe: str) -> int:
    """The Safe's nonce. Raises Unavailable while the node tells an older one than we know of."""
    told = await nonce(node, safe)
    used = await books.run(lambda tx: store.highest_slot_used(tx, wallet))
    if told <= used:
        raise Unavailable("node.lagging", f"the node knows nonce {told} of {safe}, {used} is used")
    return told


async def rehearse(node: EvmNode, tx: SafeTx) -> int:
    """Gas of the payment itself, made by the Safe, deployed or not. Raises Refused `payout.reverts` when
    it would fail now, by reverting or by a token that answers no."""
    call = Call(tx.to, tx.data, tx.value, sender=tx.safe)
    try:
        said = await node.call(call)
        if tx.data[:4] == TRANSFER and said not in (b"", _TRUE):
            raise Refused("payout.reverts", "the token refuses this transfer")
        return await node.estimate_gas(call)
    except Refused as error:
        if error.code not in ("node.reverted", "node.insufficient_funds"):
            raise
        raise Refused("payout.reverts", error.public) from error


def executed_in(receipt: Receipt, safe: str) -> dict[str, bool]:
    """SafeTx hashes this Safe ran in a transaction, and whether each worked."""
    events = {EXECUTED: True, EXECUTION_FAILED: False}
    return {
        log.topics[1].hex(): events[log.topics[0]]
        for log in receipt.logs
        if log.address == raw_of(safe) and len(log.topics) == 2 and log.topics[0] in events
    }


def unpaid(receipt: Receipt, safe: str, wanted: Sequence[tuple[str, Sequence[Output]]]) -> tuple[str, ...]:
    """The names behind which a payment stands that no log of its token tells of. A log tells of one payment;
    of the native coin nothing is asked."""
    told = Counter(
        (log.address, log.topics[2], log.data)
        for log in receipt.logs
        if len(log.topics) == 3 and log.topics[:2] == (TRANSFERRED, abi.address(safe))
    )
    missing = list[str]()
    for name, outputs in wanted:
        needed = Counter(_told_as(one) for one in outputs if contract_of(one.amount.asset) is not None)
        if needed - told:
            missing.append(name)
        else:
            told -= needed
    return tuple(missing)


def _told_as(one: Output) -> tuple[bytes, bytes, bytes]:
    token = contract_of(one.amount.asset) or ""
    return raw_of(token), abi.address(one.recipient), abi.uint(one.amount.units)


async def consumer(node: EvmNode, safe: str, slot: int, *, since: int) -> Executed | None:
    """Which SafeTx consumed this nonce, searched by halving between block `since` and the tip. None while
    the nonce is free, or when no event tells."""
    tip = await node.header(Tag.LATEST)
    if tip is None or await nonce(node, safe, tip.number) <= slot:
        return None
    low, high = min(since, tip.number), tip.number
    while low < high:
        middle = (low + high) // 2
        if await nonce(node, safe, middle) > slot:
            high = middle
        else:
            low = middle + 1
    return await _told_in(node, safe, slot, high)


async def _told_in(node: EvmNode, safe: str, slot: int, block: int) -> Executed | None:
    header = await node.header(block)
    before = await nonce(node, safe, block - 1) if block else 0
    if header is None:
        return None
    logs: tuple[Log, ...] = await node.logs(
        header.hash, addresses=[safe], topics=[(EXECUTED, EXECUTION_FAILED)]
    )
    told = [log for log in logs if len(log.topics) == 2]
    if not 0 <= slot - before < len(told):
        return None
    log = told[slot - before]  # one event per nonce, in order
    where = Inclusion("0x" + log.transaction.hex(), block, "0x" + header.hash.hex())
    return Executed(log.topics[1].hex(), where)
