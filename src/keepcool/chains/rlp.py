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
_STRING, _LIST = 0x80, 0xC0  # the first bytes of the empty ones
_HEADS = tuple(bytes((first,)) for first in range(256))
_SEQUENCES = (list, tuple)


def encode(item: bytes | Sequence[object]) -> bytes:
    """Bytes, or a sequence of such items. Raises TypeError on anything else."""
    if isinstance(item, bytes):
        size = len(item)
        if size == 1 and item[0] < _STRING:
            return item
        return (_HEADS[_STRING + size] if size <= _SHORT else _long_head(_STRING, size)) + item
    if isinstance(item, _SEQUENCES):
        payload = b"".join([encode(inner) for inner in item])
        size = len(payload)
        return (_HEADS[_LIST + size] if size <= _SHORT else _long_head(_LIST, size)) + payload
    raise TypeError(f"{type(item).__name__} has no RLP form")


def extended(encoded: bytes, item: bytes) -> bytes:
    """The list behind `encoded`, which this module wrote or read, with one more byte string at its end."""
    first = encoded[0] - _LIST
    start = 1 if first <= _SHORT else 1 + first - _SHORT
    payload = encoded[start:] + encode(item)
    size = len(payload)
    return (_HEADS[_LIST + size] if size <= _SHORT else _long_head(_LIST, size)) + payload


def number(value: int) -> bytes:
    """A whole number as RLP carries it: big-endian, no leading zero, zero is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Item:
    """The one item behind `data`. Raises Malformed on any but the canonical form."""
    size = len(data)
    if size and _LIST <= data[0] <= _LIST + _SHORT and data[0] - _LIST == size - 1:
        return _items(data, 1, size, DEPTH_MAX - 1)  # a short list, the whole of it
    items = _items(data, 0, size, DEPTH_MAX)
    if not items:
        raise _impure("ends inside a value")
    if len(items) > 1:
        raise _impure("goes on after its end")
    return items[0]


def decode_list(data: bytes, count: int) -> list[Item]:
    """The items of the one list of `count` behind `data`. Raises Malformed."""
    items = decode(data)
    if not isinstance(items, list) or len(items) != count:
        raise _impure(f"is not the list of {count} fields that stands here")
    return items


def parse_number(data: Item, bits: int) -> int:
    """Raises Malformed on a list, a leading zero or a number beyond `bits`."""
    if isinstance(data, bytes) and len(data) * 8 <= bits:
        if not data:
            return 0
        if data[0]:
            return data[0] if len(data) == 1 else int.from_bytes(data, "big")
    raise _impure(f"has a field that is not a number of at most {bits} bits in shortest form")


def _long_head(kind: int, size: int) -> bytes:
    digits = number(size)
    return _HEADS[kind + _SHORT + len(digits)] + digits


def _items(data: bytes, at: int, end: int, depth: int) -> list[Item]:
    """The items that fill `data` from `at` to `end` exactly; one loop, because every draft passes here."""
    if depth < 0:
        raise _impure("is nested too deep")
    items: list[Item] = []
    while at < end:
        first = data[at]
        at += 1
        if first < _STRING:
            items.append(data[at - 1 : at])
            continue
        is_list = first >= _LIST
        size = first - (_LIST if is_list else _STRING)
        if size > _SHORT:
            start = at + size - _SHORT
            size = _long_size(data[at:start])
            at = start
        stop = at + size
        if stop > end:
            raise _impure("ends inside a value")
        if is_list:
            items.append(_items(data, at, stop, depth - 1))
        elif size == 1 and data[at] < _STRING:
            raise _impure("writes a small byte in a longer form")
        else:
            items.append(data[at:stop])
        at = stop
    return items


def _long_size(digits: bytes) -> int:
    size = int.from_bytes(digits, "big")
    if digits[:1] == b"\0" or size < _LONG:
        raise _impure("writes a length in a longer form than needed")
    return size


def _impure(why: str) -> Malformed:
    return Malformed("rlp.form", f"RLP {why}; only the canonical form is accepted")
