"""What a node's JSON means, strictly: anything but the exact form of a field raises ValueError.

Laws: amounts are read as the decimals they are written in, never through floating point; fields we do not
use are not looked at, because every node adds its own.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

import msgspec

from keepcool.chains.bitcoin.networks import DECIMALS
from keepcool.ports.bitcoinnode import Spent, Unspent

_HASH = re.compile(r"[0-9a-f]{64}")
_COIN_LIMIT = 2**63
T = TypeVar("T")


class RawChain(msgspec.Struct, frozen=True):
    blocks: int
    bestblockhash: str
    headers: int = 0
    initialblockdownload: bool = False
    pruned: bool = False
    pruneheight: int | None = None


class RawNetwork(msgspec.Struct, frozen=True):
    subversion: str
    connections: int = 0
    relayfee: Decimal = Decimal(0)


class RawPool(msgspec.Struct, frozen=True):
    mempoolminfee: Decimal = Decimal(0)


class RawEstimate(msgspec.Struct, frozen=True):
    feerate: Decimal | None = None
    fee: Decimal | None = None  # as bcoin calls it


class RawAcceptance(msgspec.Struct, frozen=True):
    txid: str
    allowed: bool
    reject_reason: str = msgspec.field(name="reject-reason", default="")


class RawNotification(msgspec.Struct, frozen=True):
    type: str
    address: str


class _RawScript(msgspec.Struct, frozen=True):
    hex: str


class RawUnspent(msgspec.Struct, frozen=True, rename={"script": "scriptPubKey"}):
    bestblock: str
    confirmations: int
    value: Decimal
    script: _RawScript
    coinbase: bool = False

    def read(self, tip_height: int) -> Unspent:
        if self.confirmations < 0 or self.confirmations > tip_height + 1:
            raise ValueError("deeper than the chain")
        height = tip_height - self.confirmations + 1 if self.confirmations else None
        return Unspent(satoshi(self.value), data(self.script.hex), height, self.coinbase)


class RawBlockIds(msgspec.Struct, frozen=True):
    tx: list[str]
    previousblockhash: str | None = None


class _RawPrevious(msgspec.Struct, frozen=True, rename={"script": "scriptPubKey"}):
    value: Decimal
    script: _RawScript


class _RawInput(msgspec.Struct, frozen=True):
    txid: str | None = None
    vout: int | None = None
    prevout: _RawPrevious | None = None

    def read(self) -> Spent:
        if self.txid is None or self.vout is None or self.prevout is None:
            raise ValueError("an input without the output it spends")
        told = self.prevout
        return Spent(block_or_transaction(self.txid), self.vout, satoshi(told.value), data(told.script.hex))


class _RawTransaction(msgspec.Struct, frozen=True):
    vin: list[_RawInput]


class RawBlock(msgspec.Struct, frozen=True):
    """A block as `getblock 3` tells it: with the outputs it spends."""

    hash: str
    tx: list[_RawTransaction]

    def spent(self) -> list[Spent]:
        return [one.read() for told in self.tx[1:] for one in told.vin]


class RawFilter(msgspec.Struct, frozen=True):
    filter: str


def parsed(text: bytes, kind: type[T]) -> T:
    """Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def block_or_transaction(text: str) -> str:
    """A hash or an id in display order."""
    if not _HASH.fullmatch(text):
        raise ValueError("not 64 small hex digits")
    return text


def data(text: str) -> bytes:
    return unhexlify(text)


def satoshi(coins: Decimal) -> int:
    """Raises ValueError on what no amount can be."""
    sat = _scaled(coins)
    if sat != sat.to_integral_value() or not 0 <= sat < _COIN_LIMIT:
        raise ValueError("no amount")
    return int(sat)


def rate(coins: Decimal | None, most: int) -> int | None:
    """Satoshi per 1000 virtual bytes, rounded up; None for what says that there is none, or cannot be one."""
    try:
        sat = Decimal(0) if coins is None else _scaled(coins)
    except ValueError:
        return None
    return int(sat.to_integral_value(ROUND_CEILING)) if 0 < sat <= most else None


def _scaled(coins: Decimal) -> Decimal:
    exponent = coins.as_tuple().exponent
    if not isinstance(exponent, int) or not -30 < exponent < 12 or abs(coins) >= _COIN_LIMIT:
        raise ValueError("no amount")
    return coins.scaleb(DECIMALS)
