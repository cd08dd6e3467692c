"""Which address a script of the chain is, among millions derived from descriptors.

Laws: about 30 bytes per script and no object each; a match is proved by deriving that place again, so a
collision of the few bytes kept is never taken for a coin of ours.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from keepcool.local.restoring.deriving import Span, derived, short

_LENGTHS = (23, 34)
_PLACE_BITS = 32


@dataclass(frozen=True, slots=True)
class Found:
    """Where a script lies."""

    track: int
    index: int


class ScriptIndex:
    """Made once from its spans, then asked for every output of every block."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = tuple(span for span in spans if len(span))
        self._starts = list(accumulate((len(span) for span in self._spans), initial=0))[:-1]
        keys = [one << _PLACE_BITS | place for place, one in enumerate(derived(self._spans))]
        keys.sort()
        self._hashes = array("Q", (key >> _PLACE_BITS for key in keys))
        self._places = array("L", (key & (1 << _PLACE_BITS) - 1 for key in keys))
        self._mask = (1 << max(len(keys).bit_length() + 2, 10)) - 1
        self._seen = bytearray(self._mask + 1)
        for kept in self._hashes:
            self._seen[kept & self._mask] = 1

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, script: bytes) -> bool:
        """Stands for the set of all its scripts where blocks are scanned."""
        return self.find(script) is not None

    def find(self, script: bytes) -> Found | None:
        """None for a script that is none of these."""
        if len(script) not in _LENGTHS:
            return None
        kept = short(script)
        if not self._seen[kept & self._mask]:
            return None
        at = bisect_left(self._hashes, kept)
        while at < len(self._hashes) and self._hashes[at] == kept:
            found = self._proved(self._places[at], script)
            if found is not None:
                return found
            at += 1
        return None

    def _proved(self, place: int, script: bytes) -> Found | None:
        number = bisect_right(self._starts, place) - 1
        span = self._spans[number]
        index = span.first + place - self._starts[number]
        fits = span.branch.locking(index).script_pubkey == script
        return Found(span.track, index) if fits else None
