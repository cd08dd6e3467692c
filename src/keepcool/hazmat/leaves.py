"""The keys below a wallet's key that sign, each for one digest.

Laws: which leaf signs stands in the approval; a leaf's public key comes from the record's own node, never
from the secret, and the node is proved to be the secret's before any leaf is made; steps are not hardened,
so a leaf and the node's chain code give the node away: leaves are guarded, and wiped, like it. A branch is
derived once for all its leaves. BIP-32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from keepcool.chains import bip32
from keepcool.chains.bip32 import ExtendedKey
from keepcool.core.errors import Breach
from keepcool.core.secret import Secret
from keepcool.hazmat import curve


@dataclass(frozen=True, slots=True)
class Branch:
    """All leaves of one branch: its node, and the public keys (33 bytes) of the leaves by number."""

    public: ExtendedKey
    leaves: dict[int, bytes]


def branches(node: ExtendedKey, leaves: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], Branch]:
    """What is public about these leaves, by branch. Raises Breach on a leaf that is the node itself,
    Malformed on a hardened one."""
    numbers: dict[tuple[int, ...], dict[int, None]] = {}
    for leaf in leaves:
        if not leaf:
            raise Breach("hazmat.leaf", "a leaf lies below the wallet's key; nothing was released")
        numbers.setdefault(leaf[:-1], {})[leaf[-1]] = None
    found = {}
    for steps, below in numbers.items():
        public = node
        for step in steps:
            public = bip32.branch(public, step)
        found[steps] = Branch(public, dict(zip(below, bip32.recent(public, tuple(below)), strict=True)))
    return found


@contextmanager
def opened(key: bytearray, node: ExtendedKey, steps: Sequence[int]) -> Iterator[bytearray]:
    """The secret at `steps` below the key, wiped afterwards. What is added to a key on the way is public: it
    comes from the nodes above."""
    own = bytearray(key)
    with Secret(own):
        public = node
        for place, step in enumerate(steps):
            if place:
                public = bip32.branch(public, steps[place - 1])
            tweak, _ = bip32.tweak_of(public.chain_code, public.public_key + step.to_bytes(4, "big"))
            curve.add(own, tweak)
        yield own


@contextmanager
def leaf_by_leaf(above: bytearray, branch: Branch) -> Iterator[Callable[[int], bytearray]]:
    """Gives the secret of each leaf of the branch, whose own secret is `above`, by number: all in one buffer,
    which holds the last one and is wiped afterwards."""
    tweaks = dict(zip(branch.leaves, bip32.tweaks(branch.public, branch.leaves), strict=True))
    own = bytearray(above)

    def leaf(number: int) -> bytearray:
        own[:] = above
        curve.add(own, tweaks[number])
        return own

    with Secret(own):
        yield leaf
