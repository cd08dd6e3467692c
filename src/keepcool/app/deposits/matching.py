"""What of a block concerns our wallets: pure, and quick with a million of them.

Laws: a log counts only when its form is exactly the event's; zero amounts, transfers to oneself and unlisted
tokens are nobody's deposit, nor is what goes from an address of a pool to its treasury; one movement of coins
is counted once, however many traces it leaves.
ERC-20; Safe 1.4.1 and 1.5.0 events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from keepcool.app.deposits.records import Kind
from keepcool.chains.evm.address import raw_of
from keepcool.chains.evm.forwarders import FACTORY, FLUSHED, raw_forwarder
from keepcool.core.ids import AssetId
from keepcool.ports.evmnode import Block, Log, Transaction

TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
SAFE_RECEIVED = bytes.fromhex("3d0ce9bfc3ed7d6862dbb28b2dea94561fe714a1b4d019aa8af39730d1ad7c3d")
EXECUTED = bytes.fromhex("442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e")
EXECUTION_FAILED = bytes.fromhex("23428b18acfb3ea64b08dc0c1d296ea9c09702c09083ca5272e64d115b687d23")
MODULE_EXECUTED = bytes.fromhex("6895c13664aa4f67288b25d7a21d7aaa34916e355fb9b6fae0a139a9085becb8")
SAFE_TOPICS = (SAFE_RECEIVED, EXECUTED, EXECUTION_FAILED, MODULE_EXECUTED)
OUR_TOPICS = (*SAFE_TOPICS, FLUSHED)
_FACTORY = raw_of(FACTORY.address)
_NOTHING: Mapping[bytes, int] = MappingProxyType({})
_NO_BITS = bytes(12)


@dataclass(frozen=True, slots=True)
class Incoming:
    """`wallet` is the number of its row, `address` where it came in. `position` is the log's index in the
    block, or the transaction's."""

    wallet: int
    asset: AssetId
    kind: Kind
    sender: bytes
    transaction: bytes
    position: int
    units: int
    address: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True)
class Touched:
    """A wallet from which something may have gone. `executed` is the hash of the SafeTx it executed in
    this log, None when it left by another way."""

    wallet: int
    transaction: bytes
    position: int
    executed: bytes | None


@dataclass(frozen=True, slots=True)
class Passed:
    """From an address of a pool, `address`: `units` of which `arrived` came to the treasury `to`."""

    wallet: int
    to: int
    asset: AssetId
    transaction: bytes
    position: int
    units: int
    arrived: int
    address: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True)
class Matched:
    incoming: tuple[Incoming, ...]
    touched: tuple[Touched, ...]
    passed: tuple[Passed, ...] = ()


def match(
    block: Block,
    transfers: Iterable[Log],
    safe_logs: Iterable[Log],
    *,
    watched: Mapping[bytes, int],
    native: AssetId,
    tokens: Mapping[bytes, AssetId],
    pooled: Mapping[bytes, int] = _NOTHING,
) -> Matched:
    """`watched` and `tokens` are keyed by 20 raw bytes, `pooled` has of each forwarder the wallet of its
    treasury. Plain transactions are candidates only: whether they succeeded stands in their receipts."""
    plain = [one for one in block.transactions if one.value and one.to in watched]
    ours = [log for log in safe_logs if log.address in watched and log.topics]
    incoming = [_plain(one, watched[one.to], native) for one in plain if one.to is not None]
    incoming += _received([log for log in ours if not _inside(log, watched, pooled)], plain, watched, native)
    passed = list(_flushed(safe_logs, watched, pooled, native)) if pooled else []
    touched = [_touch(log, watched[log.address]) for log in ours if log.topics[0] != SAFE_RECEIVED]
    for log in transfers:
        asset = tokens.get(log.address)
        if asset is None or len(log.topics) != 3 or log.topics[0] != TRANSFER or len(log.data) != 32:
            continue
        sender, recipient = log.topics[1], log.topics[2]
        payer, paid = sender[12:], recipient[12:]
        to, source = watched.get(paid), watched.get(payer)
        if (to is None and source is None) or sender == recipient:
            continue
        units = int.from_bytes(log.data, "big")
        if not units or sender[:12] != _NO_BITS or recipient[:12] != _NO_BITS:
            continue
        treasury = None if source is None else pooled.get(payer)
        if treasury is not None and source is not None:
            arrived = units if to == treasury else 0
            moved = (log.transaction, log.index, units, arrived, payer)
            passed.append(Passed(source, treasury, asset, *moved))
            if to == treasury:
                continue
        if to is not None:
            incoming.append(
                Incoming(to, asset, Kind.TRANSFER, payer, log.transaction, log.index, units, paid)
            )
        if source is not None:
            touched.append(Touched(source, log.transaction, log.index, None))
    return Matched(tuple(incoming), tuple(touched), tuple(passed))


def _inside(log: Log, watched: Mapping[bytes, int], pooled: Mapping[bytes, int]) -> bool:
    """Whether a treasury tells of what one of its own forwarders brought."""
    sender = log.topics[1][12:] if len(log.topics) == 2 else b""
    return sender in pooled and pooled[sender] == watched[log.address]


def _flushed(
    logs: Iterable[Log], watched: Mapping[bytes, int], pooled: Mapping[bytes, int], native: AssetId
) -> Iterable[Passed]:
    """The factory's own events: its code is known, and it moves what it says."""
    for log in logs:
        if log.address != _FACTORY or len(log.topics) != 2 or log.topics[0] != FLUSHED or len(log.data) != 64:
            continue
        units = int.from_bytes(log.data[32:], "big")
        forwarder = raw_forwarder(log.topics[1], int.from_bytes(log.data[:32], "big"))
        if forwarder in pooled and forwarder in watched:
            where = (log.transaction, log.index, units, units, forwarder)
            yield Passed(watched[forwarder], pooled[forwarder], native, *where)


def _plain(one: Transaction, wallet: int, native: AssetId) -> Incoming:
    position = one.index if one.index is not None else 0
    return Incoming(
        wallet, native, Kind.TRANSACTION, one.sender, one.hash, position, one.value, one.to or b""
    )


def _received(
    logs: Iterable[Log], plain: Iterable[Transaction], watched: Mapping[bytes, int], native: AssetId
) -> list[Incoming]:
    # a plain transaction to a deployed Safe logs itself too: that log is the same coins
    told = {(one.hash, one.to, one.sender, one.value) for one in plain}
    found = []
    for log in logs:
        if log.topics[0] != SAFE_RECEIVED or len(log.topics) != 2 or len(log.data) != 32:
            continue
        sender, units = log.topics[1][12:], int.from_bytes(log.data, "big")
        same = (log.transaction, log.address, sender, units)
        if same in told:
            told.remove(same)
        elif units and sender != log.address:
            found.append(
                Incoming(
                    watched[log.address],
                    native,
                    Kind.SAFE_RECEIVED,
                    sender,
                    log.transaction,
                    log.index,
                    units,
                )
            )
    return found


def _touch(log: Log, wallet: int) -> Touched:
    known = log.topics[0] == EXECUTED and len(log.topics) == 2
    return Touched(wallet, log.transaction, log.index, log.topics[1] if known else None)
