"""One App after the other in one process: each made of the configuration as it was taken up.

Laws: the next one is whole, judged and asked of the chain before the one at work stops a step; what is
refused changes nothing, and the one at work goes on; the work of two never overlaps, and goes on from the
database; the API answers throughout, requests that were begun end where they began.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from keepcool.app.config import AppSettings
from keepcool.app.reloading.changes import Changes
from keepcool.core.errors import KeepcoolError, Unavailable

Work: TypeAlias = Callable[[], Sequence[Coroutine[Any, Any, None]]]
_GRACE_S = 30.0  # for requests that the one before has begun
_ASKED_MAX = 8
_log = logging.getLogger("keepcool.app")


@dataclass(frozen=True, slots=True)
class Generation:
    """`ended`: what has no end of its own ends with it."""

    settings: AppSettings
    site: ASGIApp
    work: Work
    ended: asyncio.Event


Make: TypeAlias = Callable[[AppSettings, Changes | None], contextlib.AbstractAsyncContextManager[Generation]]


@dataclass(frozen=True, slots=True)
class Plan:
    """`load` reads the file; `judge` says what changes, or raises why it may not; `make` builds, and raises
    what the chain says against it; `taken` is called in the moment the new one takes over."""

    load: Callable[[], AppSettings]
    judge: Callable[[AppSettings, AppSettings], Awaitable[Changes]]
    make: Make
    taken: Callable[[AppSettings], None]


@dataclass(slots=True)
class Generations:
    """An ASGI application: whoever is at work answers. Open with `begin`, then `run`."""

    plan: Plan
    _now: Generation | None = None
    _opened: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _asked: asyncio.Queue[asyncio.Future[list[str]]] = field(
        default_factory=lambda: asyncio.Queue(_ASKED_MAX)
    )
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._now is None:
            raise RuntimeError("nobody is at work yet")
        await self._now.site(scope, receive, send)

    async def begin(self, settings: AppSettings) -> None:
        """The first one. Raises what keeps it from starting."""
        self._now = await self._opened.enter_async_context(self.plan.make(settings, None))

    async def reload(self) -> list[str]:
        """What has changed, in words. Raises what was refused, and then all went on as before."""
        asked: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        try:
            self._asked.put_nowait(asked)
        except asyncio.QueueFull as error:
            raise Unavailable("reload.busy", "the configuration is being taken up; ask again") from error
        return await asked

    async def on_signal(self, rung: asyncio.Event) -> None:
        """Runs for ever: once for each ring."""
        while True:
            await rung.wait()
            rung.clear()
            with contextlib.suppress(KeepcoolError):  # it is in the log
                await self.reload()

    async def run(self, stop: asyncio.Event) -> None:
        """Until cancelled. Raises what a part of the work failed with."""
        ending = asyncio.create_task(self._end_with(stop))
        try:
            while await self._at_work():
                continue
        finally:
            ending.cancel()
            for one in self._leaving:
                one.cancel()
            await asyncio.gather(ending, *self._leaving, return_exceptions=True)

    async def close(self) -> None:
        await self._opened.aclose()

    async def _end_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        if self._now is not None:
            self._now.ended.set()

    async def _at_work(self) -> bool:
        """The work of one, until it ends or the next is ready to take over; whether one is."""
        if self._now is None:
            raise RuntimeError("nobody is at work yet")
        workers = [asyncio.create_task(one) for one in self._now.work()]
        try:
            while True:
                asking = asyncio.create_task(self._asked.get())
                await asyncio.wait((asking, *workers), return_when=asyncio.FIRST_COMPLETED)
                if any(one.done() for one in workers):
                    asking.cancel()
                    return False
                asked = asking.result()
                found = await self._next(self._now, asked)
                if found is not None:
                    break
        finally:
            for one in workers:
                one.cancel()
            ended = await asyncio.gather(*workers, return_exceptions=True)
            failures = [one for one in ended if isinstance(one, Exception)]
            if failures:
                raise failures[0]
        self._take_over(*found, asked)
        return True

    async def _next(
        self, now: Generation, asked: asyncio.Future[list[str]]
    ) -> tuple[Generation, contextlib.AsyncExitStack, list[str]] | None:
        """The next one, opened and judged; None when there is none to be."""
        stack = contextlib.AsyncExitStack()
        try:
            settings = self.plan.load()
            changes = await self.plan.judge(now.settings, settings)
            new = await stack.enter_async_context(self.plan.make(settings, changes))
            return new, stack, changes.sentences()
        except KeepcoolError as error:
            await stack.aclose()
            _log.error("went on as before", extra={"code": error.code, "why": error.public})
            _told(asked, error)
        except Exception as error:  # noqa: BLE001 - a defect in the next must not end the one at work
            await stack.aclose()
            _log.exception("went on as before")
            _told(asked, Unavailable("reload.failed", f"App went on as before: {type(error).__name__}"))
        return None

    def _take_over(
        self,
        new: Generation,
        stack: contextlib.AsyncExitStack,
        said: list[str],
        asked: asyncio.Future[list[str]],
    ) -> None:
        before, opened = self._now, self._opened
        self._now, self._opened = new, stack
        self.plan.taken(new.settings)
        if before is not None:
            before.ended.set()
        leaving = asyncio.create_task(_left(opened))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        _log.warning("took its configuration up anew", extra={"changes": "; ".join(said) or "none"})
        if not asked.done():
            asked.set_result(said)


def _told(asked: asyncio.Future[list[str]], error: KeepcoolError) -> None:
    if not asked.done():
        asked.set_exception(error)


async def _left(opened: contextlib.AsyncExitStack) -> None:
    """Closes what it had open once the requests it had begun are over."""
    try:
        await asyncio.sleep(_GRACE_S)
    finally:
        await opened.aclose()
