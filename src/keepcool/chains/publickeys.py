"""The one façade for public-key arithmetic on secp256k1.

Laws: nothing here returns a yes or no, it returns the key or raises; a signature has one spelling
(low s, v 27 or 28), so bytes that verify cannot be altered into other bytes that verify. SEC 1, EIP-2.
"""

from __future__ import annotations

import re
from functools import lru_cache

from coincurve import PublicKey

from keepcool.core.errors import Malformed

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF_ORDER = CURVE_ORDER // 2
_COMPRESSED = re.compile(r"0[23][0-9a-f]{64}")


@lru_cache(maxsize=4096)
def parse_public_key(text: str) -> bytes:
    """33 bytes from 66 lower-case hex digits, proven to be a point of the curve. Raises Malformed."""
    if not isinstance(text, str) or not _COMPRESSED.fullmatch(text):
        raise Malformed(
            "public_key.form", "a public key is 33 compressed bytes in lower-case hex (02… or 03…)"
        )
    key = bytes.fromhex(text)
    _point(key)
    return key


@lru_cache(maxsize=4096)
def coordinates(public_key: bytes) -> bytes:
    """x and y, 64 bytes, of a compressed public key. Raises Malformed when it is no point."""
    return _point(public_key).format(compressed=False)[1:]


def plus(public_key: bytes, scalar: bytes) -> bytes:
    """The compressed key at `public_key` + `scalar` times the generator (32 bytes). Raises Malformed when
    the scalar is not below the group's order or the sum is no key (BIP-32: take the next number)."""
    try:
        return _point(public_key).add(scalar).format()
    except ValueError as error:
        raise Malformed("public_key.sum", "this child key does not exist; use the next number") from error


def signature65(r: bytes, s: bytes, recovery_id: int) -> bytes:
    """r, s and v (27 or 28) as 65 bytes. Raises Malformed when s is high: the maker of the signature
    must have lowered it, and with it flipped the recovery id."""
    if len(r) != 32 or len(s) != 32 or recovery_id not in (0, 1):
        raise Malformed("signature.form", "a signature is r and s of 32 bytes and a recovery id of 0 or 1")
    _low(s)
    return r + s + bytes((27 + recovery_id,))


def recover(digest: bytes, signature: bytes) -> bytes:
    """The compressed public key (33 bytes) that signed `digest` (32 bytes). `signature` is r, s, v with
    v 27 or 28. Raises Malformed on a high s, any other v, and on what recovers to no key."""
    if len(digest) != 32:
        raise Malformed("digest.size", "a digest is 32 bytes")
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise Malformed("signature.form", "a signature is 65 bytes: r, s and v, where v is 27 or 28")
    _low(signature[32:64])
    compact = signature[:64] + bytes((signature[64] - 27,))
    try:
        return PublicKey.from_signature_and_message(compact, digest, hasher=None).format()
    except ValueError as error:
        raise Malformed("signature.invalid", "this signature belongs to no public key") from error


def verify(digest: bytes, signature: bytes, public_key: bytes) -> None:
    """Returns when `public_key` (33 bytes) signed `digest`. Raises Malformed otherwise."""
    if recover(digest, signature) != public_key:
        raise Malformed("signature.owner", "the signature was not made by the expected key")


def _point(public_key: bytes) -> PublicKey:
    try:
        if len(public_key) != 33:
            raise ValueError("size")
        return PublicKey(public_key)
    except ValueError as error:
        raise Malformed("public_key.point", "these 33 bytes are not a point of the curve") from error


def _low(s: bytes) -> None:
    if int.from_bytes(s, "big") > _HALF_ORDER:
        raise Malformed(
            "signature.high_s", "the signature's s is in the upper half; its low form is the valid one"
        )
