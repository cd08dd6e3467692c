"""What is ours: a script recomputed from own public keys, with everything that spends it.

Laws: a PSBT's key origins are hints where to look, never proof; only the script that own keys give at that
place is compared, byte for byte. A place has one script, and one origin for each of its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepcool.chains import bip32
from keepcool.chains.bip32 import HARDENED
from keepcool.chains.bitcoin import script
from keepcool.chains.bitcoin.branch import Branch
from keepcool.chains.bitcoin.descriptor import Descriptor
from keepcool.chains.bitcoin.keys import KeyExpression
from keepcool.chains.bitcoin.psbt import KeyPath
from keepcool.chains.bitcoin.script import Locking

_CHANGE = (1,)


@dataclass(frozen=True, slots=True)
class Owned:
    """One script of ours. `keypaths`: each key of the multisig with its origin, in the script's order.
    `change`: it lies on a change branch. `index`: its number there."""

    locking: Locking
    threshold: int
    keypaths: tuple[KeyPath, ...]
    change: bool
    index: int


Own: TypeAlias = Callable[[bytes, tuple[KeyPath, ...]], Owned | None]
"""Given an output's script and the origins claimed for it: what it is of ours, None when it is not. Whoever
has an index of scripts may ignore the claims."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One branch of one descriptor: `prefixes` are the paths of its keys down to the index."""

    descriptor: Descriptor
    branch: Branch
    prefixes: tuple[tuple[bytes, tuple[int, ...]], ...]
    change: bool


def own_of(descriptors: Sequence[Descriptor]) -> Own:
    """`Own` for whoever holds these descriptors. A branch is one of change when the step above its index
    is 1, as in BIP-44, 45 and 48."""
    places: dict[tuple[bytes, tuple[int, ...]], list[_Place]] = {}
    for place in _places(descriptors):
        for prefix in place.prefixes:
            places.setdefault(prefix, []).append(place)

    def own(script_pubkey: bytes, claims: tuple[KeyPath, ...]) -> Owned | None:
        for place, index in _candidates(places, claims):
            found = _at(place, index)
            if found.locking.script_pubkey == script_pubkey:
                return found
        return None

    return own


def owned_at(descriptor: Descriptor, choice: int, index: int) -> Owned:
    """The script at one place of one descriptor. Raises Malformed when there is no such place."""
    return _at(_place(descriptor.chosen(choice)), index)


def _candidates(
    places: dict[tuple[bytes, tuple[int, ...]], list[_Place]], claims: tuple[KeyPath, ...]
) -> Iterator[tuple[_Place, int]]:
    """Each place that one of the claims could mean, once."""
    seen: list[tuple[int, int]] = []
    for claim in claims:
        if not claim.path or claim.path[-1] >= HARDENED:
            continue
        for place in places.get((claim.fingerprint, claim.path[:-1]), ()):
            candidate = (id(place), claim.path[-1])
            if candidate not in seen:
                seen.append(candidate)
                yield place, claim.path[-1]


def _places(descriptors: Sequence[Descriptor]) -> Iterator[_Place]:
    for descriptor in descriptors:
        for choice in range(descriptor.choices):
            yield _place(descriptor.chosen(choice))


def _place(one: Descriptor) -> _Place:
    ranged = [key.steps for key in one.keys if key.ranged]
    change = bool(ranged) and all(steps[-1:] == (_CHANGE,) for steps in ranged)
    return _Place(one, one.branch(), tuple(_prefix(key) for key in one.keys), change)


def _prefix(key: KeyExpression) -> tuple[bytes, tuple[int, ...]]:
    """A key without an origin is its own master (BIP-380)."""
    steps = tuple(step[0] for step in key.steps)
    if key.origin is not None:
        return bytes.fromhex(key.origin.fingerprint), (*key.origin.path, *steps)
    public_key = key.key if isinstance(key.key, bytes) else key.key.public_key
    return bip32.fingerprint(public_key), steps


def _at(place: _Place, index: int) -> Owned:
    one, branch = place.descriptor, place.branch
    public_keys = next(branch.public_keys((index,)))
    ordered = sorted(public_keys) if one.ordered else public_keys
    locking = script.locked(script.multisig(one.threshold, ordered, one.kind), one.kind)
    origins = {
        public_key: KeyPath(public_key, fingerprint, (*path, index) if key.ranged else path)
        for public_key, key, (fingerprint, path) in zip(public_keys, one.keys, place.prefixes, strict=True)
    }
    keypaths = tuple(origins[public_key] for public_key in ordered)
    return Owned(locking, one.threshold, keypaths, place.change, index)
