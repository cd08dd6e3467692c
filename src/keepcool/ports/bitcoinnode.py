"""One node of the Bitcoin Core family, in the words of the chain. What it says is believed only as far as
its callers prove it.

Transaction ids and block hashes are 64 small hex digits in display order, amounts satoshi, rates satoshi per
1000 virtual bytes. Bytes are what was asked for: a block's header hashes to its hash and its transactions to
its root, a transaction to its id.

Every method raises Unavailable when the node is away, warms up or talks nonsense, and Refused
`node.wrong_chain` when it serves another chain. Reads are repeated a bounded number of times, sending never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class BlockId:
    height: int
    hash: str


class Why(StrEnum):
    """Why a node takes no part of a transaction; POOL_FULL and NOT_YET pass with time."""

    SPENT = "spent"  # its inputs are spent by a block, or never were; it may itself be that block's
    CONFLICT = "conflict"  # a transaction of the pool spends one of its inputs and is not replaced
    FEE = "fee"  # too little for the pool, or to replace what is there
    POOL_FULL = "pool_full"
    NOT_YET = "not_yet"  # its time or its inputs' maturity has not come
    DROPPED = "dropped"  # taken without a complaint, and not there afterwards
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the node would do with a transaction. `reason` is its own short word, such as `min relay fee not
    met`; empty when allowed."""

    txid: str
    allowed: bool
    reason: str = ""
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Unspent:
    """A coin that neither a block nor the pool spends. `height` is None while it is in the pool itself."""

    amount_sat: int
    script: bytes
    height: int | None
    coinbase: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """An output that a block spends. Amount and script are the node's word: of a block's own bytes only the
    outpoint is part."""

    txid: str
    vout: int
    amount_sat: int
    script: bytes


@dataclass(frozen=True, slots=True)
class Condition:
    """How the node stands: `headers` is the height it has heard of, `pruned_below` the lowest block it still
    has when it deletes old ones."""

    tip: BlockId
    headers: int
    catching_up: bool
    peers: int
    pruned_below: int | None
    version: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this node offers beyond the least: answers `testmempoolaccept`, estimates fees, tells spent
    outputs with a block (`getblock 3`), makes blocks (regtest), has BIP-158 filters and an index of all
    transactions, and where it announces what: (topic, address) of its ZMQ notifications."""

    tests_acceptance: bool
    estimates_fees: bool
    tells_spent_outputs: bool
    makes_blocks: bool
    filters: bool
    transaction_index: bool
    notifications: tuple[tuple[str, str], ...] = ()


class Chain(Protocol):
    """What a node says of its chain."""

    async def check(self) -> Condition:
        """The condition of a healthy node: its network's chain, not catching up. Raises what is wrong, in a
        sentence."""

    async def capabilities(self) -> Capabilities:
        """Asked once and remembered until the node was away."""

    async def network_genesis(self) -> str:
        """The hash of its block 0, whatever it is."""

    async def tip(self) -> BlockId: ...

    async def block_hash(self, height: int) -> str | None:
        """Of the best chain; None when it is not that high yet."""

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]:
        """The same for many, in few round trips."""

    async def raw_block(self, block_hash: str) -> bytes:
        """Raises Unavailable `node.block_unknown` when it has no such block, `node.pruned` when it has
        deleted it."""

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]:
        """What each block is about, by its basic filter (BIP-158); None where the node has none. Nothing
        proves them: whoever leaves a block unread for its filter trusts the node so far."""

    async def spent_outputs(self, block_hash: str) -> list[Spent] | None:
        """Of all inputs of the block but the first transaction's, in their order; None when the node does not
        tell. Raises as `raw_block`."""


class BitcoinNode(Chain, Protocol):
    """Everything keepcool asks of a node."""

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None:
        """From the pool, or from this block; without a block also from the node's index if it has one. None
        when it is not there."""

    async def raw_transactions(self, txids: Sequence[str]) -> list[bytes | None]:
        """The same for many, in few round trips."""

    async def mempool(self) -> frozenset[str]: ...

    async def unspent(self, txid: str, vout: int) -> Unspent | None:
        """None when there is no such coin, or a block or the pool spends it."""

    async def fee_rate(self, target_blocks: int) -> int | None:
        """None when the node has no estimate, or tells one that cannot be true."""

    async def relay_floor(self) -> int:
        """The least rate it takes into its pool now."""

    async def test_accept(self, raws: Sequence[bytes]) -> list[Acceptance] | None:
        """One per transaction, in order, each judged by itself. None when the node cannot."""

    async def send(self, raw: bytes) -> str:
        """The transaction's id, only when the node's pool or one of its blocks has it afterwards. Asked
        again for what it has already, the same. Raises Refused `node.rejected` with the fields `why` (a Why)
        and `reason` (the node's own words); Unavailable `node.unreachable` when nothing was sent,
        Unavailable of any other code when it may or may not be in the pool."""
