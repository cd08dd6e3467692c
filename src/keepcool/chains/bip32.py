"""Extended public keys: read, written, fingerprinted, and their children derived without any secret.

Laws: under one version a key has one spelling (Base58Check of 78 bytes); only non-hardened children exist
here, as the others need the secret; what is no valid key is refused, whatever its checksum says, and a
secret key is refused without being repeated. The version says network and habit, never which key it is:
`parse_xpub` reads Bitcoin's alone, `parse_versioned` says which it read. BIP-32, SLIP-132.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from Crypto.Hash import RIPEMD160

from keepcool.chains import base58, points, publickeys
from keepcool.core.errors import Malformed

HARDENED = 0x80000000
XPUB = bytes.fromhex("0488b21e")  # as Bitcoin's keys begin, and those of most forks
_CHARS_MAX, _RAW = 112, 78
_XPUB_CHARS = 111  # 78 bytes under that version always give as many
_KEPT_MAX = 2_048
_INNER, _OUTER = bytes(byte ^ 0x36 for byte in range(256)), bytes(byte ^ 0x5C for byte in range(256))


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
    if not isinstance(text, str) or len(text) != _XPUB_CHARS or not set(base58.ALPHABET) >= set(text):
        raise _wrong(f"it has {_XPUB_CHARS} characters of the Base58 alphabet")
    raw = _unchecked(text)
    if raw[:4] != XPUB:
        raise _wrong("it is not of the kind that starts with xpub")
    return _key(raw)


def parse_versioned(text: str) -> tuple[bytes, ExtendedKey]:
    """The version (4 bytes) and the key of an extended public key of any network. Raises Malformed."""
    raw = _unchecked(text)
    if raw[45] == 0:
        raise _secret()
    return raw[:4], _key(raw)


def encode_xpub(key: ExtendedKey, version: bytes = XPUB) -> str:
    """The key's one spelling under this version (4 bytes)."""
    place = bytes([key.depth]) + key.parent + key.number.to_bytes(4, "big")
    return base58.encode(version + place + key.chain_code + key.public_key)


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


def children(key: ExtendedKey, numbers: Iterable[int]) -> Iterator[bytes]:
    """The public keys (33 bytes) of the children of these numbers, in order and as many as there are:
    `child` without the chain codes, several times faster. Raises Malformed as `child` does."""
    if key.depth == 255:
        raise Malformed("bip32.depth", "an extended key of depth 255 has no children")
    return points.sums(key.public_key, tweaks(key, numbers))


def recent(key: ExtendedKey, numbers: Sequence[int]) -> tuple[bytes, ...]:
    """`children`, remembered: for the few that a draft needs, which are asked for again by whoever signs it
    and by the other drafts of its ladder."""
    return _kept(key).children(key, numbers)


class _Kept:
    """The public keys of children, by number, in two generations: when the younger is full the older is
    forgotten, so that what was made a moment ago is still there. Another thread may change them at any time:
    an answer comes from what is held in one call."""

    __slots__ = ("_older", "_younger")

    def __init__(self) -> None:
        self._older: dict[int, bytes] = {}
        self._younger: dict[int, bytes] = {}

    def children(self, key: ExtendedKey, numbers: Sequence[int]) -> tuple[bytes, ...]:
        older, younger = self._older, self._younger
        found = {number: known for number in numbers if (known := younger.get(number) or older.get(number))}
        missing = [number for number in numbers if number not in found]
        if missing:
            found.update(zip(missing, children(key, missing), strict=True))
            if len(younger) + len(missing) > _KEPT_MAX // 2:
                older, younger = younger, {}
                self._older, self._younger = older, younger
            younger.update({number: found[number] for number in missing})
        return tuple([found[number] for number in numbers])


@lru_cache(maxsize=256)  # a hostile asker fills each to the brim
def _kept(key: ExtendedKey) -> _Kept:  # noqa: ARG001 - one for each key
    return _Kept()


def tweaks(key: ExtendedKey, numbers: Iterable[int]) -> Iterator[bytes]:
    """What is added to reach each child: `tweak_of` without the chain codes, by HMAC-SHA512 with the first
    block of both hashes done once. Raises Malformed on what is no number of a public child."""
    padded = key.chain_code.ljust(128, b"\0")
    inner = hashlib.sha512(padded.translate(_INNER) + key.public_key)
    outer = hashlib.sha512(padded.translate(_OUTER))
    for number in numbers:
        if type(number) is not int or not 0 <= number < HARDENED:
            raise Malformed("bip32.number", f"a public child has a number from 0 to {HARDENED - 1}")
        first, second = inner.copy(), outer.copy()
        first.update(number.to_bytes(4, "big"))
        second.update(first.digest())
        yield second.digest()[:32]


def _key(raw: bytes) -> ExtendedKey:
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


def _unchecked(text: str) -> bytes:
    if not isinstance(text, str) or not _RAW < len(text) <= _CHARS_MAX:
        raise _wrong("it has 111 characters of the Base58 alphabet")
    try:
        raw = base58.decode(text, _CHARS_MAX)
    except Malformed as error:
        raise _wrong(error.public.partition(": ")[2]) from error
    if len(raw) != _RAW:
        raise _wrong(f"it holds {len(raw)} bytes, not {_RAW}")
    return raw


def _secret() -> Malformed:
    return Malformed(
        "bip32.secret",
        "this is an extended PRIVATE key: whoever reads it can spend; here belongs the public one (xpub…). "
        "Consider the key exposed",
    )


def _wrong(why: str) -> Malformed:
    return Malformed("bip32.xpub", f"this is no extended public key: {why}")
