"""The forms a field of a transaction's data may have: how each is read, written and shown.

Laws: one value has one encoding; texts are UTF-8, flags 0 or 1, fixed sizes are exact; amounts are pips and
shown as decimal strings. Minter, coreV2/types and the RLP of Go structs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains import rlp
from keepcool.core.errors import Malformed

Value: TypeAlias = "int | str | bool | tuple[int, ...]"
Plain: TypeAlias = "int | str | bool | list[Plain] | dict[str, Plain]"
PIPS_BITS = 256
_SYMBOL = re.compile(r"[!-~]{1,10}")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


@dataclass(frozen=True, slots=True)
class Form:
    """`read` raises Malformed; so does `write` on what `read` could not have given."""

    read: Callable[[rlp.Item], Value]
    write: Callable[[Value], bytes | list[bytes]]
    shown: Callable[[Value], Plain]


def whole(bits: int, shown: Callable[[Value], Plain] | None = None) -> Form:
    """A number of at most `bits` bits."""

    def write(value: Value) -> bytes:
        if type(value) is not int or not 0 <= value < 2**bits:
            raise _wrong(f"a whole number of at most {bits} bits", value)
        return rlp.number(value)

    return Form(lambda item: rlp.parse_number(item, bits), write, shown or as_is)


def fixed(prefix: str, size: int) -> Form:
    """`size` bytes, spelled as a prefix and lower-case hexadecimal digits; any number where it is 0."""

    def read(item: rlp.Item) -> str:
        if not isinstance(item, bytes) or (size and len(item) != size):
            raise _wrong(f"{size or 'any number of'} bytes", item)
        return prefix + item.hex()

    def write(value: Value) -> bytes:
        digits = value[len(prefix) :] if isinstance(value, str) and value.startswith(prefix) else "no"
        if not _HEX.fullmatch(digits) or (size and len(digits) != 2 * size):
            raise _wrong(f"{prefix} and {size} bytes in hexadecimal", value)
        return bytes.fromhex(digits)

    return Form(read, write, as_is)


def as_is(value: Value) -> Plain:
    return list(value) if isinstance(value, tuple) else value


def _read_text(item: rlp.Item) -> str:
    if not isinstance(item, bytes):
        raise _wrong("a text", item)
    try:
        return item.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _wrong("a text in UTF-8", item) from error


def _write_text(value: Value) -> bytes:
    if not isinstance(value, str):
        raise _wrong("a text", value)
    return value.encode("utf-8")


def _read_symbol(item: rlp.Item) -> str:
    if not isinstance(item, bytes) or len(item) != 10:
        raise _wrong("a coin's symbol of 10 bytes", item)
    try:
        text = item.rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError as error:
        raise _wrong("a coin's symbol", item) from error
    _write_symbol(text)
    return text


def _write_symbol(value: Value) -> bytes:
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise _wrong("a coin's symbol of 1 to 10 characters", value)
    return value.encode("ascii").ljust(10, b"\0")


def _read_flag(item: rlp.Item) -> bool:
    if item not in (b"", b"\1"):
        raise _wrong("a flag, 0 or 1", item)
    return item == b"\1"


def _write_flag(value: Value) -> bytes:
    if type(value) is not bool:
        raise _wrong("a flag", value)
    return b"\1" if value else b""


def _read_coins(item: rlp.Item) -> tuple[int, ...]:
    if not isinstance(item, list):
        raise _wrong("a list of coin ids", item)
    return tuple(rlp.parse_number(coin, 32) for coin in item)


def _write_coins(value: Value) -> list[bytes]:
    if not isinstance(value, tuple) or not all(type(coin) is int and 0 <= coin < 2**32 for coin in value):
        raise _wrong("a list of coin ids", value)
    return [rlp.number(coin) for coin in value]


def _wrong(expected: str, found: object) -> Malformed:
    return Malformed("transaction.field", f"a field of the data is not {expected}: {str(found)[:80]}")


U32, U64 = whole(32), whole(64)
COIN = U32
PIPS = whole(PIPS_BITS, str)
ADDRESS = fixed("Mx", 20)
PUBLIC_KEY = fixed("Mp", 32)
CHECK = fixed("Mc", 0)
PROOF = fixed("", 65)
TEXT = Form(_read_text, _write_text, as_is)
SYMBOL = Form(_read_symbol, _write_symbol, as_is)
FLAG = Form(_read_flag, _write_flag, as_is)
COINS = Form(_read_coins, _write_coins, as_is)
