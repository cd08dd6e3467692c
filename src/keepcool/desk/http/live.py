"""Server-sent events: how many wait, and which rows have gone, as soon as the desk knows.

Laws: a stream ends with its session; nothing is queued but what the socket takes; a comment tells now and
then that the line is alive. WHATWG HTML, 9.2 Server-sent events.
"""

from __future__ import annotations

import asyncio
import json

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from keepcool.core.errors import Unavailable
from keepcool.desk.http.parts import Given, Parts
from keepcool.desk.http.visitors import Signed
from keepcool.desk.mirror import News

BEAT_S, SLOW_AFTER_S, RETRY_MS, GONE_MAX = 15.0, 20.0, 3_000, 200
router = APIRouter()


class LiveStream(Response):
    """Until the listener hangs up, the session ends, or the desk stops."""

    media_type = "text/event-stream"

    def __init__(self, parts: Parts, identifier: str) -> None:
        super().__init__(b"", 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._parts, self._identifier = parts, identifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        tasks = [
            asyncio.create_task(self._write(send)),
            asyncio.create_task(_hung_up(receive)),
            asyncio.create_task(self._parts.stop.wait()),
        ]
        self._parts.streams += 1
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._parts.streams -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        """Raises TimeoutError when the listener takes nothing."""
        mirror = self._parts.mirror
        news = mirror.news
        await self._put(send, b"retry: %d\n\n" % RETRY_MS + _frame(news))
        while self._parts.sessions.lives(self._identifier):
            changed = await mirror.changed(news.version, BEAT_S)
            if changed is None:
                await self._put(send, b": alive\n\n")
            else:
                news = changed
                await self._put(send, _frame(news))

    async def _put(self, send: Send, chunk: bytes) -> None:
        async with asyncio.timeout(SLOW_AFTER_S):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


@router.get("/live")
async def live(given: Given, who: Signed) -> Response:
    if given.streams >= given.settings.http.streams_max:
        raise Unavailable("live.busy", "too many pages listen at once; this one is read by reloading it")
    return LiveStream(given, who.identifier)


def _frame(news: News) -> bytes:
    data = {"version": news.version, "waiting": news.waiting, "gone": list(news.gone[:GONE_MAX])}
    return b"event: queue\ndata: %s\n\n" % json.dumps(data, separators=(",", ":")).encode("ascii")


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
