"""Base58Check: bytes and four bytes of double SHA-256, in letters that cannot be mistaken for others.

Laws: a value has one spelling; a wrong letter, length or checksum is refused, never repaired. Bitcoin.
"""

from __future__ import annotations

import hashlib

from keepcool.core.errors import Malformed

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PLACE = {letter: place for place, letter in enumerate(ALPHABET)}
_SUM, _CHUNK = 4, 58**10  # ten letters at a time: one division of a long number for ten of a short one


def encode(payload: bytes) -> str:
    """The one spelling of these bytes."""
    whole = payload + _checksum(payload)
    value, letters = int.from_bytes(whole, "big"), ""
    while value:
        value, chunk = divmod(value, _CHUNK)
        for _ in range(10):
            chunk, place = divmod(chunk, 58)
            letters = ALPHABET[place] + letters
    zeros = len(whole) - len(whole.lstrip(b"\0"))
    return "1" * zeros + letters.lstrip("1")


def decode(text: str, length_max: int) -> bytes:
    """The bytes spelled by `text`, of at most `length_max` characters. Raises Malformed, saying why."""
    if not isinstance(text, str) or not 0 < len(text) <= length_max:
        raise _wrong(f"it has at most {length_max} characters")
    if not _PLACE.keys() >= set(text):
        raise _wrong("it has characters outside the Base58 alphabet")
    value = 0
    for letter in text:
        value = value * 58 + _PLACE[letter]
    zeros = len(text) - len(text.lstrip("1"))
    whole = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    payload, checksum = whole[:-_SUM], whole[-_SUM:]
    if len(whole) < _SUM or _checksum(payload) != checksum:
        raise _wrong("its checksum does not fit; copy it again")
    return payload


def _checksum(raw: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:_SUM]


def _wrong(why: str) -> Malformed:
    return Malformed("base58.form", f"this is no Base58Check text: {why}")
