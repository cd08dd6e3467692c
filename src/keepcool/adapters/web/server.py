"""uvicorn in the service's own event loop, on a socket bound before anything else starts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from keepcool.core.errors import Refused

STOP_WITHIN_S = 5
_BACKLOG = 256


class Server(uvicorn.Server):
    """Leaves signals to main.py, which has more to stop than this."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """Raises Refused when the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        text = f"cannot listen on {host} port {port}: {error.strerror}; choose another"
        raise Refused("http.bind", text) from error


async def serve(site: ASGIApp, bound: socket.socket, stop: asyncio.Event) -> None:
    """Answer until `stop`, then let running requests finish for a few seconds."""
    config = uvicorn.Config(
        site,
        log_config=None,
        access_log=False,  # the gate logs requests, without what may be secret in them
        server_header=False,
        proxy_headers=False,  # who is asked about an address decides whom to believe
        lifespan="off",
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([bound]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
