"""What of one Minter block concerns our wallets: pure, and quick with a million of them.

Laws: only what succeeded brings coins; a failed transaction takes a fee and nothing else; coins of a wallet
to itself are nobody's deposit; what a wallet of ours sent is told to the pip, its fee included, and by the
hash that its owners signed, because the transaction's own hash is malleable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.chains.minter.address import raw_of
from keepcool.chains.minter.assets import coin_asset
from keepcool.chains.minter.data import Multisend, Send
from keepcool.chains.minter.transaction import Transaction as Decoded
from keepcool.chains.minter.transaction import parse_signed
from keepcool.core.errors import Malformed, Unavailable
from keepcool.core.ids import AssetId, NetworkId
from keepcool.ports.minternode import Block, Transaction

_ITEMS = 128  # more than a multisend has payments


@dataclass(frozen=True, slots=True)
class Incoming:
    """`wallet` is the number of its row. `position` is unique in the block."""

    wallet: int
    asset: AssetId
    sender: str
    transaction: bytes
    position: int
    units: int


@dataclass(frozen=True, slots=True)
class Left:
    """What a transaction took out of a wallet of ours, its fee included. `digest` is what its owners signed,
    `key` this inclusion of it: a failed one can be in many blocks."""

    wallet: int
    digest: bytes
    key: bytes
    taken: tuple[tuple[AssetId, int], ...]
    fee_asset: AssetId
    fee: int
    transaction: Transaction


@dataclass(frozen=True, slots=True)
class Found:
    """`stirred`: wallets whose balances an event may have changed."""

    incoming: tuple[Incoming, ...]
    left: tuple[Left, ...]
    stirred: frozenset[int]


def read(block: Block, network: NetworkId, watched: Mapping[bytes, int], listed: frozenset[AssetId]) -> Found:
    """`watched` is keyed by 20 raw bytes. Raises Unavailable on a transaction of ours that cannot be read."""
    incoming: list[Incoming] = []
    left: list[Left] = []
    for one in block.transactions:
        source = watched.get(raw_of(one.sender))
        decoded = _decoded(one, ours=source is not None)
        if decoded is None:
            continue
        if not one.failed:
            incoming += _incoming(one, decoded, network, watched, listed)
        if source is not None:
            left.append(_left(one, decoded, network, source, block.height))
    stirred = {
        watched[raw_of(event.address)]
        for event in block.events
        if event.address is not None and raw_of(event.address) in watched
    }
    return Found(tuple(incoming), tuple(left), frozenset(stirred))


def inclusion_key(height: int, index: int, digest: bytes) -> bytes:
    """32 bytes that name one inclusion. Anybody can bring several versions of what was signed into one block;
    one of them succeeds at most."""
    return hashlib.sha256(b"minter-inclusion-%d-%d:" % (height, index) + digest).digest()


def _decoded(one: Transaction, *, ours: bool) -> Decoded | None:
    try:
        return parse_signed(one.raw).transaction
    except Malformed as error:
        if ours:
            raise Unavailable("node.nonsense", f"block {one.height}: {error.public}") from error
        return None  # a stranger's transaction of a kind this release cannot read pays nobody of ours


def _sends(decoded: Decoded) -> tuple[Send, ...]:
    if isinstance(decoded.data, Send):
        return (decoded.data,)
    return decoded.data.items if isinstance(decoded.data, Multisend) else ()


def _incoming(
    one: Transaction,
    decoded: Decoded,
    network: NetworkId,
    watched: Mapping[bytes, int],
    listed: frozenset[AssetId],
) -> list[Incoming]:
    found = []
    for place, send in enumerate(_sends(decoded)):
        wallet, asset = watched.get(raw_of(send.to)), coin_asset(network, send.coin)
        if wallet is None or not send.value or send.to == one.sender or asset not in listed:
            continue
        position = one.index * _ITEMS + place
        found.append(Incoming(wallet, asset, one.sender, one.hash, position, send.value))
    return found


def _left(one: Transaction, decoded: Decoded, network: NetworkId, wallet: int, height: int) -> Left:
    taken: dict[AssetId, int] = {}
    for send in () if one.failed else _sends(decoded):
        if send.to != one.sender:
            asset = coin_asset(network, send.coin)
            taken[asset] = taken.get(asset, 0) + send.value
    gas, fee = coin_asset(network, decoded.gas_coin), fee_of(one)
    taken[gas] = taken.get(gas, 0) + fee
    digest = decoded.digest()
    key = inclusion_key(height, one.index, digest)
    return Left(wallet, digest, key, tuple(sorted(taken.items())), gas, fee, one)


def fee_of(one: Transaction) -> int:
    """Pip of its gas coin that a transaction in a block has cost. Raises Unavailable when the node does not
    say. One that failed before its fee could be taken has cost nothing."""
    told = one.tag("tx.fail_fee" if one.failed else "tx.commission_amount")
    if told is None and one.failed:
        return 0
    if told is None or not told.isdecimal():
        raise Unavailable("node.nonsense", f"the node tells no commission of {one.hash.hex()}")
    return int(told)
