"""Secret keys below a seed: BIP-32, every step in a buffer of its own that is wiped.

Laws: a key is never `bytes`; what a caller gets, it wipes; the public half of every node comes with it.
BIP-32.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.bip32 import HARDENED, ExtendedKey, fingerprint, tweak_of
from keepcool.core.errors import Malformed
from keepcool.core.secret import Secret
from keepcool.hazmat import curve

_NO_PARENT = bytes(4)


@dataclass(frozen=True, slots=True)
class Node:
    """A secret key (32 bytes, the holder wipes it) and its extended public key."""

    secret: Secret
    public: ExtendedKey


def master(seed: Secret) -> Node:
    """The root of a seed. Raises Malformed on the seed in 2**127 that has none."""
    with seed.opened() as raw:
        block = hmac.digest(b"Bitcoin seed", raw, "sha512")
    key = bytearray(block[:32])
    if not curve.is_key(key):
        raise Malformed("hazmat.derivation", "this seed has no master key; make another")
    public = ExtendedKey(0, _NO_PARENT, 0, block[32:], curve.public_key_of(key))
    return Node(Secret(key), public)


def child(parent: Node, number: int) -> Node:
    """The child of this number, hardened from 2**31 on. The parent stays as it is. Raises Malformed on
    the number in 2**127 that has none."""
    above = parent.public
    with parent.secret.opened() as key:
        data = bytearray(37)  # whole from the start: a buffer that grows leaves its old bytes behind
        if number & HARDENED:
            data[1:33] = key
        else:
            data[:33] = above.public_key
        data[33:] = number.to_bytes(4, "big")
        with Secret(data):
            tweak, chain_code = tweak_of(above.chain_code, data)
        own = bytearray(key)
    secret = Secret(own)
    try:
        curve.add(own, tweak)
        place = (above.depth + 1, fingerprint(above.public_key), number)
        return Node(secret, ExtendedKey(*place, chain_code, curve.public_key_of(own)))
    except BaseException:
        secret.wipe()
        raise


def below(parent: Node, path: Sequence[int]) -> Node:
    """The node at `path` below the parent, which stays as it is; the steps between are wiped."""
    with parent.secret.opened() as key:
        node = Node(Secret(bytearray(key)), parent.public)
    for number in path:
        with node.secret:
            node = child(node, number)
    return node
