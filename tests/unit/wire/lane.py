"""A bus inside one process: requests of one service reach the handlers of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from keepcool.ports.bus import Handler

Way = Callable[[Service, str, bytes, Handler], Awaitable[bytes | None]]


async def straight(to: Service, typ: str, frame: bytes, handler: Handler) -> bytes | None:
    """An honest broker."""
    return await handler(frame)


class Lane:
    """Every service's handlers, and the way a request takes to one of them."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[Service, str], Handler] = {}
        self.way: Way = straight

    def end(self, service: Service) -> End:
        return End(self, service)


class End:
    """One service's end of the lane: the port Bus."""

    def __init__(self, lane: Lane, service: Service) -> None:
        self._lane, self._service = lane, service

    async def request(self, to: Service, typ: str, frame: bytes, timeout_s: float) -> bytes:  # noqa: ARG002
        handler = self._lane.handlers.get((to, typ))
        answer = None if handler is None else await self._lane.way(to, typ, frame, handler)
        if answer is None:
            raise Unavailable("bus.silent", "no answer")
        return answer

    async def serve(self, typ: str, handler: Handler) -> None:
        self._lane.handlers[self._service, typ] = handler

    async def close(self) -> None: ...
