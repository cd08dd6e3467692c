"""ECDSA signatures as transactions carry them: DER with the sighash byte at its end.

Laws: one spelling per signature (strict DER, low s, SIGHASH_ALL), so nobody on the way can alter the bytes
and keep them valid; nothing here answers yes or no, it returns or raises. BIP-66, BIP-146.
"""

from __future__ import annotations

from functools import lru_cache

from coincurve import PublicKey

from keepcool.chains.bitcoin.digests import SIGHASH_ALL
from keepcool.chains.publickeys import CURVE_ORDER
from keepcool.core.errors import Malformed

_HALF_ORDER = CURVE_ORDER // 2
_ALL = bytes((SIGHASH_ALL,))
WIRE_BYTES, WIRE_V = 65, (27, 28)


def encode_signature(r: bytes, s: bytes) -> bytes:
    """DER and sighash byte of r and s (32 bytes each). Raises Malformed on a high s."""
    high = int.from_bytes(s, "big")
    if high > _HALF_ORDER:
        raise _high_s()
    body = _integer(int.from_bytes(r, "big")) + _integer(high)
    return b"\x30" + bytes((len(body),)) + body + _ALL


def from_wire(signature: bytes) -> bytes:
    """DER and sighash byte of the 65 bytes (r, s, v) that signers answer with. Raises Malformed."""
    if len(signature) != WIRE_BYTES or signature[64] not in WIRE_V:
        raise Malformed("signature.form", "a signer's signature is 65 bytes: r, s and v, where v is 27 or 28")
    return encode_signature(signature[:32], signature[32:64])


def parse_signature(signature: bytes) -> tuple[int, int]:
    """r and s. Raises Malformed unless it is DER to the byte, low in s, and of SIGHASH_ALL."""
    if signature[-1:] != _ALL:
        raise Malformed(
            "signature.sighash",
            "the signature is not one of SIGHASH_ALL: parts of the transaction could still be exchanged",
        )
    r, s = _der(signature[:-1])
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise Malformed("signature.range", "r and s of a signature lie between 0 and the order of the curve")
    if s > _HALF_ORDER:
        raise _high_s()
    return r, s


def verify_signature(digest: bytes, signature: bytes, public_key: bytes) -> None:
    """Returns when `public_key` (33 bytes) made this signature (DER, sighash byte) over `digest`. Raises
    Malformed otherwise."""
    parse_signature(signature)
    if not _point(public_key).verify(signature[:-1], digest, hasher=None):
        raise Malformed("signature.owner", "the signature was not made by its key over this transaction")


@lru_cache(maxsize=4096)
def _point(public_key: bytes) -> PublicKey:
    return PublicKey(public_key)


def _der(raw: bytes) -> tuple[int, int]:
    """BIP-66, rule by rule."""
    if not 8 <= len(raw) <= 72 or raw[0] != 0x30 or raw[1] != len(raw) - 2 or raw[2] != 0x02:
        raise _form()
    length = raw[3]
    if 5 + length >= len(raw) or raw[4 + length] != 0x02:
        raise _form()
    if raw[5 + length] + length + 6 != len(raw):
        raise _form()
    return _positive(raw[4 : 4 + length]), _positive(raw[6 + length :])


def _positive(raw: bytes) -> int:
    if not raw or raw[0] & 0x80 or (len(raw) > 1 and raw[0] == 0 and not raw[1] & 0x80):
        raise _form()
    return int.from_bytes(raw, "big")


def _integer(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes((len(raw),)) + raw


def _form() -> Malformed:
    return Malformed("signature.form", "the signature is not strict DER (BIP-66)")


def _high_s() -> Malformed:
    return Malformed(
        "signature.high_s", "the signature's s is in the upper half; its low form is the valid one"
    )
