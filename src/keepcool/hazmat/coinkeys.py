"""Coin keys: made, and used on what an approval covers. Nothing else signs.

Laws: only an `Approval` or `PurseApproval` opens the way to a signature; each signature is recovered to
the public key it must belong to before it is released (a fault or a wrong key releases nothing). Where the
approval names leaves, the wallet's key signs nothing: its leaves do, each the digest it is named for.
ECDSA on secp256k1 with RFC 6979 nonces, low s; r || s || v with v 27 or 28 (Ethereum yellow paper, F).
"""

from __future__ import annotations

from keepcool.chains.bip32 import ExtendedKey
from keepcool.core.approval import Approval, PurseApproval
from keepcool.core.errors import Breach
from keepcool.core.secret import Secret
from keepcool.hazmat import curve, leaves
from keepcool.ports.system import Entropy

_TRIES_MAX = 8  # a random 32-byte string is no key once in 2**128


def new_key(entropy: Entropy) -> tuple[Secret, bytes]:
    """A fresh key and its compressed public key (33 bytes). Raises Breach when entropy is broken."""
    curve.assert_c_library()
    for _ in range(_TRIES_MAX):
        secret = bytearray(entropy(32))
        if curve.is_key(secret):
            return Secret(secret), curve.public_key_of(secret)
    raise Breach("hazmat.entropy", "the source of randomness gives no usable key; do not use this machine")


def public_key(secret: Secret) -> bytes:
    """Compressed public key (33 bytes) of a secret key."""
    with secret.opened() as key:
        return curve.public_key_of(key)


def sign(
    approval: Approval | PurseApproval, secret: Secret, public: bytes, node: ExtendedKey | None = None
) -> list[bytes]:
    """One signature of 65 bytes per digest of the approval, in order.

    `public` is the compressed key on record, `node` the same with its chain code where leaves sign. Raises
    TypeError without a judge's approval, Breach when the key is not the expected one or a signature does not
    verify; then none is released."""
    if type(approval) not in (Approval, PurseApproval):
        raise TypeError("a key signs only what a judge approved")
    curve.assert_c_library()
    with secret.opened() as key:
        if isinstance(approval, Approval) and approval.leaves:
            return _signed_by_leaves(key, approval, public, node)
        return [_signed(key, digest, public) for digest in approval.digests]


def _signed_by_leaves(
    key: bytearray, approval: Approval, public: bytes, node: ExtendedKey | None
) -> list[bytes]:
    if node is None or node.public_key != public or curve.public_key_of(key) != public:
        raise _wrong_key()
    made: dict[int, bytes] = {}
    for steps, branch in leaves.branches(node, approval.leaves).items():
        with (
            leaves.opened(key, node, steps) as above,
            leaves.leaf_by_leaf(above, branch) as secret_of,
        ):
            for place, leaf in enumerate(approval.leaves):
                if leaf[:-1] == steps:
                    number = leaf[-1]
                    made[place] = _signed(secret_of(number), approval.digests[place], branch.leaves[number])
    return [made[place] for place in range(len(approval.digests))]


def _signed(key: bytearray, digest: bytes, public: bytes) -> bytes:
    compact, recovery = curve.sign_digest(key, digest)
    if recovery > 1 or int.from_bytes(compact[32:], "big") > curve.HALF_ORDER:
        # r beyond the group's order cannot be written with v 27/28: once in 2**127
        raise Breach("hazmat.signature", "a signature of a form no chain accepts; nothing was released")
    if curve.recover(compact, recovery, digest) != public:
        raise _wrong_key()
    return compact + bytes([27 + recovery])


def _wrong_key() -> Breach:
    return Breach("hazmat.wrong_key", "the key does not belong to this wallet; nothing was released")
