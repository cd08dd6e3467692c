"""Recursive length prefix, canonical only: every value has one encoding and no other is read.

Laws: the shortest form or none, numbers without leading zeros, nothing after the value, nesting bounded.
Ethereum Yellow Paper, appendix B.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from keepcool.core.errors import Malformed

Item: TypeAlias = "bytes | list[Item]"
DEPTH_MAX = 4
_SHORT, _LONG = 55, 56


def encode(item: bytes | Sequence[object]) -> bytes:
    """Bytes, or a sequence of such items. Raises TypeError on anything else."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefixed(0x80, item)
    if isinstance(item, list | tuple):
        return _prefixed(0xC0, b"".join(encode(inner) for inner in item))
    raise TypeError(f"{type(item).__name__} has no RLP form")


def number(value: int) -> bytes:
    """A whole number as RLP carries it: big-endian, no leading zero, zero is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Item:
    """The one item behind `data`. Raises Malformed on any but the canonical form."""
    item, end = _item(data, 0, DEPTH_MAX)
    if end != len(data):
        raise _impure("goes on after its end")
    return item


def parse_number(data: Item, bits: int) -> int:
    """Raises Malformed on a list, a leading zero or a number beyond `bits`."""
    if not isinstance(data, bytes) or data[:1] == b"\0" or len(data) * 8 > bits:
        raise _impure(f"has a field that is not a number of at most {bits} bits in shortest form")
    return int.from_bytes(data, "big")


def _prefixed(offset: int, payload: bytes) -> bytes:
    size = len(payload)
    if size <= _SHORT:
        return bytes((offset + size,)) + payload
    digits = number(size)
    return bytes((offset + _SHORT + len(digits),)) + digits + payload


def _item(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    if at >= len(data):
        raise _impure("ends inside a value")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    is_list = first >= 0xC0
    start, end = _span(data, at, first - (0xC0 if is_list else 0x80))
    if is_list:
        return _items(data, start, end, depth - 1), end
    payload = data[start:end]
    if len(payload) == 1 and payload[0] < 0x80:
        raise _impure("writes a small byte in a longer form")
    return payload, end


def _items(data: bytes, at: int, end: int, depth: int) -> list[Item]:
    if depth < 0:
        raise _impure("is nested too deep")
    inside = data[:end]
    items: list[Item] = []
    while at < end:
        item, at = _item(inside, at, depth)
        items.append(item)
    return items


def _span(data: bytes, at: int, short: int) -> tuple[int, int]:
    """Where the payload of the item at `at` starts and ends; `short` is its first byte less the offset."""
    start = at + 1
    size = short
    if short > _SHORT:
        digits = data[start : start + short - _SHORT]
        start += short - _SHORT
        size = int.from_bytes(digits, "big")
        if digits[:1] == b"\0" or size < _LONG:
            raise _impure("writes a length in a longer form than needed")
    if start + size > len(data):
        raise _impure("ends inside a value")
    return start, start + size


def _impure(why: str) -> Malformed:
    return Malformed("rlp.form", f"RLP {why}; only the canonical form is accepted")
