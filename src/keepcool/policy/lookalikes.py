"""Addresses made to be taken for others: alike at both ends, where people look, or a few characters apart.

Laws: letters' case is not looked at, nor the prefix all addresses of a kind share; the work is bounded, also
where the known addresses were chosen to make it long. Edits are counted as Levenshtein does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

KNOWN_MAX = 2000
ENDS = 4  # characters people compare at either end
EDITS_MAX = 3
COMPARED_MAX = 20  # character by character, for one address
_SHORTEST = 12  # of what a name is compared by; shorter ones are alike by chance
_PREFIX = re.compile(r"0x|mx|[a-z]{2,5}1[qp]")


class Lookalikes:
    """Known addresses, to hold others against."""

    def __init__(self, known: Iterable[str]) -> None:
        self._bodies: dict[str, str] = {}
        self._ends: dict[tuple[str, str], list[str]] = {}
        for address in dict.fromkeys(known):
            if len(self._bodies) == KNOWN_MAX:
                break
            body = _body(address)
            if len(body) >= _SHORTEST:
                self._bodies.setdefault(body, address)
                self._ends.setdefault(_ends(body), []).append(body)

    def like(self, address: str) -> str | None:
        """A known address that this one could be taken for and is not; None where there is none."""
        body = _body(address)
        if len(body) < _SHORTEST:
            return None
        for other in self._ends.get(_ends(body), ()):
            if other != body:
                return self._bodies[other]
        near = (other for other in self._near(body) if _edits(body, other) <= EDITS_MAX)
        return next((self._bodies[other] for other in near), None)

    def _near(self, body: str) -> Iterator[str]:
        """Those that may be a few edits away: so few edits leave one of that many pieces and one whole."""
        size = -(-len(body) // (EDITS_MAX + 1))
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        found = (
            other
            for other in self._bodies
            if other != body
            and abs(len(other) - len(body)) <= EDITS_MAX
            and any(piece in other for piece in pieces)
        )
        return islice(found, COMPARED_MAX)


def _body(address: str) -> str:
    folded = address.casefold()
    prefix = _PREFIX.match(folded)
    return folded if prefix is None else folded[prefix.end() :]


def _ends(body: str) -> tuple[str, str]:
    return body[:ENDS], body[-ENDS:]


def _edits(one: str, other: str) -> int:
    """Characters put in, left out or changed, at least, to make one of the other."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        corner, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (a != b))
    return row[-1]
