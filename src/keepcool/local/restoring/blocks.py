"""A raw block, transaction by transaction, as far as a restore needs it: what is spent and what is paid.

Laws: nothing is built for what is of no interest; ids are computed for hits alone; a merged-mined header
(Dogecoin), a payload (Dash) and the mark of an extension block (Litecoin) are stepped over; bytes that are
not understood to the last transaction end the reading with an error, never with fewer coins. BIP-144, DIP-2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.transaction import hash256
from keepcool.core.errors import Malformed

_HEADER = 80
_AUXPOW = 0x100
_NOWHERE = bytes(32) + b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Walked:
    """One transaction. `spends`: its outpoints, 36 bytes each. `pays`: (amount, script) by position."""

    spends: tuple[bytes, ...]
    pays: tuple[tuple[int, bytes], ...]
    stripped_parts: tuple[bytes, bytes, bytes]

    @property
    def stripped(self) -> bytes:
        """The bytes its id covers."""
        return b"".join(self.stripped_parts)

    @property
    def txid(self) -> bytes:
        return hash256(self.stripped)

    @property
    def coinbase(self) -> bool:
        return self.spends == (_NOWHERE,)


def walk(raw: bytes, network: Network) -> Iterator[Walked]:
    """Every transaction of a block. Raises Malformed."""
    try:
        at = _HEADER
        if raw[1] & (_AUXPOW >> 8) and network.merged_mining:
            at = _after_proof(raw, at, network)
        count, at = _size(raw, at)
        for _ in range(count):
            one, at = _walked(raw, at, network)
            yield one
    except (IndexError, ValueError) as error:
        raise Malformed("block.form", "the block ends too early or is of a form nobody knows") from error


def _walked(raw: bytes, start: int, network: Network) -> tuple[Walked, int]:
    marked = raw[start + 4] == 0
    flag = raw[start + 5] if marked else 0
    begin = at = start + (6 if marked else 4)
    spends, pays = [], []
    count, at = _size(raw, at)
    for _ in range(count):
        spends.append(raw[at : at + 36])
        length, at = _size(raw, at + 36)
        at += length + 4
    inputs = count
    count, at = _size(raw, at)
    for _ in range(count):
        amount = int.from_bytes(raw[at : at + 8], "little")
        length, at = _size(raw, at + 8)
        pays.append((amount, raw[at : at + length]))
        at += length
    end = at
    if flag & 1:
        at = _after_witness(raw, at, inputs)
    if flag & 8:  # the one transaction of a block that stands for the extension block carries nothing more
        if raw[at]:
            raise ValueError("a part of an extension block")
        at += 1
    tail = raw[at : at + 4]
    at += 4
    if network.payloads and raw[start] >= 3 and raw[start + 2 : start + 4] != b"\0\0":
        length, after = _size(raw, at)
        tail = raw[at - 4 : after + length]
        at = after + length
    if at > len(raw) or not spends:
        raise ValueError("past the end")
    parts = (raw[start : start + 4], raw[begin:end], tail)
    return Walked(tuple(spends), tuple(pays), parts), at


def _after_witness(raw: bytes, at: int, inputs: int) -> int:
    for _ in range(inputs):
        items, at = _size(raw, at)
        for _ in range(items):
            length, at = _size(raw, at)
            at += length
    return at


def _after_proof(raw: bytes, at: int, network: Network) -> int:
    """A merged-mined block: the parent's coinbase, its hash, two branches with their places, its header."""
    _, at = _walked(raw, at, network)
    at += 32
    for _ in range(2):
        count, at = _size(raw, at)
        at += 32 * count + 4
    return at + _HEADER


def _size(raw: bytes, at: int) -> tuple[int, int]:
    first = raw[at]
    if first < 0xFD:
        return first, at + 1
    width = 2 if first == 0xFD else 4 if first == 0xFE else 8
    return int.from_bytes(raw[at + 1 : at + 1 + width], "little"), at + 1 + width
