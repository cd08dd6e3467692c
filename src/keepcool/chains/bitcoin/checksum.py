"""The eight letters after a descriptor's #: a code that finds any few changed characters. BIP-380."""

from __future__ import annotations

from keepcool.core.errors import Malformed

_CHARS = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
_PLACE = {letter: place for place, letter in enumerate(_CHARS)}
_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_POLYNOMIAL = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)


def of(text: str) -> str:
    """The checksum of a descriptor without one. Raises Malformed on a character no descriptor has."""
    if not _PLACE.keys() >= set(text):
        raise Malformed("descriptor.characters", "it has a character that stands in no descriptor")
    remainder, group = 1, []
    for letter in text:
        remainder = _fold(remainder, _PLACE[letter] & 31)
        group.append(_PLACE[letter] >> 5)
        if len(group) == 3:
            remainder, group = _fold(remainder, group[0] * 9 + group[1] * 3 + group[2]), []
    if group:
        remainder = _fold(remainder, group[0] if len(group) == 1 else group[0] * 3 + group[1])
    for _ in range(8):
        remainder = _fold(remainder, 0)
    remainder ^= 1
    return "".join(_LETTERS[remainder >> 5 * (7 - place) & 31] for place in range(8))


def with_checksum(text: str) -> str:
    return f"{text}#{of(text)}"


def without_checksum(text: str) -> str:
    """The descriptor alone. Raises Malformed when a checksum stands there and is not its own."""
    body, mark, given = text.partition("#")
    if mark and given != of(body):
        raise Malformed("descriptor.checksum", "its checksum does not fit; copy the descriptor again")
    of(body)  # refuses foreign characters where there is no checksum to do so
    return body


def _fold(remainder: int, value: int) -> int:
    top = remainder >> 35
    remainder = (remainder & 0x7FFFFFFFF) << 5 ^ value
    for bit, term in enumerate(_POLYNOMIAL):
        remainder ^= term if top >> bit & 1 else 0
    return remainder
