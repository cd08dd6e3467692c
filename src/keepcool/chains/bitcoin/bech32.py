"""Bech32 and Bech32m: a human-readable part, a witness version and 2 to 40 bytes.

Laws: one spelling (small letters; all-capital text is read, mixed is not); version 0 has one checksum and
all others the other; whatever a reader of BIP-350 must refuse is refused. BIP-173, BIP-350.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from keepcool.core.errors import Malformed

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_PLACE = {letter: place for place, letter in enumerate(_ALPHABET)}
_POLYNOMIAL = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32, _BECH32M = 1, 0x2BC830A3
_CHARS_MAX, _SUM = 90, 6


def encode(hrp: str, version: int, program: bytes) -> str:
    """The address of a witness program that `check_program` lets pass."""
    check_program(version, program)
    symbols = [version, *_fives(program)]
    remainder = _polymod([*_expanded(hrp), *symbols, 0, 0, 0, 0, 0, 0]) ^ _constant(version)
    symbols += [remainder >> 5 * (5 - place) & 31 for place in range(_SUM)]
    return hrp + "1" + "".join([_ALPHABET[symbol] for symbol in symbols])


def decode(text: str) -> tuple[str, int, bytes]:
    """Human-readable part, witness version and program. Raises Malformed, saying what is wrong."""
    hrp, symbols = _parted(text)
    if len(symbols) < 1 + _SUM:
        raise _wrong("it is too short")
    version, remainder = symbols[0], _polymod([*_expanded(hrp), *symbols])
    if remainder not in (_BECH32, _BECH32M):
        raise _wrong("its checksum does not fit; copy it again")
    if version > 16 or remainder != _constant(version):
        raise _wrong("its checksum is of the kind for another witness version")
    program = _bytes(symbols[1:-_SUM])
    check_program(version, program)
    return hrp, version, program


def check_program(version: int, program: bytes) -> None:
    """Raises Malformed on what is no witness program."""
    if not 0 <= version <= 16 or not 2 <= len(program) <= 40:
        raise _wrong("a witness program has version 0 to 16 and 2 to 40 bytes")
    if version == 0 and len(program) not in (20, 32):
        raise _wrong("a program of version 0 has 20 or 32 bytes")


def _parted(text: str) -> tuple[str, list[int]]:
    if not isinstance(text, str) or not 8 <= len(text) <= _CHARS_MAX:
        raise _wrong(f"it has 8 to {_CHARS_MAX} characters")
    if any(not "!" <= letter <= "~" for letter in text):
        raise _wrong("it has characters that no address has")
    small = text.lower()
    if text not in (small, text.upper()):
        raise _wrong("small and capital letters are mixed")
    hrp, one, data = small.rpartition("1")
    if not one or not hrp:
        raise _wrong("the 1 between its two parts is missing")
    if not _PLACE.keys() >= set(data):
        raise _wrong("it has letters outside the Bech32 alphabet")
    return hrp, [_PLACE[letter] for letter in data]


def _constant(version: int) -> int:
    return _BECH32 if version == 0 else _BECH32M


@lru_cache(maxsize=64)
def _expanded(hrp: str) -> tuple[int, ...]:
    return (*(ord(letter) >> 5 for letter in hrp), 0, *(ord(letter) & 31 for letter in hrp))


def _polymod(symbols: Iterable[int]) -> int:
    sums, remainder = _folds(), 1
    for symbol in symbols:
        remainder = (remainder & 0x1FFFFFF) << 5 ^ symbol ^ sums[remainder >> 25]
    return remainder


@lru_cache(maxsize=1)
def _folds() -> tuple[int, ...]:
    """What each five bits pushed out at the top fold back to: one look-up instead of five branches."""
    folds = []
    for top in range(32):
        fold = 0
        for bit, term in enumerate(_POLYNOMIAL):
            fold ^= term if top >> bit & 1 else 0
        folds.append(fold)
    return tuple(folds)


def _fives(program: bytes) -> list[int]:
    """The bits in groups of five, zeros added at the end."""
    count = (len(program) * 8 + 4) // 5
    value = int.from_bytes(program, "big") << (count * 5 - len(program) * 8)
    return [value >> 5 * place & 31 for place in range(count - 1, -1, -1)]


def _bytes(symbols: list[int]) -> bytes:
    value = 0
    for symbol in symbols:
        value = value << 5 | symbol
    spare = len(symbols) * 5 % 8
    if spare > 4 or value & ((1 << spare) - 1):
        raise _wrong("it ends in bits that belong to no byte")
    return (value >> spare).to_bytes(len(symbols) * 5 // 8, "big")


def _wrong(why: str) -> Malformed:
    return Malformed("bech32.form", f"this is no Bech32 address: {why}")
