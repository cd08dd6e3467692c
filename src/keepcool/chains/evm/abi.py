"""Contract ABI, strict: what is read here re-encodes to the same bytes.

Laws: every offset points where the standard encoder would put the tail, padding is zero, an address
has no bits above 160, and nothing follows the last argument. Solidity ABI specification, strict mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains.evm.address import raw_of, to_checksum
from keepcool.core.errors import Malformed

Value: TypeAlias = "int | str | bytes | bool | tuple[str, ...]"
ADDRESSES_MAX = 64
_WORD = 32
_NO_BITS = bytes(12)


@dataclass(frozen=True, slots=True)
class Tail:
    """An encoded dynamic argument: its head holds only an offset."""

    encoded: bytes


def uint(value: int) -> bytes:
    return value.to_bytes(_WORD, "big")


def address(text: str) -> bytes:
    return _NO_BITS + raw_of(text)


def dynamic_bytes(data: bytes) -> Tail:
    return Tail(uint(len(data)) + data + bytes(-len(data) % _WORD))


def addresses(items: tuple[str, ...]) -> Tail:
    return Tail(uint(len(items)) + b"".join(address(item) for item in items))


def encode(*arguments: bytes | Tail) -> bytes:
    """Head and tails of one argument list, without a selector."""
    position = _WORD * len(arguments)
    heads: list[bytes] = []
    tails: list[bytes] = []
    for argument in arguments:
        if isinstance(argument, Tail):
            heads.append(uint(position))
            tails.append(argument.encoded)
            position += len(argument.encoded)
        else:
            heads.append(argument)
    return b"".join(heads + tails)


class Reader:
    """Reads `head_words` arguments in order; then `finish()`. Raises Malformed at the first impurity."""

    __slots__ = ("_data", "_head", "_head_end", "_tail")

    def __init__(self, data: bytes, head_words: int) -> None:
        self._data = data
        self._head = 0
        self._head_end = self._tail = head_words * _WORD
        if len(data) < self._head_end or len(data) % _WORD:
            raise impure("is too short or not made of whole words")

    def word(self) -> bytes:
        """The next head word as it stands (bytes32)."""
        start = self._head
        if start >= self._head_end:
            raise impure("has fewer arguments than were read")
        self._head = start + _WORD
        return self._data[start : start + _WORD]

    def uint(self, bits: int = 256) -> int:
        value = int.from_bytes(self.word(), "big")
        if value >> bits:
            raise impure(f"holds a number beyond {bits} bits")
        return value

    def address(self) -> str:
        return _address_of(self.word())

    def dynamic_bytes(self) -> bytes:
        size = self._tail_size(1)
        start = self._tail
        self._tail = start + size + -size % _WORD
        if any(self._data[start + size : self._tail]):
            raise impure("has padding that is not zero")
        return self._data[start : start + size]

    def addresses(self) -> tuple[str, ...]:
        count = self._tail_size(_WORD)
        if count > ADDRESSES_MAX:
            raise impure(f"lists more than {ADDRESSES_MAX} addresses")
        start = self._tail
        self._tail = start + count * _WORD
        return tuple(_address_of(self._data[at : at + _WORD]) for at in range(start, self._tail, _WORD))

    def finish(self) -> None:
        if self._head != self._head_end or self._tail != len(self._data):
            raise impure("goes on after its last argument")

    def _tail_size(self, item_bytes: int) -> int:
        """Enters the next tail, which must stand exactly here, and returns its number of items."""
        if self.uint() != self._tail:
            raise impure("has an offset that does not point to the next argument")
        start = self._tail
        size = int.from_bytes(self._data[start : start + _WORD], "big")
        self._tail = start + _WORD
        if self._tail + size * item_bytes > len(self._data):
            raise impure("ends inside an argument")
        return size


def decode(kinds: tuple[str, ...], data: bytes) -> tuple[Value, ...]:
    """The arguments of a function whose parameter types are `kinds`. Raises Malformed."""
    reader = Reader(data, len(kinds))
    values = tuple(_read(reader, kind) for kind in kinds)
    reader.finish()
    return values


def impure(why: str) -> Malformed:
    return Malformed("abi.form", f"call data {why}; only the standard encoding is accepted")


def _read(reader: Reader, kind: str) -> Value:
    if kind.startswith("uint"):
        return reader.uint(int(kind.removeprefix("uint")))
    match kind:
        case "address":
            return reader.address()
        case "bytes":
            return reader.dynamic_bytes()
        case "bytes32":
            return reader.word()
        case "address[]":
            return reader.addresses()
        case "bool":
            return bool(reader.uint(1))
        case _:
            raise ValueError(f"no reader for the ABI type {kind}")


def _address_of(word: bytes) -> str:
    if word[:12] != _NO_BITS:
        raise impure("has an address with bits above 160")
    return to_checksum(word[12:])
