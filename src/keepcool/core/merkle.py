"""One hash over a list, and a short proof that one thing stands at one place of it.

The tree of RFC 6962 (RFC 9162, 2.1): a leaf is SHA-256(00 entry), a node SHA-256(01 left right), and a list
is cut at the largest power of two below its length. Leaves and nodes are hashed differently, so no node
passes for an entry. A path proves that the entry is in the list; which place and length it was made for only
says how it is to be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from keepcool.core.errors import Malformed


def root(entries: Sequence[bytes]) -> bytes:
    """The hash of the whole list (32 bytes)."""
    return _root([_leaf(entry) for entry in entries])


def path(entries: Sequence[bytes], place: int) -> tuple[bytes, ...]:
    """What proves that `entries[place]` stands there: the hashes beside its way to the root, lowest first.
    Raises Malformed on a place outside the list."""
    _check_place(place, len(entries))
    return tuple(_path([_leaf(entry) for entry in entries], place))


def paths(entries: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """`path` of every place, with each node hashed once."""
    return _paths([_leaf(entry) for entry in entries])[1]


def root_by(entry: bytes, place: int, count: int, way: Sequence[bytes]) -> bytes:
    """The root of the list of `count` entries in which `entry` stands at `place`, if `way` is its path.
    Raises Malformed on a way that no such list has. RFC 9162, 2.1.3.2."""
    _check_place(place, count)
    node, at, last = _leaf(entry), place, count - 1
    for beside in way:
        if last == 0 or len(beside) != 32:
            raise _wrong()
        if at & 1 or at == last:
            node = _node(beside, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = _node(node, beside)
        at, last = at >> 1, last >> 1
    if last:
        raise _wrong()
    return node


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    cut = _cut(len(leaves))
    return _node(_root(leaves[:cut]), _root(leaves[cut:]))


def _path(leaves: Sequence[bytes], place: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    cut = _cut(len(leaves))
    if place < cut:
        return [*_path(leaves[:cut], place), _root(leaves[cut:])]
    return [*_path(leaves[cut:], place - cut), _root(leaves[:cut])]


def _paths(leaves: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    if len(leaves) <= 1:
        return _root(leaves), [() for _ in leaves]
    cut = _cut(len(leaves))
    left, ways_left = _paths(leaves[:cut])
    right, ways_right = _paths(leaves[cut:])
    ways = [(*way, right) for way in ways_left] + [(*way, left) for way in ways_right]
    return _node(left, right), ways


def _cut(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _check_place(place: int, count: int) -> None:
    if not 0 <= place < count:
        raise Malformed("merkle.place", f"a list of {count} has no place {place}")


def _wrong() -> Malformed:
    return Malformed("merkle.path", "this proof is not that of a list of this length")
