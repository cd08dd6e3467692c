"""What a node's JSON means, strictly: anything but the exact form of a field raises ValueError.

Laws: numbers are 0x and hex digits within 256 bits, hashes 32 bytes, addresses 20; fields we do not use are
not looked at, because every client adds its own. Specification: ethereum/execution-apis.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from typing import TypeVar

import msgspec

from keepcool.ports.evmnode import Block, Header, Log, Receipt, Transaction

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_TOPICS_MAX = 4
T = TypeVar("T")


class RawHeader(msgspec.Struct, frozen=True, rename="camel"):
    number: str
    hash: str
    parent_hash: str
    timestamp: str
    gas_limit: str
    base_fee_per_gas: str = "0x0"

    def read(self) -> Header:
        return Header(
            number=quantity(self.number),
            hash=data(self.hash, 32),
            parent_hash=data(self.parent_hash, 32),
            timestamp_s=quantity(self.timestamp),
            base_fee_per_gas=quantity(self.base_fee_per_gas),
            gas_limit=quantity(self.gas_limit),
        )


class RawTransaction(msgspec.Struct, frozen=True, rename="camel"):
    hash: str
    from_: str = msgspec.field(name="from")
    value: str
    nonce: str
    input: str
    to: str | None = None
    block_hash: str | None = None
    block_number: str | None = None
    transaction_index: str | None = None

    def read(self) -> Transaction:
        return Transaction(
            hash=data(self.hash, 32),
            sender=data(self.from_, 20),
            to=None if self.to is None else data(self.to, 20),
            value=quantity(self.value),
            nonce=quantity(self.nonce),
            data=data(self.input),
            index=_optional(self.transaction_index),
            block_number=_optional(self.block_number),
            block_hash=None if self.block_hash is None else data(self.block_hash, 32),
        )


class RawBlock(RawHeader, frozen=True, rename="camel", kw_only=True):
    transactions: list[RawTransaction]

    def whole(self) -> Block:
        header = self.read()
        transactions = tuple(raw.read() for raw in self.transactions)
        if any(one.block_hash != header.hash or one.index is None for one in transactions):
            raise ValueError("a transaction of another block")
        return Block(header, transactions)


class RawLog(msgspec.Struct, frozen=True, rename="camel"):
    address: str
    topics: list[str]
    data: str
    log_index: str
    transaction_hash: str
    block_number: str
    block_hash: str
    removed: bool = False

    def read(self) -> Log:
        if len(self.topics) > _TOPICS_MAX:
            raise ValueError("too many topics")
        return Log(
            address=data(self.address, 20),
            topics=tuple([data(topic, 32) for topic in self.topics]),
            data=data(self.data),
            index=quantity(self.log_index),
            transaction=data(self.transaction_hash, 32),
            block_number=quantity(self.block_number),
            block_hash=data(self.block_hash, 32),
        )


class RawReceipt(msgspec.Struct, frozen=True, rename="camel"):
    transaction_hash: str
    status: str
    gas_used: str
    effective_gas_price: str
    block_number: str
    block_hash: str
    logs: list[RawLog]

    def read(self) -> Receipt:
        status = quantity(self.status)
        if status not in (0, 1):
            raise ValueError("a status that is neither success nor failure")
        return Receipt(
            transaction=data(self.transaction_hash, 32),
            succeeded=status == 1,
            gas_used=quantity(self.gas_used),
            effective_gas_price=quantity(self.effective_gas_price),
            block_number=quantity(self.block_number),
            block_hash=data(self.block_hash, 32),
            logs=tuple(log.read() for log in self.logs),
        )


class RawFees(msgspec.Struct, frozen=True, rename="camel"):
    base_fee_per_gas: list[str]
    reward: list[list[str]] | None = None


def parsed(text: bytes, kind: type[T]) -> T:
    """Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def quantity(text: str) -> int:
    if not _QUANTITY.fullmatch(text):
        raise ValueError("not a number of at most 256 bits")
    return int(text, 16)


def data(text: str, size: int | None = None) -> bytes:
    if text[:2] != "0x":
        raise ValueError("not 0x and hex digits")
    raw = unhexlify(text[2:])
    if size is not None and len(raw) != size:
        raise ValueError(f"not {size} bytes")
    return raw


def _optional(text: str | None) -> int | None:
    return None if text is None else quantity(text)
