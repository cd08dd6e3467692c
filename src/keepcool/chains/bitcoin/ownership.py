"""What is ours: a script recomputed from own public keys, with everything that spends it.

Laws: a PSBT's key origins are hints where to look, never proof; only the script that own keys give at that
place is compared, byte for byte. A place has one script, and one origin for each of its keys; what was
computed once is kept for the drafts of a ladder, within a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
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
_KEPT_MAX = 2_048


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


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """One branch of one descriptor: `prefixes` are the paths of its keys down to the index. Compared by
    identity."""

    descriptor: Descriptor
    branch: Branch
    prefixes: tuple[tuple[bytes, tuple[int, ...]], ...]
    change: bool


class Holdings:
    """`Own` for whoever holds these descriptors. A branch is one of change when the step above its index is
    1, as in BIP-44, 45 and 48."""

    __slots__ = ("_kept", "_places")

    def __init__(self, descriptors: Sequence[Descriptor]) -> None:
        self._places: dict[tuple[bytes, tuple[int, ...]], list[_Place]] = {}
        self._kept: dict[tuple[_Place, int], Owned] = {}
        for place in _places(descriptors):
            for prefix in place.prefixes:
                self._places.setdefault(prefix, []).append(place)

    def __call__(self, script_pubkey: bytes, claims: tuple[KeyPath, ...]) -> Owned | None:
        for place, index in _candidates(self._places, claims):
            found = self._kept.get((place, index)) or self._made(place, (index,))[0]
            if found.locking.script_pubkey == script_pubkey:
                return found
        return None

    @property
    def kept(self) -> int:
        """How many scripts are kept."""
        return len(self._kept)

    def foresee(self, many: Iterable[tuple[KeyPath, ...]]) -> None:
        """Computes what these claims mean at once, which is cheaper than one after another: of each its first
        meaning, which is the only one of an honest draft."""
        wanted: dict[_Place, dict[int, None]] = {}
        for claims in many:
            for place, index in islice(_candidates(self._places, claims), 1):
                if (place, index) not in self._kept:
                    wanted.setdefault(place, {})[index] = None
        for place, indices in wanted.items():
            self._made(place, tuple(indices))

    def _made(self, place: _Place, indices: Sequence[int]) -> list[Owned]:
        made = list(_at(place, indices))
        if len(self._kept) + len(made) > _KEPT_MAX:
            self._kept = {}
        self._kept.update(zip([(place, index) for index in indices], made, strict=True))
        return made


def own_of(descriptors: Sequence[Descriptor]) -> Holdings:
    """What is proven to be of these descriptors."""
    return Holdings(descriptors)


def owned_at(descriptor: Descriptor, choice: int, index: int) -> Owned:
    """The script at one place of one descriptor. Raises Malformed when there is no such place."""
    return next(_at(_place(descriptor.chosen(choice)), (index,)))


def _candidates(
    places: dict[tuple[bytes, tuple[int, ...]], list[_Place]], claims: tuple[KeyPath, ...]
) -> Iterator[tuple[_Place, int]]:
    """Each place that one of the claims could mean, once."""
    seen: list[tuple[int, int]] = []
    for _, fingerprint, path in claims:
        if not path or (index := path[-1]) >= HARDENED:
            continue
        for place in places.get((fingerprint, path[:-1]), ()):
            candidate = (id(place), index)
            if candidate not in seen:
                seen.append(candidate)
                yield place, index


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


def _at(place: _Place, indices: Sequence[int]) -> Iterator[Owned]:
    one, origins_of = place.descriptor, tuple(zip(place.descriptor.keys, place.prefixes, strict=True))
    for index, public_keys in zip(indices, place.branch.recent_keys(indices), strict=True):
        ordered = sorted(public_keys) if one.ordered else public_keys
        locking = script.locked(script.multisig(one.threshold, ordered, one.kind), one.kind)
        origins = {
            public_key: KeyPath(public_key, fingerprint, (*path, index) if key.ranged else path)
            for public_key, (key, (fingerprint, path)) in zip(public_keys, origins_of, strict=True)
        }
        keypaths = tuple([origins[public_key] for public_key in ordered])
        yield Owned(locking, one.threshold, keypaths, place.change, index)
