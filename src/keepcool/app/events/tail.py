"""The newest events in memory, for whoever follows: read once from the database, handed to all.

Laws: memory is bounded, whoever is further behind reads from the database; what is handed out was committed;
a commit in this process rings at once, one elsewhere is found by looking now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

from keepcool.app.events import log
from keepcool.app.events.log import Event, Filter
from keepcool.app.store import Store

KEPT, PAGE = 2048, 500
_LOOK_EVERY_S = 2.0
_log = logging.getLogger("keepcool.events")


class Tail:
    """`run` until cancelled. `last` is the newest cursor seen."""

    def __init__(self, store: Store, *, count: Callable[[Event], None] | None = None) -> None:
        self._store, self._count = store, count
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell, self._news = asyncio.Event(), asyncio.Event()
        self.last, self._begun = 0, False
        store.ring(self._ring)

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._bell.clear()
                try:
                    await self._read_on()
                except OperationalError as error:  # a full disk, a lock that lasts: looked at again soon
                    _log.warning("the log is not read", extra={"kind": type(error.orig).__name__})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._bell.wait()
        finally:
            self._loop = None

    async def wait(self, after: int, timeout_s: float) -> bool:
        """Until there is one beyond `after`; False when there was none in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.last <= after:
                    await self._news.wait()
        return self.last > after

    async def read(self, after: int, limit: int, wanted: Filter | None = None) -> list[Event]:
        """At most `limit` of those beyond `after` that fit, in order."""
        if self._kept and after >= self._kept[0].cursor - 1 and wanted is None:
            return self._newest(after, limit)
        return await self._store.run(lambda tx: log.list_after(tx, after, limit=limit, wanted=wanted))

    def _newest(self, after: int, limit: int) -> list[Event]:
        start = max(after + 1 - self._kept[0].cursor, 0)  # cursors have no gap
        return [self._kept[at] for at in range(start, min(start + limit, len(self._kept)))]

    async def _read_on(self) -> None:
        if not self._begun:
            self.last, self._begun = await self._store.run(log.last_cursor), True
        while True:
            page = await self._store.run(lambda tx: log.list_after(tx, self.last, limit=PAGE))
            for one in page:
                self._kept.append(one)
                if self._count is not None:
                    self._count(one)
            if page:
                self.last = page[-1].cursor
                news, self._news = self._news, asyncio.Event()
                news.set()
            if len(page) < PAGE:
                return

    def _ring(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._bell.set)
