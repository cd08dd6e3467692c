"""What a node's JSON means, strictly: anything but the exact form of a field raises ValueError.

Laws: whole numbers are decimal strings within their bits, raw transactions hex within the chain's own limit,
payloads base64; every list has a bound; a hash is what its bytes hash to. Fields we do not use are not looked
at, because versions add their own. Specification: Minter HTTP API v2 (protojson).
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import unhexlify
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TypeVar

import msgspec

from keepcool.chains.minter.address import parse_address
from keepcool.chains.minter.transaction import PAYLOAD_BYTES_MAX, RAW_BYTES_MAX, SERVICE_BYTES_MAX
from keepcool.core.errors import Malformed
from keepcool.ports.minternode import Account, Balance, Block, Event, Multisig, Owner, Status, Transaction

_BLOCK_BYTES_MAX = 10 * 1024 * 1024
_OWNERS_MAX, _BALANCES_MAX, _EVENTS_MAX = 32, 100_000, 100_000
_TAGS_MAX, _TAG_CHARS_MAX, _LOG_CHARS_MAX = 64, 64 * 1024, 500
_KIND_CHARS_MAX = 60
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")


class RawStatus(msgspec.Struct, frozen=True):
    network: str
    latest_block_hash: str
    latest_block_height: str
    latest_block_time: str
    catching_up: bool

    def read(self) -> Status:
        if not 1 <= len(self.network) <= 64 or not self.network.isprintable():
            raise ValueError("no name of a network")
        return Status(
            network=self.network,
            height=uint(self.latest_block_height),
            block_hash=digest(self.latest_block_hash),
            block_time_ms=time_ms(self.latest_block_time),
            catching_up=self.catching_up,
        )


class RawCoin(msgspec.Struct, frozen=True):
    id: str


class RawBalance(msgspec.Struct, frozen=True):
    coin: RawCoin
    value: str

    def read(self) -> Balance:
        return Balance(uint(self.coin.id, 32), pip(self.value))


class RawMultisig(msgspec.Struct, frozen=True):
    threshold: str
    weights: list[str]
    addresses: list[str]

    def read(self) -> Multisig:
        if not 1 <= len(self.addresses) <= _OWNERS_MAX or len(set(self.addresses)) != len(self.addresses):
            raise ValueError("no such owners can be")
        pairs = zip(self.addresses, self.weights, strict=True)
        owners = tuple([Owner(address(one), uint(weight, 32)) for one, weight in pairs])
        return Multisig(uint(self.threshold, 32), owners)


class RawAccount(msgspec.Struct, frozen=True):
    """`multisig` has no default: a node too old to tell of it must not make an owner list look empty."""

    balance: list[RawBalance]
    transaction_count: str
    multisig: RawMultisig | None

    def read(self, owner: str) -> Account:
        if len(self.balance) > _BALANCES_MAX:
            raise ValueError("too many balances")
        balances = {one.coin: one for one in [raw.read() for raw in self.balance]}
        if len(balances) != len(self.balance):
            raise ValueError("two balances of one coin")
        held = tuple([balances[coin] for coin in sorted(balances) if balances[coin].pip])
        multisig = None if self.multisig is None else self.multisig.read()
        return Account(owner, held, uint(self.transaction_count), multisig)


class RawAccounts(msgspec.Struct, frozen=True):
    addresses: dict[str, RawAccount]


class RawTransaction(msgspec.Struct, frozen=True):
    hash: str
    raw_tx: str
    height: str
    index: str
    from_: str = msgspec.field(name="from")
    nonce: str
    type: str
    payload: str
    service_data: str
    tags: dict[str, str]
    code: str
    log: str

    def read(self) -> Transaction:
        raw = raw_transaction(self.raw_tx)
        if prefixed_digest(self.hash) != sha256(raw).digest():
            raise ValueError("a hash of other bytes")
        _base64(self.payload, PAYLOAD_BYTES_MAX)
        _base64(self.service_data, SERVICE_BYTES_MAX)
        return Transaction(
            hash=sha256(raw).digest(),
            raw=raw,
            height=uint(self.height),
            index=uint(self.index, 32),
            sender=address(self.from_),
            nonce=uint(self.nonce),
            kind=uint(self.type, 8),
            code=uint(self.code, 32),
            tags=_tags(self.tags),
            log=printable(self.log),
        )


class RawHappening(msgspec.Struct, frozen=True):
    """The fields of an event that can move coins; others have some of them or none."""

    address: str | None = None
    coin: str | int = 0
    amount: str | None = None

    def named(self, name: str) -> Event:
        kind = re.split(r"[./]", name)[-1]
        if not kind.isalnum() or len(kind) > _KIND_CHARS_MAX:
            raise ValueError("an event without a name")
        whose = None if not self.address else address(self.address)
        return Event(kind, whose, uint(str(self.coin), 32), None if not self.amount else pip(self.amount))


class RawEvent(RawHappening, frozen=True):
    """Newer nodes name an event by `@type` beside its fields, older ones by `type` around them."""

    at_type: str | None = msgspec.field(name="@type", default=None)
    type: str = ""
    value: RawHappening | None = None

    def read(self) -> Event:
        if self.at_type is None and self.value is not None:
            return self.value.named(self.type)
        return self.named(self.at_type or "")


class RawBlock(msgspec.Struct, frozen=True):
    hash: str
    height: str
    time: str
    transaction_count: str
    transactions: list[RawTransaction]
    events: list[RawEvent]

    def read(self) -> Block:
        if len(self.events) > _EVENTS_MAX or sum(len(one.raw_tx) for one in self.transactions) > (
            2 * _BLOCK_BYTES_MAX
        ):
            raise ValueError("more than a block holds")
        height = uint(self.height)
        transactions = tuple([one.read() for one in self.transactions])
        if [one.index for one in transactions] != list(range(uint(self.transaction_count))):
            raise ValueError("a transaction is left out")
        if any(one.height != height for one in transactions):
            raise ValueError("a transaction of another block")
        events = tuple([one.read() for one in self.events])
        return Block(height, digest(self.hash), time_ms(self.time), transactions, events)


class RawCommission(msgspec.Struct, frozen=True):
    commission: str


class RawMinGasPrice(msgspec.Struct, frozen=True):
    min_gas_price: str


class RawPool(msgspec.Struct, frozen=True):
    transactions: list[str]


class RawSent(msgspec.Struct, frozen=True):
    code: str
    hash: str
    log: str = ""


def parsed(text: bytes, kind: type[T]) -> T:
    """Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def uint(text: str, bits: int = 64) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) >= 2**bits:
        raise ValueError(f"not a whole number of at most {bits} bits")
    return int(text)


def pip(text: str) -> int:
    return uint(text, 256)


def address(text: str) -> str:
    try:
        return parse_address(text)
    except Malformed as error:
        raise ValueError("not Mx and 40 lowercase hex digits") from error


def digest(text: str) -> bytes:
    if len(text) != 64:
        raise ValueError("not 32 bytes")
    return unhexlify(text)


def prefixed_digest(text: str) -> bytes:
    if text[:2] != "Mt":
        raise ValueError("no hash of a transaction")
    return digest(text[2:])


def raw_transaction(text: str) -> bytes:
    if not 1 <= len(text) <= 2 * RAW_BYTES_MAX:
        raise ValueError("no transaction has this size")
    return unhexlify(text)


def pooled(text: str) -> bytes:
    """A raw transaction as the pool shows it: Tx{UPPERCASE HEX}."""
    if text[:3] != "Tx{" or text[-1:] != "}":
        raise ValueError("not Tx{...}")
    return raw_transaction(text[3:-1])


def time_ms(text: str) -> int:
    if not _TIME.fullmatch(text):
        raise ValueError("not a time of RFC 3339")
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND


def printable(text: str) -> str:
    """A node's own words, short and on one line."""
    return "".join(char if char.isprintable() else " " for char in text[:_LOG_CHARS_MAX])


def _tags(tags: dict[str, str]) -> tuple[tuple[str, str], ...]:
    if len(tags) > _TAGS_MAX or any(len(name) + len(text) > _TAG_CHARS_MAX for name, text in tags.items()):
        raise ValueError("more tags than a transaction has")
    return tuple(sorted(tags.items()))


def _base64(text: str, size_max: int) -> bytes:
    raw = b64decode(text, validate=True)
    if len(raw) > size_max:
        raise ValueError("more bytes than the chain takes")
    return raw
