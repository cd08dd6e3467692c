"""Before and after every request: bounded bodies, bounded work, security headers, an access log and numbers.

Logged are method, route, status and time; never a header, a body, or the path as it came. An error nobody
expected is told as a bare 500.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from prometheus_client import Counter, Histogram
from starlette.responses import Response

from keepcool.core.errors import KeepcoolError, Malformed, Refused, Unavailable
from keepcool.desk.http import headers, problems
from keepcool.desk.http.parts import Parts

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_TIMEOUT_S = 15
NEXT = re.compile(r"/(items/[0-9a-f]{64}|orders|past|help)")  # where somebody may be led after signing in
_METHODS = frozenset({"GET", "POST", "HEAD"})
_STREAMS = frozenset({"/live"})
_log = logging.getLogger("keepcool.desk.http")


@dataclass(slots=True)
class _Call:
    send: Send
    headers: list[tuple[bytes, bytes]]
    status: int = 0
    began: float = field(default_factory=time.perf_counter)

    async def __call__(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            self.status = int(event["status"])
            sent = [*event.get("headers", ()), *self.headers]
            if not any(name == b"cache-control" for name, _ in sent):
                sent.append((b"cache-control", b"no-store"))
            event["headers"] = sent
        await self.send(event)


class Gate:
    """ASGI middleware, outermost."""

    def __init__(self, app: Asgi, *, parts: Parts) -> None:
        self._app, self._parts = app, parts
        self._free = parts.settings.http.requests_in_flight_max
        self._headers = headers.headers(secure=parts.settings.secure)
        self._requests = Counter(
            "keepcool_desk_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=parts.metrics,
        )
        self._seconds = Histogram(
            "keepcool_desk_seconds", "Time to answer.", ["method", "route"], registry=parts.metrics
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = _Call(send, self._headers)
        try:
            await self._bounded(scope, receive, call)
        except KeepcoolError as error:
            await self._told(scope, receive, call, error)
        except Exception as error:  # noqa: BLE001 - whatever broke, the caller learns no details
            _log.error("request broke", exc_info=error)
            broken = Unavailable("service.fault", "the desk failed here; try again")
            await self._told(scope, receive, call, broken)
        finally:
            self._note(scope, call)

    async def _bounded(self, scope: Scope, receive: Receive, call: _Call) -> None:
        if not self._parts.request_rate.allows(asker(scope, self._parts)):
            raise Refused("request.rate", "too many requests from here: wait a minute")
        counted = scope["path"] not in _STREAMS  # they have a bound of their own
        if counted and self._free <= 0:
            raise Unavailable("service.busy", "too many requests at once; try again in a moment")
        self._free -= counted
        try:
            body = await self._body(receive)
            await self._app(scope, _replayed(body, receive), call)
        finally:
            self._free += counted

    async def _body(self, receive: Receive) -> bytes:
        body, most = bytearray(), self._parts.settings.http.body_bytes_max
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                more = True
                while more:
                    event = await receive()
                    body += event.get("body", b"")
                    more = event["type"] == "http.request" and bool(event.get("more_body"))
                    if len(body) > most:
                        raise Malformed("request.too_large", f"a request has at most {most} bytes")
        except TimeoutError as error:
            raise Malformed("request.timeout", "the request's body did not arrive in time") from error
        return bytes(body)

    async def _told(self, scope: Scope, receive: Receive, call: _Call, error: KeepcoolError) -> None:
        if call.status:  # the answer has begun and can only be cut off
            return
        await answer(scope, self._parts, error)(scope, receive, call)

    def _note(self, scope: Scope, call: _Call) -> None:
        seconds = time.perf_counter() - call.began
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, route, str(call.status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        _log.info(
            "request",
            extra={
                "method": method,
                "route": route,
                "status": call.status,
                "ms": round(seconds * 1000, 1),
                "caller": scope.get("keepcool.caller", ""),
            },
        )


def asker(scope: Scope, parts: Parts) -> str:
    """The address requests are counted by."""
    if parts.settings.http.behind_proxy:
        said = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if said:
            return str(said[-1].decode("latin-1")).rpartition(",")[2].strip()[:64]
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def answer(scope: Scope, parts: Parts, error: KeepcoolError) -> Response:
    """A page where a browser navigates, a problem document everywhere else."""
    status, text = problems.status_of(error), problems.text_of(error)
    accepts = b"".join(value for name, value in scope["headers"] if name == b"accept")
    if b"text/html" not in accepts or scope["path"].startswith("/api/"):
        body = problems.document(status, error.code, text, error.kind)
        return Response(body, status, media_type=problems.MEDIA_TYPE)
    if error.code == "session.missing":
        place = scope["path"]
        after = f"?next={place}" if NEXT.fullmatch(place) else ""
        return Response(b"", 303, {"Location": f"/sign-in{after}"})
    page = parts.renderer.problem(scope, status, error.code, text)
    return Response(page, status, media_type="text/html; charset=utf-8")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, as one event; then whatever the server says (a disconnect)."""
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_event() -> Event:
        return events.pop() if events else await receive()

    return next_event
