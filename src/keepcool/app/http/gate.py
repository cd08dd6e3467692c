"""Before and after every request: bounded bodies, bounded work in flight, an access log and numbers.

Logged are method, route, status, time and the id of the API key; never a header, a body, or the path as
it came (it may hold whatever somebody pasted). An error nobody expected is told as a bare 500.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fastapi import Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy.exc import OperationalError

from keepcool.app.http import problems
from keepcool.core.errors import KeepcoolError, Malformed, Unavailable

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_TIMEOUT_S = 15
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_QUIET = frozenset({"/health", "/metrics"})
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_log = logging.getLogger("keepcool.app.http")


@dataclass(slots=True)
class _Call:
    send: Send
    scope: Scope
    status: int = 0
    began: float = field(default_factory=time.perf_counter)

    async def __call__(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            self.status = int(event["status"])
            left = self.scope.get("keepcool.left")
            event["headers"] = [*event.get("headers", ()), *_HEADERS, *(left.headers() if left else ())]
        await self.send(event)


class Gate:
    """ASGI middleware, outermost."""

    def __init__(
        self, app: Asgi, *, metrics: CollectorRegistry, body_bytes_max: int, in_flight_max: int
    ) -> None:
        self._app, self._body_bytes_max, self._free = app, body_bytes_max, in_flight_max
        self._requests = Counter(
            "keepcool_http_requests", "Requests answered.", ["method", "route", "status"], registry=metrics
        )
        self._seconds = Histogram(
            "keepcool_http_seconds", "Time to answer.", ["method", "route"], registry=metrics
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = _Call(send, scope)
        try:
            await self._bounded(scope, receive, call)
        except KeepcoolError as error:
            await self._told(scope, receive, call, problems.response(error))
        except OperationalError as error:
            _log.error("the database failed", extra={"kind": type(error.orig).__name__})
            await self._told(scope, receive, call, problems.response(_unwritten(error)))
        except Exception as error:  # noqa: BLE001 - whatever broke, the caller learns no details
            _log.error("request broke", exc_info=error)
            body = problems.document(500, "service.fault", "Failed", "the service failed here; try again")
            await self._told(scope, receive, call, Response(body, 500, media_type=problems.MEDIA_TYPE))
        finally:
            self._note(scope, call)

    async def _bounded(self, scope: Scope, receive: Receive, call: _Call) -> None:
        if self._free <= 0 and scope["path"] not in _QUIET:
            raise Unavailable("service.busy", "too many requests at once; try again in a moment")
        self._free -= 1
        try:
            body = await self._body(receive)
            await self._app(scope, _replayed(body, receive), call)
        finally:
            self._free += 1

    async def _body(self, receive: Receive) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                more = True
                while more:
                    event = await receive()
                    body += event.get("body", b"")
                    more = event["type"] == "http.request" and bool(event.get("more_body"))
                    if len(body) > self._body_bytes_max:
                        text = f"a request has at most {self._body_bytes_max} bytes"
                        raise Malformed("request.too_large", text)
        except TimeoutError as error:
            raise Malformed("request.timeout", "the request's body did not arrive in time") from error
        return bytes(body)

    async def _told(self, scope: Scope, receive: Receive, call: _Call, response: Response) -> None:
        if not call.status:  # otherwise the answer has begun and can only be cut off
            await response(scope, receive, call)

    def _note(self, scope: Scope, call: _Call) -> None:
        seconds = time.perf_counter() - call.began
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, route, str(call.status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if scope["path"] not in _QUIET:
            told = {"method": method, "route": route, "status": call.status, "ms": round(seconds * 1000, 1)}
            _log.info("request", extra={**told, "caller": scope.get("keepcool.caller", "")})


def _unwritten(error: OperationalError) -> Unavailable:
    """Where the connection broke, it may have been behind the commit."""
    if error.connection_invalidated:
        text = (
            "the connection to the database broke: whether this was done is not known; send the same again, "
            "with the same Idempotency-Key"
        )
        return Unavailable("books.unclear", text)
    text = "the database cannot be written or read now; nothing was changed, try again"
    return Unavailable("books.failed", text)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, as one event; then whatever the server says (a disconnect)."""
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_event() -> Event:
        return events.pop() if events else await receive()

    return next_event
