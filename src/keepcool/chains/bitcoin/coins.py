"""Coins that may be spent: what one costs to spend at a fee rate, and when it is not ours to spend yet.

Laws: a coin that is leased or frozen is never chosen; one that somebody else paid in waits for the depth its
network's row asks of its amount, mined ones for maturity; only change of our own, and only where nobody can
alter the id of what made it (BIP-141), is spent unconfirmed. Whole numbers only: rates are per 1000 virtual
bytes, so a weight unit costs a 4000th of the rate, and what is compared is counted in such grains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

from keepcool.chains.bitcoin import script, sizes
from keepcool.chains.bitcoin.compact import compact
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.script import Locking, ScriptKind
from keepcool.chains.bitcoin.transaction import Outpoint

GRAINS = 4000  # per smallest unit of the coin
ANCESTORS_MAX = 24  # nodes relay chains of 25 unconfirmed transactions
_OUTPOINT_AND_SEQUENCE = 40


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how large an input is: how it is wrapped, and m of n."""

    kind: ScriptKind
    threshold: int
    keys: int

    @property
    def weight(self) -> int:
        """Of one signed input in a transaction with a witness."""
        signature_script, witness = _sizes(self)
        return 4 * (_OUTPOINT_AND_SEQUENCE + signature_script) + witness

    @property
    def output_bytes(self) -> int:
        """Of an output that pays to it: amount, length, script."""
        return 8 + 1 + len(self.script_pubkey)

    @property
    def script_pubkey(self) -> bytes:
        """Of the right form and length; whose it is, is left open."""
        match self.kind:
            case ScriptKind.P2WSH:
                return b"\x00\x20" + bytes(32)
            case ScriptKind.P2SH | ScriptKind.P2SH_P2WSH:
                return b"\xa9\x14" + bytes(20) + b"\x87"
            case _ as never:
                assert_never(never)


class Origin(StrEnum):
    """Who made the transaction that holds the coin."""

    FOREIGN = "foreign"
    CHANGE = "change"  # we did, and every coin it spent was ours
    MINED = "mined"


@dataclass(frozen=True, slots=True)
class Coin:
    """`confirmations` is 0 while in no block; `ancestors` counts the unconfirmed transactions it hangs on,
    its own among them. `leased`: another draft holds it. `frozen`: somebody decided it stays."""

    outpoint: Outpoint
    amount_sat: int
    shape: Shape
    confirmations: int
    origin: Origin = Origin.FOREIGN
    leased: bool = False
    frozen: bool = False
    ancestors: int = 0

    def gain_grains(self, fee_rate: int) -> int:
        """What it adds to a payment at this rate: its amount less what spending it costs."""
        return self.amount_sat * GRAINS - self.shape.weight * fee_rate


def shape_of(owned: Owned) -> Shape:
    return Shape(owned.locking.kind, owned.threshold, len(owned.keypaths))


def settled(coins: Iterable[Coin], network: Network) -> list[Coin]:
    """The coins that may be spent and that no reorganisation within their network's depth takes back."""
    return [coin for coin in coins if _free(coin) and _deep(coin, network)]


def young(coins: Iterable[Coin]) -> list[Coin]:
    """Unconfirmed change of our own that may be spent at once."""
    return [
        coin
        for coin in coins
        if _free(coin)
        and coin.confirmations == 0
        and coin.origin is Origin.CHANGE
        and coin.shape.kind is not ScriptKind.P2SH
        and coin.ancestors <= ANCESTORS_MAX
    ]


def vsize_of(shapes: Sequence[Shape], outputs: int, outputs_bytes: int) -> int:
    """Virtual bytes, once signed, of a transaction that spends these and has so many outputs, together of
    so many bytes."""
    found = [_sizes(shape) for shape in shapes]
    signature_scripts = sum(one for one, _ in found)
    stripped = 8 + len(compact(len(shapes))) + len(compact(outputs)) + outputs_bytes
    stripped += _OUTPOINT_AND_SEQUENCE * len(shapes) + signature_scripts
    if all(shape.kind is ScriptKind.P2SH for shape in shapes):
        return stripped
    return -(-(4 * stripped + 2 + sum(witness for _, witness in found)) // 4)


def fee_of(vsize: int, fee_rate: int) -> int:
    """Rounded up."""
    return -(-vsize * fee_rate // 1000)


def _free(coin: Coin) -> bool:
    return not coin.leased and not coin.frozen and coin.amount_sat > 0


def _deep(coin: Coin, network: Network) -> bool:
    match coin.origin:
        case Origin.FOREIGN:
            return coin.confirmations >= network.depth_blocks(coin.amount_sat)
        case Origin.CHANGE:
            return coin.confirmations >= 1
        case Origin.MINED:
            return coin.confirmations >= network.coinbase_maturity
        case _ as never:
            assert_never(never)


@lru_cache(maxsize=256)
def _sizes(shape: Shape) -> tuple[int, int]:
    script.check_numbers(shape.threshold, shape.keys, shape.kind)
    numbers = len(script.number(shape.threshold)) + len(script.number(shape.keys))
    bare = bytes(numbers + 34 * shape.keys + len(script.CHECKMULTISIG))
    return sizes.signed_sizes(_locking(shape.kind, bare), shape.threshold)


def _locking(kind: ScriptKind, bare: bytes) -> Locking:
    match kind:
        case ScriptKind.P2SH:
            return Locking(kind, b"", bare, b"")
        case ScriptKind.P2WSH:
            return Locking(kind, b"", b"", bare)
        case ScriptKind.P2SH_P2WSH:
            return Locking(kind, b"", bytes(34), bare)
        case _ as never:
            assert_never(never)
