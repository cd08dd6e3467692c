"""Server-sent events over one connection, at the pace of who listens.

Laws: nothing is queued for a listener but what its socket takes, each reads the log by its own cursor; one
that takes nothing for a while is cut off and goes on later by the id it saw last; a comment tells now and
then that the line is alive, and how far the log was read. WHATWG HTML, 9.2 Server-sent events.
"""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from keepcool.app.events import kinds
from keepcool.app.events.log import Event, Filter
from keepcool.app.events.office import EventOffice

_PAGE, _RETRY_MS = 200, 2000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """Until the listener hangs up, or `stop`."""

    media_type = "text/event-stream"

    def __init__(
        self, office: EventOffice, key: str, after: int, wanted: Filter, *, stop: asyncio.Event
    ) -> None:
        super().__init__(b"", 200, _HEADERS)
        del self.headers["content-length"]
        self._office, self._key, self._after = office, key, after
        self._wanted, self._stop = wanted, stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with self._office.streaming(self._key):
            tasks = [
                asyncio.create_task(self._write(send)),
                asyncio.create_task(_hung_up(receive)),
                asyncio.create_task(self._stop.wait()),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(ended[0], Exception) and not isinstance(ended[0], TimeoutError):
            raise ended[0]
        if isinstance(ended[0], TimeoutError):
            self._office.numbers.cut.inc()
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        """Raises TimeoutError when the listener takes nothing."""
        tail, beat_s = self._office.tail, self._office.settings.heartbeat_s
        told = self._after
        await self._put(send, b"retry: %d\nid: %d\n\n" % (_RETRY_MS, self._after))
        while True:
            page = await tail.read(self._after, _PAGE)
            if page:
                self._after = page[-1].cursor
            frames = b"".join(_frame(one) for one in page if _is_wanted(self._wanted, one))
            if frames:
                await self._put(send, frames)
                told = self._after
            if not page and not await tail.wait(self._after, beat_s):
                mark = b"id: %d\n" % self._after if self._after > told else b""
                await self._put(send, b": alive\n" + mark + b"\n")
                told = self._after

    async def _put(self, send: Send, chunk: bytes) -> None:
        async with asyncio.timeout(self._office.settings.slow_after_s):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _frame(one: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (one.cursor, one.type.encode("ascii"), one.body())


def _is_wanted(wanted: Filter, one: Event) -> bool:
    if not kinds.fits(wanted.types, one.type):
        return False
    asked, about = wanted.subject, one.subject
    pairs = (
        (asked.network, about.network),
        (asked.user, about.user),
        (asked.wallet, about.wallet),
        (asked.withdrawal, about.withdrawal),
        (asked.deposit, about.deposit),
    )
    return all(wish is None or wish == is_ for wish, is_ in pairs)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
