"""libsecp256k1, called on the secret's own buffer so that no copy of a key is made on the way.

Laws: a key is read in place (`ffi.from_buffer`) and never becomes `bytes`; nonces are libsecp256k1's
default, RFC 6979; signatures are low-s (BIP-62 rule 5). Anything but the C library is refused at once.
"""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

from coincurve import _libsecp256k1
from coincurve.context import GLOBAL_CONTEXT

from keepcool.core.errors import Breach, Malformed

_ffi: Any = _libsecp256k1.ffi
_lib: Any = _libsecp256k1.lib
_COMPRESSED = 258  # SECP256K1_EC_COMPRESSED
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def assert_c_library() -> None:
    """Raises Breach unless the arithmetic is the compiled library's (Python's is not constant-time)."""
    if not str(_libsecp256k1.__file__).endswith(tuple(EXTENSION_SUFFIXES)):
        raise Breach("hazmat.backend", "libsecp256k1 is not the compiled library; reinstall coincurve")


def is_key(secret: bytearray) -> bool:
    """Whether these 32 bytes are a number between 1 and the order of the group."""
    return len(secret) == 32 and bool(_lib.secp256k1_ec_seckey_verify(GLOBAL_CONTEXT.ctx, _view(secret)))


def public_key_of(secret: bytearray) -> bytes:
    """Compressed public key (33 bytes). Raises Malformed when the secret is no key."""
    point = _ffi.new("secp256k1_pubkey *")
    if not _lib.secp256k1_ec_pubkey_create(GLOBAL_CONTEXT.ctx, point, _view(secret)):
        raise Malformed("hazmat.key", "these bytes are not a secp256k1 key")
    return _compressed(point)


def add(secret: bytearray, tweak: bytes) -> None:
    """secret := secret + tweak (mod n), in place. Raises Malformed when the sum is no key (BIP-32: next)."""
    if not _lib.secp256k1_ec_seckey_tweak_add(GLOBAL_CONTEXT.ctx, _view(secret), tweak):
        raise Malformed("hazmat.derivation", "this child key does not exist; use the next index")


def sign_digest(secret: bytearray, digest: bytes) -> tuple[bytes, int]:
    """r || s (64 bytes, low s) and the recovery id (0..3) over a 32-byte digest."""
    signature = _ffi.new("secp256k1_ecdsa_recoverable_signature *")
    done = _lib.secp256k1_ecdsa_sign_recoverable(
        GLOBAL_CONTEXT.ctx, signature, digest, _view(secret), _ffi.NULL, _ffi.NULL
    )
    if not done:
        raise Malformed("hazmat.key", "these bytes are not a secp256k1 key")
    output, recovery = _ffi.new("unsigned char [64]"), _ffi.new("int *")
    _lib.secp256k1_ecdsa_recoverable_signature_serialize_compact(
        GLOBAL_CONTEXT.ctx, output, recovery, signature
    )
    return bytes(_ffi.buffer(output, 64)), int(recovery[0])


def recover(compact: bytes, recovery: int, digest: bytes) -> bytes | None:
    """The compressed public key that made this signature, or None when there is none."""
    signature, point = _ffi.new("secp256k1_ecdsa_recoverable_signature *"), _ffi.new("secp256k1_pubkey *")
    parsed = _lib.secp256k1_ecdsa_recoverable_signature_parse_compact(
        GLOBAL_CONTEXT.ctx, signature, compact, recovery
    )
    if not parsed or not _lib.secp256k1_ecdsa_recover(GLOBAL_CONTEXT.ctx, point, signature, digest):
        return None
    return _compressed(point)


def _view(secret: bytearray) -> Any:
    if len(secret) != 32:  # the library reads 32 bytes, whatever it is given
        raise Malformed("hazmat.key", "these bytes are not a secp256k1 key")
    return _ffi.from_buffer("unsigned char []", secret)


def _compressed(point: Any) -> bytes:
    output, size = _ffi.new("unsigned char [33]"), _ffi.new("size_t *", 33)
    _lib.secp256k1_ec_pubkey_serialize(GLOBAL_CONTEXT.ctx, output, size, point, _COMPRESSED)
    return bytes(_ffi.buffer(output, 33))
