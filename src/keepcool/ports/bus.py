"""The message bus: requests and answers as opaque frames. Everything said on it is signed and sealed
by `wire`; the bus itself is not trusted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from keepcool.core.parties import Service

Handler = Callable[[bytes], Awaitable[bytes | None]]  # a request frame to an answer frame, or silence


class Bus(Protocol):
    async def request(self, to: Service, typ: str, frame: bytes, timeout_s: float) -> bytes:
        """The answer frame. Raises Unavailable when there is none in time or the bus is down."""

    async def serve(self, typ: str, handler: Handler) -> None:
        """Answer requests of this type addressed to this service, until closed."""

    async def close(self) -> None: ...
