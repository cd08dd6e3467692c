"""Scripts of many addresses, derived on all cores: the first bytes of each, which is what an index keeps."""

from __future__ import annotations

import multiprocessing
import os
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from keepcool.chains.bitcoin.branch import Branch

KEPT = slice(2, 10)  # the first bytes of the hash, in every script of this family
_PART = 10_000
_ALONE_MAX = 50_000  # below this, starting processes costs more than it saves


@dataclass(frozen=True, slots=True)
class Span:
    """Indices `first` to `end` - 1 of one branch; `track` is the caller's number for the branch."""

    track: int
    branch: Branch
    first: int
    end: int

    def scripts(self) -> Iterator[bytes]:
        return iter(self.branch.script_pubkeys(range(self.first, self.end)))

    def __len__(self) -> int:
        return self.end - self.first


def short(script: bytes) -> int:
    """What is kept of a script, as a number below 2**64."""
    return int.from_bytes(script[KEPT], "little")


def derived(spans: Sequence[Span]) -> Iterator[int]:
    """`short` of every script, in the order of the spans and their indices."""
    parts = [part for span in spans for part in _parts(span)]
    cores = os.cpu_count() or 1
    if cores == 1 or sum(len(span) for span in spans) <= _ALONE_MAX:
        for part in parts:
            yield from _of(part)
        return
    # Spawned, not forked: whoever asks may have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=context) as workers:
        for found in workers.map(_packed, parts):
            numbers = array("Q")
            numbers.frombytes(found)
            yield from numbers


def _of(span: Span) -> Iterator[int]:
    return map(short, span.branch.script_pubkeys(range(span.first, span.end)))


def _packed(span: Span) -> bytes:
    return array("Q", _of(span)).tobytes()


def _parts(span: Span) -> Iterator[Span]:
    for first in range(span.first, span.end, _PART):
        yield replace(span, first=first, end=min(first + _PART, span.end))
