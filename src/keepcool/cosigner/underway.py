"""Sealed keys in somebody's hands: sealed and not stored yet, or read and not opened yet.

Laws: no row tells of them, so whoever ends a version of the keystore's key waits for those that have begun;
he holds nobody up, and what begins later meets the rows and the version of its own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hands:
    """Whoever shows it has begun, and has not ended."""


@dataclass(slots=True)
class Underway:
    """Of one service."""

    _begun: set[asyncio.Future[None]] = field(default_factory=set)

    @contextmanager
    def one(self) -> Iterator[Hands]:
        """From before a key is sealed until its row is stored, or never will be; or while one is opened."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begun.add(over)
        try:
            yield Hands()
        finally:
            self._begun.discard(over)
            over.set_result(None)

    async def ended(self) -> None:
        """Returns when all that have begun by now are over."""
        begun = list(self._begun)
        if begun:
            await asyncio.wait(begun)
