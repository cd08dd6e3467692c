"""How far a follower has come: the same for every family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """`behind`: blocks not read yet. What is left to do at once makes `busy`."""

    tip: int
    scanned: int
    settled: int
    busy: bool

    @property
    def behind(self) -> int:
        return max(self.tip - self.scanned, 0)


class Follows(Protocol):
    async def step(self) -> Progress:
        """One bounded round. Raises Unavailable when a node is away or lags (ask again later), Breach when
        what the nodes say cannot be believed."""
