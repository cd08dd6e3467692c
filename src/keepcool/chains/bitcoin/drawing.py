"""Chance out of entropy that is handed in: an order, and a number.

Laws: the same entropy gives the same result; every order is as likely as any other, but for a bias too
small to be seen in the age of the universe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from keepcool.ports.system import Entropy

_T = TypeVar("_T")
_TICKET = 16


def shuffled(things: Sequence[_T], entropy: Entropy) -> list[_T]:
    """Each draws a ticket of 16 bytes; the tickets are put in order."""
    if len(things) < 2:
        return list(things)
    drawn = entropy(_TICKET * len(things))
    places = sorted(range(len(things)), key=lambda at: drawn[_TICKET * at : _TICKET * (at + 1)])
    return [things[place] for place in places]


def below(limit: int, entropy: Entropy) -> int:
    """A number from 0 to `limit` - 1; `limit` is far below 2**64."""
    return int.from_bytes(entropy(_TICKET), "big") % limit
