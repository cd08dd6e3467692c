"""One EVM node, in the words of the chain. What it says is believed only as far as its callers prove it.

Addresses asked about are EIP-55 text; addresses found in blocks are 20 raw bytes, because a block holds
thousands and few of them are ours. Hashes are 32 raw bytes, amounts wei or token units, times seconds.

Every method raises Unavailable when the node is away, lags or talks nonsense, and Refused
`node.wrong_chain` when it serves another chain. Reads are repeated a bounded number of times, sending never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias


class Tag(StrEnum):
    LATEST = "latest"
    PENDING = "pending"
    SAFE = "safe"
    FINALIZED = "finalized"


At: TypeAlias = Tag | int | bytes  # a tag, a height, or exactly this block by its hash (EIP-1898)


@dataclass(frozen=True, slots=True)
class Header:
    """`base_fee_per_gas` is 0 on chains before EIP-1559."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp_s: int
    base_fee_per_gas: int
    gas_limit: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """`to` is None for a creation. The three block fields are None while it waits in the pool."""

    hash: bytes
    sender: bytes
    to: bytes | None
    value: int
    nonce: int
    data: bytes
    index: int | None
    block_number: int | None
    block_hash: bytes | None


@dataclass(frozen=True, slots=True)
class Block:
    header: Header
    transactions: tuple[Transaction, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """`index` counts over the whole block. A log the node calls removed is never handed out."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    index: int
    transaction: bytes
    block_number: int
    block_hash: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block. What it cost its sender is `gas_used * effective_gas_price` wei."""

    transaction: bytes
    succeeded: bool
    gas_used: int
    effective_gas_price: int
    block_number: int
    block_hash: bytes
    logs: tuple[Log, ...]

    @property
    def fee_wei(self) -> int:
        return self.gas_used * self.effective_gas_price


@dataclass(frozen=True, slots=True)
class Fees:
    """`base_fee_per_gas` is the next block's, `priority_fee_per_gas` the median of what recent ones took."""

    base_fee_per_gas: int
    priority_fee_per_gas: int


@dataclass(frozen=True, slots=True)
class Holding:
    """Whose balance of what: `token` is None for the native coin."""

    address: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """`supposed`: code that the target is to be taken to have, in a call that is only asked about."""

    to: str
    data: bytes = b""
    value: int = 0
    sender: str | None = None
    supposed: bytes = b""


class Sending(StrEnum):
    """What a node said of a raw transaction. Only ACCEPTED and KNOWN mean that it is in the pool; after
    NONCE_TOO_LOW look for the receipts of every transaction ever signed for that nonce."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    NONCE_TOO_LOW = "nonce_too_low"
    UNDERPRICED = "underpriced"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Sent:
    """`transaction` is the hash of the raw bytes, computed here; `text` is the node's own, cut short."""

    outcome: Sending
    transaction: bytes
    text: str = ""


class ChainReader(Protocol):
    """What following a chain needs of a node."""

    async def check(self) -> Header:
        """The latest header of a healthy node: its network's chain id, not syncing, tip not too old."""

    async def header(self, at: At) -> Header | None:
        """None when the node has no such block (or does not know the tag)."""

    async def block(self, at: int | bytes) -> Block | None: ...

    async def logs(
        self, block_hash: bytes, *, addresses: Sequence[str], topics: Sequence[Sequence[bytes]]
    ) -> tuple[Log, ...]:
        """The logs of one block in order; no addresses means any. Each position of `topics` lists what it
        may be, and an empty one may be anything."""

    async def balances(self, holdings: Sequence[Holding], at: At) -> list[int]:
        """One number per holding, in order, in as few round trips as the node takes. Raises Refused
        `node.reverted` when a token's contract does not answer."""

    async def receipt(self, transaction: bytes) -> Receipt | None: ...


class EvmNode(ChainReader, Protocol):
    """Everything keepcool asks of a node."""

    async def balance(self, address: str, at: At = Tag.LATEST) -> int: ...

    async def nonce(self, address: str, at: At = Tag.LATEST) -> int: ...

    async def code(self, address: str, at: At = Tag.LATEST) -> bytes: ...

    async def transaction(self, transaction: bytes) -> Transaction | None: ...

    async def call(self, call: Call, at: At = Tag.LATEST) -> bytes:
        """What it returns. Raises Refused `node.reverted` with the reason when it reverts, and
        `node.no_rehearsals` from a node that cannot suppose other code than there is."""

    async def estimate_gas(self, call: Call) -> int:
        """Raises Refused `node.reverted` when it would revert."""

    async def fees(self) -> Fees: ...

    async def send_raw(self, raw: bytes) -> Sent:
        """Sent once. Raises Unavailable when no answer came: it may or may not be in the pool."""
