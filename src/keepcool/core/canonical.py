"""One byte string per value: sorted keys, no spaces, ASCII, whole numbers only.

What is hashed or signed is encoded here once, when it is made. Readers keep the bytes they received
and refuse any that do not re-encode to themselves, so one value has one hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NoReturn, TypeAlias

from keepcool.core.errors import Malformed

__all__ = ["Plain", "decode", "digest", "encode", "quoted", "unproven"]

Plain: TypeAlias = "bool | int | str | Sequence[Plain] | Mapping[str, Plain] | None"
_ATOMS = frozenset((str, int, bool, type(None)))
_PLAIN = json.JSONDecoder()
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def encode(value: Mapping[str, Plain]) -> bytes:
    """Canonical bytes of a plain mapping. Raises TypeError on floats and other foreign values."""
    _refuse_floats(value)
    return _ENCODER.encode(value).encode("ascii")


def decode(data: bytes, what: str) -> dict[str, Plain]:
    """The mapping behind canonical bytes. Raises Malformed when they are not the canonical ones."""
    try:
        value = _DECODER.decode(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise Malformed("canonical.json", f"{what}: not canonical JSON") from error
    if not isinstance(value, dict) or encode(value) != data:
        raise Malformed("canonical.form", f"{what}: not in canonical form")
    return value


def unproven(data: bytes) -> Any:
    """What JSON bytes say, for a reader that rebuilds its value and compares the bytes: only that proves
    the form. Raises ValueError or RecursionError on what is no JSON in ASCII."""
    value, _ = _PLAIN.raw_decode(data.decode("ascii"))  # what stands behind it shows when they are compared
    return value


def digest(context: bytes, data: bytes) -> bytes:
    """SHA-256 over a context prefix, a zero byte and the data (32 bytes)."""
    return hashlib.sha256(context + b"\0" + data).digest()


def _refuse_floats(value: Plain) -> None:
    # exact types first: nearly every value is one of these, and a match on classes costs ten times as much
    if type(value) in _ATOMS:
        return
    match value:
        case None | bool() | int() | str():
            return
        case Mapping():
            for inner in value.values():
                if type(inner) not in _ATOMS:
                    _refuse_floats(inner)
        case Sequence():
            for inner in value:
                _refuse_floats(inner)
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"number {text} is not a whole number")


def _refuse_duplicates(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates, parse_float=_refuse_number, parse_constant=_refuse_number
)
