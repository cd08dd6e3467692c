"""The seat of an App that has its database to itself, as on SQLite: it leads from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class AloneSeat:
    """`hear` is told what was knocked, at once."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self._hear = hear

    @property
    def leads(self) -> bool:
        return True

    async def won(self) -> None: ...

    async def lost(self) -> None:
        await asyncio.Event().wait()

    def knock(self, topic: str) -> None:
        self._hear(topic)

    @asynccontextmanager
    async def alone(self, what: str) -> AsyncIterator[None]:  # noqa: ARG002
        yield
