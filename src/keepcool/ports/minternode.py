"""One Minter node, in the words of the chain. What it says is believed only as far as its callers prove it.

Addresses are "Mx" and 40 lowercase hex digits, hashes 32 raw bytes, amounts pip of a coin named by its id,
times milliseconds. One block is final: a height that was read never changes.

Every method raises Unavailable when the node is away, lags or talks nonsense, and Refused
`node.wrong_chain` when it serves another chain. Reads are repeated a bounded number of times, sending never.
Specification: Minter HTTP API v2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from keepcool.core.errors import Conflict, KeepcoolError, Refused, Unavailable

BASE_COIN = 0  # BIP, on a test network MNT


@dataclass(frozen=True, slots=True)
class Status:
    """`network` is the name the node gives its chain, `catching_up` whether it still reads old blocks."""

    network: str
    height: int
    block_hash: bytes
    block_time_ms: int
    catching_up: bool


@dataclass(frozen=True, slots=True)
class Balance:
    coin: int
    pip: int


@dataclass(frozen=True, slots=True)
class Owner:
    address: str
    weight: int


@dataclass(frozen=True, slots=True)
class Multisig:
    """Owners in the chain's order, no address twice. The chain accepts a threshold of 0 and one that the
    weights never reach, so both occur."""

    threshold: int
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Balances by ascending coin id, those of 0 left out. `multisig` is None for an ordinary account;
    `transaction_count` counts committed transactions, the pool's are not in it."""

    address: str
    balances: tuple[Balance, ...]
    transaction_count: int
    multisig: Multisig | None

    @property
    def next_nonce(self) -> int:
        return self.transaction_count + 1

    def pip(self, coin: int = BASE_COIN) -> int:
        return next((one.pip for one in self.balances if one.coin == coin), 0)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One in a block. `hash` is the SHA-256 of `raw`, checked here; it is malleable, so payouts are found by
    (sender, nonce). `code` other than 0: it failed, its nonce was not used up and it stays valid."""

    hash: bytes
    raw: bytes
    height: int
    index: int
    sender: str
    nonce: int
    kind: int
    code: int
    tags: tuple[tuple[str, str], ...]
    log: str = field(default="", compare=False)

    @property
    def failed(self) -> bool:
        return self.code != 0

    def tag(self, name: str) -> str | None:
        """What the node noted under this name, such as `tx.created_multisig` or `tx.return`."""
        return next((text for key, text in self.tags if key == name), None)


@dataclass(frozen=True, slots=True)
class Event:
    """Something a block did to an account without a transaction: a reward, an unbond, an expired order.
    `kind` is the node's name for it without a prefix, such as RewardEvent."""

    kind: str
    address: str | None
    coin: int
    pip: int | None


@dataclass(frozen=True, slots=True)
class Block:
    """With every transaction, the failed ones too: their count is the node's own, checked here."""

    height: int
    hash: bytes
    time_ms: int
    transactions: tuple[Transaction, ...]
    events: tuple[Event, ...]


class Why(StrEnum):
    """Why a node takes no part of a transaction; ONE_PER_BLOCK and POOL_FULL pass with the next block."""

    NONCE = "nonce"
    COIN = "coin"
    SIZE = "size"
    FORM = "form"
    FUNDS = "funds"
    PAYLOAD = "payload"
    SERVICE_DATA = "service_data"
    MULTISEND = "multisend"
    ONE_PER_BLOCK = "one_per_block"
    GAS_PRICE = "gas_price"
    CHAIN = "wrong_chain"
    FEE_COIN = "fee_coin"
    WEIGHTS = "weights"
    MULTISIG_EXISTS = "multisig_exists"
    NO_MULTISIG = "no_multisig"
    SIGNATURE = "signature"
    TOO_MANY_OWNERS = "too_many_owners"
    DUPLICATE_OWNER = "duplicate_owner"
    OWNERS_WEIGHTS = "owners_weights"
    TOTAL_WEIGHT = "total_weight"
    VOTES = "votes"
    POOL_FULL = "pool_full"
    OTHER = "rejected"


@dataclass(frozen=True, slots=True)
class Accepted:
    """In the node's pool. It is in the chain only when a block has it, and has succeeded only with code 0."""

    transaction: bytes


@dataclass(frozen=True, slots=True)
class AlreadyKnown:
    """The node has seen these bytes before. That says nothing of their fate: look them up."""

    transaction: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not in this node's pool. `code` is the node's own, `text` its words, cut short. The fields below tell
    what it wants instead, where it said so."""

    transaction: bytes
    why: Why
    code: int
    text: str
    expected_nonce: int | None = None
    needed: Balance | None = None
    gas_price_min: int | None = None

    @property
    def error(self) -> KeepcoolError:
        """The same as an error of ours, for a caller that has nothing better to do than to raise it."""
        return rejection_error(self.why, self.code, self.text)


Outcome: TypeAlias = "Accepted | AlreadyKnown | Rejected"
_MEND = {
    Why.NONCE: "read the account again and draft anew",
    Why.FUNDS: "the sender has too little for this and its fee",
    Why.ONE_PER_BLOCK: "its sender has one in this block; send it again after the next",
    Why.POOL_FULL: "send it again after the next block",
    Why.GAS_PRICE: "sign it again with a higher gas price",
    Why.CHAIN: "it is signed for another chain",
    Why.NO_MULTISIG: "its sender is no multisig yet",
    Why.VOTES: "its signatures do not reach the threshold",
}


def rejection_error(why: Why, code: int, text: str) -> KeepcoolError:
    """Conflict for a nonce, Unavailable for what passes with the next block, Refused for all others."""
    mend = _MEND.get(why)
    told = f"the node takes no such transaction ({code}: {text})" + (f"; {mend}" if mend else "")
    name = f"node.{why.value}"
    if why is Why.NONCE:
        return Conflict(name, told)
    if why in (Why.ONE_PER_BLOCK, Why.POOL_FULL):
        return Unavailable(name, told)
    return Refused(name, told)


class AccountReader(Protocol):
    """What proving a wallet's owners needs of a node."""

    async def check(self) -> Status:
        """The status of a healthy node: its network's chain, not catching up, newest block not too old.
        Raises what is wrong, in a sentence."""

    async def status(self) -> Status: ...

    async def account(self, address: str, at: int | None = None) -> Account:
        """As of the block `at`, or of the newest. Raises Unavailable `node.state_gone` for a height that the
        node has no state of (any more; it keeps some 120)."""


class MinterNode(AccountReader, Protocol):
    """Everything keepcool asks of a node."""

    async def accounts(self, addresses: Sequence[str], at: int | None = None) -> list[Account]:
        """One per address, in order, in as few round trips as the node takes."""

    async def transaction(self, transaction: bytes) -> Transaction | None:
        """None while no block has it."""

    async def block(self, height: int) -> Block | None:
        """None when the node has no such block yet."""

    async def estimate_commission(self, raw: bytes) -> int:
        """What it would cost, in pip of its gas coin; its signatures may be missing. Raises Refused when the
        node cannot read it or has no price for its gas coin."""

    async def send(self, raw: bytes) -> Outcome:
        """Sent once. Raises Unavailable when no answer came: `node.unreachable` means that nothing was sent,
        any other code that it may or may not be in the pool."""

    async def min_gas_price(self) -> int: ...

    async def unconfirmed(self, limit: int = 100) -> tuple[bytes, ...]:
        """Raw transactions of the node's pool that no block has yet, oldest first."""
