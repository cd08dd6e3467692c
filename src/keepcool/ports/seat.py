"""Where several Apps on one database stand: all are there, one leads, and each hears the others."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Seat(Protocol):
    """Held by one App for as long as it lives."""

    @property
    def leads(self) -> bool:
        """Whether this App does the work now."""

    async def won(self) -> None:
        """Returns when this App leads."""

    async def lost(self) -> None:
        """Returns when it leads no more, or cannot know any more that it does."""

    def knock(self, topic: str) -> None:
        """Every App on this database, this one included, hears `topic` soon."""

    def alone(self, what: str) -> AbstractAsyncContextManager[None]:
        """Inside, no other App is inside with the same `what`. Raises Unavailable when that takes long."""
