"""Bytes as the Bitcoin protocol writes them: read from the front, counts in compact size.

Laws: a number has one spelling, the shortest; nothing is read past the end; whoever reads says at the end
that nothing is left. Little-endian, as everything in this protocol.
"""

from __future__ import annotations

from collections.abc import Iterable

from keepcool.core.errors import Malformed

_ONE = tuple(bytes((number,)) for number in range(0xFD))
_FIRST = {1: 0, 3: 0xFD, 5: 0x10000, 9: 0x100000000}  # the smallest number of each spelling, by its length


class Reader:
    """`what` names the bytes in errors, which are all Malformed: `<area>.truncated`, `<area>.compact` and
    `<area>.trailing`."""

    __slots__ = ("_area", "_what", "at", "data")

    def __init__(self, data: bytes, area: str, what: str) -> None:
        self.data, self.at = data, 0
        self._area, self._what = area, what

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.at + count
        if end > len(self.data):
            raise Malformed(f"{self._area}.truncated", f"{self._what} ends too early: bytes are missing")
        found = self.data[self.at : end]
        self.at = end
        return found

    def number(self, count: int) -> int:
        """An unsigned number of `count` bytes."""
        return int.from_bytes(self.take(count), "little")

    def size(self) -> int:
        """A compact size in its shortest spelling."""
        at = self.at
        if at < len(self.data) and self.data[at] < 0xFD:
            self.at = at + 1
            return self.data[at]
        first = self.take(1)[0]
        length = 3 if first == 0xFD else 5 if first == 0xFE else 9
        value = self.number(length - 1)
        if value < _FIRST[length]:
            raise Malformed(f"{self._area}.compact", f"{self._what} spells a number longer than needed")
        return value

    def sized(self) -> bytes:
        """Bytes with their compact size before them."""
        data, start = self.data, self.at + 1
        if start <= len(data) and (length := data[start - 1]) < 0xFD and start + length <= len(data):
            self.at = start + length
            return data[start : start + length]
        return self.take(self.size())

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def end(self) -> None:
        """Returns when everything was read. Raises Malformed otherwise."""
        if self.left:
            raise Malformed(
                f"{self._area}.trailing", f"{self._what} has {self.left} bytes too many at its end"
            )


def compact(value: int) -> bytes:
    """The shortest spelling of a number below 2**64."""
    if 0 <= value < 0xFD:
        return _ONE[value]
    if value < 0x10000:
        return b"\xfd" + value.to_bytes(2, "little")
    if value < 0x100000000:
        return b"\xfe" + value.to_bytes(4, "little")
    return b"\xff" + value.to_bytes(8, "little")


def sized(data: bytes) -> bytes:
    """Bytes with their compact size before them."""
    length = len(data)
    return (_ONE[length] if length < 0xFD else compact(length)) + data


def sized_all(parts: Iterable[bytes]) -> bytes:
    return b"".join(map(sized, parts))
