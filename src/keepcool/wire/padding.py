"""Padding of sealed bodies, so that a frame's length says little about what is in it.

plaintext = binding (32) | length of the body (4, big-endian) | body | zeros up to the padded size.
The binding is the digest of the envelope around the body: a sealed body lifted into another envelope
does not open. Sizes follow Padmé (Nikitin et al., PURBs, PETS 2019): at most 12 % longer, with a floor.
"""

from __future__ import annotations

from keepcool.core.errors import Malformed

SIZE_MIN = 1024
BINDING_BYTES = 32
_HEAD = BINDING_BYTES + 4


def padded_size(size: int) -> int:
    """The length a plaintext of `size` bytes is padded to."""
    if size <= SIZE_MIN:
        return SIZE_MIN
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


def padded(binding: bytes, body: bytes) -> bytes:
    plain = binding + len(body).to_bytes(4, "big") + body
    return plain.ljust(padded_size(len(plain)), b"\0")


def unpadded(binding: bytes, plain: bytes) -> bytes:
    """The body. Raises Malformed when it was sealed for another envelope or padded otherwise."""
    if plain[:BINDING_BYTES] != binding:
        raise Malformed("wire.spliced", "envelope: the body was sealed for another envelope")
    body = plain[_HEAD : _HEAD + int.from_bytes(plain[BINDING_BYTES:_HEAD], "big")]
    if padded(binding, body) != plain:
        raise Malformed("wire.padding", "envelope: the body is not padded as it must be")
    return body
