"""What a block is about, in a few kilobytes: its basic filter, made here, and asked for many scripts at once.

Laws: a filter proves nothing. What it names may still not be there, and whoever made it may have left things
out: it says which blocks are worth reading, and whoever leaves one unread trusts it. BIP-158.
"""

from __future__ import annotations

import re
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat

from nacl import bindings
from nacl._sodium import ffi, lib  # a tenth of the time its wrapper takes, a hundred thousand times a block

from keepcool.chains.bitcoin.compact import Reader, compact
from keepcool.core.errors import Malformed

FILTER_BYTES_MAX = 4 * 1024 * 1024
_P, _M = 19, 784931
_LENGTH = 8  # of a hash
_RETURN = 0x6A
_CODE = re.compile(f"(1*)0([01]{{{_P}}})")


class Sought:
    """Scripts of one length or several, laid out once for all the filters they are looked for in."""

    def __init__(self, scripts: Iterable[bytes]) -> None:
        by_size: dict[int, list[bytes]] = {}
        for one in scripts:
            by_size.setdefault(len(one), []).append(one)
        self._by_size = sorted(by_size.items())
        self._count = sum(len(some) for _, some in self._by_size)
        self._hashes = ffi.new("unsigned char[]", _LENGTH * max(self._count, 1))
        self._places = [self._hashes + _LENGTH * place for place in range(self._count)]

    def __len__(self) -> int:
        return self._count

    def hashes(self, key: bytes) -> array[int]:
        """SipHash-2-4 of each, as numbers below 2**64."""
        done = 0
        for size, some in self._by_size:
            places = self._places[done : done + len(some)]
            deque(map(lib.crypto_shorthash_siphash24, places, some, repeat(size), repeat(key)), 0)
            done += len(some)
        found = array("Q")
        found.frombytes(ffi.buffer(self._hashes, _LENGTH * self._count))
        return found


def matches(raw: bytes, block_hash: str, sought: Sought) -> bool:
    """Whether its filter says that the block pays to one of these scripts, or spends from one. Raises
    Malformed."""
    values, count = decoded(raw)
    if not values or not len(sought):
        return False
    inside, width = set(values), count * _M
    return any((one * width) >> 64 in inside for one in sought.hashes(key_of(block_hash)))


def names_all(raw: bytes, block_hash: str, sought: Sought) -> bool:
    """Whether the filter names every one of these scripts. Raises Malformed."""
    values, count = decoded(raw)
    inside, width = set(values), count * _M
    return all((one * width) >> 64 in inside for one in sought.hashes(key_of(block_hash)))


def encoded(block_hash: str, scripts: Iterable[bytes]) -> bytes:
    """The basic filter of a block with these scripts: of its outputs, and of the outputs it spends."""
    key = key_of(block_hash)
    items = {one for one in scripts if one}
    width = len(items) * _M
    hashes = (int.from_bytes(bindings.crypto_shorthash_siphash24(one, key), "little") for one in items)
    return compact(len(items)) + _packed(sorted(one * width >> 64 for one in hashes))


def decoded(raw: bytes) -> tuple[list[int], int]:
    """The values of a filter, growing, and how many there are. Raises Malformed."""
    if not 0 < len(raw) <= FILTER_BYTES_MAX:
        raise _malformed()
    reader = Reader(raw, "filter", "the filter")
    count = reader.size()
    if count * (_P + 1) > 8 * (len(raw) - reader.at):
        raise _malformed()
    bits = bin(int.from_bytes(b"\1" + raw[reader.at :], "big"))[3:]
    codes = _CODE.findall(bits)
    end = sum(len(ones) for ones, _ in codes) + (_P + 1) * len(codes)
    if len(codes) != count or len(bits) - end >= 8 or "1" in bits[end:]:
        raise _malformed()
    values = list(accumulate([(len(ones) << _P) + int(rest, 2) for ones, rest in codes]))
    if values and values[-1] >= count * _M:
        raise _malformed()
    return values, count


def key_of(block_hash: str) -> bytes:
    return bytes.fromhex(block_hash)[::-1][:16]


def is_filtered(script: bytes) -> bool:
    """Whether a block's filter speaks of an output with this script."""
    return bool(script) and script[0] != _RETURN


def _packed(values: Sequence[int]) -> bytes:
    before, parts = 0, list[str]()
    for value in values:
        delta, before = value - before, value
        parts.append("1" * (delta >> _P) + "0" + format(delta & (1 << _P) - 1, f"0{_P}b"))
    bits = "".join(parts)
    size = -(-len(bits) // 8)
    return int(bits.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")


def _malformed() -> Malformed:
    return Malformed("filter.form", "these bytes are no filter of a block")
