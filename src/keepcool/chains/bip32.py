"""Extended public keys: read, written, fingerprinted, and their children derived without any secret.

Laws: a key has one spelling (Base58Check of 78 bytes); only non-hardened children exist here, as the
others need the secret; what is no valid key is refused, whatever its checksum says. BIP-32.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from Crypto.Hash import RIPEMD160

from keepcool.chains import publickeys
from keepcool.core.errors import Malformed

HARDENED = 0x80000000
_VERSION = bytes.fromhex("0488b21e")  # "xpub"
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PLACE = {letter: place for place, letter in enumerate(_ALPHABET)}
_CHARS, _RAW, _SUM = 111, 78, 4  # 78 bytes under this version always give 111 characters


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A public key (33 bytes, compressed), its chain code (32) and its place: depth, the parent's
    fingerprint (4 bytes, zero at depth 0) and its own number below the parent."""

    depth: int
    parent: bytes
    number: int
    chain_code: bytes
    public_key: bytes


def fingerprint(public_key: bytes) -> bytes:
    """The first 4 bytes of RIPEMD-160(SHA-256(compressed key))."""
    return RIPEMD160.new(hashlib.sha256(public_key).digest()).digest()[:4]


def parse_xpub(text: str) -> ExtendedKey:
    """Raises Malformed on anything but a whole, valid xpub in its one spelling."""
    raw = _unchecked(text)
    if raw[:4] != _VERSION:
        raise _wrong("it is not of the kind that starts with xpub")
    key = ExtendedKey(
        depth=raw[4],
        parent=raw[5:9],
        number=int.from_bytes(raw[9:13], "big"),
        chain_code=raw[13:45],
        public_key=raw[45:],
    )
    if key.depth == 0 and (any(key.parent) or key.number):
        raise _wrong("a master key has no parent and no number")
    publickeys.parse_public_key(key.public_key.hex())
    return key


def encode_xpub(key: ExtendedKey) -> str:
    raw = _VERSION + bytes([key.depth]) + key.parent + key.number.to_bytes(4, "big")
    raw += key.chain_code + key.public_key
    return _base58(raw + _checksum(raw))


def child(key: ExtendedKey, number: int) -> ExtendedKey:
    """The non-hardened child of this number. Raises Malformed on a hardened number, and on the one in
    2**127 that gives no key."""
    if type(number) is not int or not 0 <= number < HARDENED:
        raise Malformed("bip32.number", f"a public child has a number from 0 to {HARDENED - 1}")
    if key.depth == 255:
        raise Malformed("bip32.depth", "an extended key of depth 255 has no children")
    tweak, chain_code = tweak_of(key.chain_code, key.public_key + number.to_bytes(4, "big"))
    public_key = publickeys.plus(key.public_key, tweak)
    return ExtendedKey(key.depth + 1, fingerprint(key.public_key), number, chain_code, public_key)


def tweak_of(chain_code: bytes, data: bytes | bytearray) -> tuple[bytes, bytes]:
    """What is added to a key to reach a child, and the child's chain code."""
    block = hmac.digest(chain_code, data, "sha512")
    return block[:32], block[32:]


@lru_cache(maxsize=64)
def branch(key: ExtendedKey, number: int) -> ExtendedKey:
    """`child`, remembered: for the few keys under which many children are made."""
    return child(key, number)


def _unchecked(text: str) -> bytes:
    if not isinstance(text, str) or len(text) != _CHARS or not _PLACE.keys() >= set(text):
        raise _wrong(f"it has {_CHARS} characters of the Base58 alphabet")
    value = 0
    for letter in text:
        value = value * 58 + _PLACE[letter]
    if value >> 8 * (_RAW + _SUM):
        raise _wrong("it is too large")
    whole = value.to_bytes(_RAW + _SUM, "big")
    if _checksum(whole[:_RAW]) != whole[_RAW:]:
        raise _wrong("its checksum does not fit; copy it again")
    return whole[:_RAW]


def _base58(raw: bytes) -> str:
    value, letters = int.from_bytes(raw, "big"), ""
    while value:
        value, place = divmod(value, 58)
        letters = _ALPHABET[place] + letters
    return letters


def _checksum(raw: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:_SUM]


def _wrong(why: str) -> Malformed:
    return Malformed("bip32.xpub", f"this is no extended public key: {why}")
