"""The addresses under one branch: for each index the multisig of the children of that number.

Laws: public keys only; what stands above the index is derived once and kept, so that an address costs
three additions on the curve and little else; every index gives a script of its own, in which no key stands
twice, however it was brought in. BIP-32, BIP-67.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import repeat
from typing import assert_never

from keepcool.chains import bip32
from keepcool.chains.bip32 import ExtendedKey
from keepcool.chains.bitcoin import script
from keepcool.chains.bitcoin.script import Locking, ScriptKind


@dataclass(frozen=True, slots=True)
class Branch:
    """Of `nodes` an extended key gives its child of the index, 33 bytes stand for themselves. `ordered`:
    the keys of each script are sorted by their bytes."""

    kind: ScriptKind
    threshold: int
    ordered: bool
    nodes: tuple[ExtendedKey | bytes, ...]

    def __post_init__(self) -> None:
        script.check_numbers(self.threshold, len(self.nodes), self.kind)
        # By the points alone: a copy under another place or chain code is the same person's key.
        if len({script.point_of(node) for node in self.nodes}) < len(self.nodes):
            raise script.twice()

    def public_keys(self, indices: Sequence[int]) -> Iterator[tuple[bytes, ...]]:
        """The keys at each index, in the order of the nodes. Raises Malformed on what is no index."""
        return zip(*(_keys(node, indices) for node in self.nodes), strict=True)

    def recent_keys(self, indices: Sequence[int]) -> Iterator[tuple[bytes, ...]]:
        """`public_keys`, remembered: for the places of a draft."""
        kept = [
            bip32.recent(node, indices) if isinstance(node, ExtendedKey) else repeat(node, len(indices))
            for node in self.nodes
        ]
        return zip(*kept, strict=True)

    def locking(self, index: int) -> Locking:
        """The scripts at one index. Raises Malformed."""
        keys = next(self.public_keys((index,)))
        made = script.multisig(self.threshold, sorted(keys) if self.ordered else keys, self.kind)
        return script.locked(made, self.kind)

    def multisigs(self, indices: Sequence[int]) -> Iterator[bytes]:
        """The multisig script at each index."""
        count = len(self.nodes)
        head = script.number(self.threshold) + b"\x21"
        tail = script.number(count) + script.CHECKMULTISIG
        for keys in self.public_keys(indices):
            if len(set(keys)) < count:
                raise script.twice()
            yield head + b"\x21".join(sorted(keys) if self.ordered else keys) + tail

    def script_pubkeys(self, indices: Sequence[int]) -> Iterator[bytes]:
        """The output script at each index: what a chain is searched for. As fast as the curve allows."""
        made = self.multisigs(indices)
        match self.kind:
            case ScriptKind.P2WSH:
                return (b"\x00\x20" + sha256(one).digest() for one in made)
            case ScriptKind.P2SH:
                return (script.p2sh(one) for one in made)
            case ScriptKind.P2SH_P2WSH:
                return (script.p2sh(script.p2wsh(one)) for one in made)
            case _ as never:
                assert_never(never)


def _keys(node: ExtendedKey | bytes, indices: Sequence[int]) -> Iterator[bytes]:
    if isinstance(node, bytes):
        return repeat(node, len(indices))
    return bip32.children(node, indices)
