"""The simulator as a process: a chain, its HTTP API and its control routes on 127.0.0.1.

Laws: it listens on this host alone; several ports may show one chain, so that one of them can lie while the
others do not. Ends in order on SIGINT and SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from keepcool.core.errors import Unavailable
from keepcool.devnet import prices
from keepcool.devnet.api import Simulator
from keepcool.devnet.chain import Chain, Genesis
from keepcool.devnet.control import Control
from keepcool.devnet.execution import Rules
from keepcool.devnet.rejections import CallError, Rejection
from keepcool.devnet.store import Store
from keepcool.devnet.subscriptions import Subscriptions

HOST = "127.0.0.1"
_BODY_BYTES_MAX = 1024 * 1024
# a transaction of 16,144 bytes may stand in a path
_LIMITS: Mapping[str, Any] = {"max_line_size": 64 * 1024, "max_field_size": 64 * 1024, "shutdown_timeout": 1}


@dataclass(frozen=True, slots=True)
class Options:
    """`block_ms` 0 makes blocks only when /devnet/mine asks for them; `data` None keeps all in memory.
    `mirrors` are further ports that show the same chain, each with faults of its own."""

    port: int
    mirrors: tuple[int, ...] = ()
    chain_id: int = 2
    block_ms: int = 1000
    data: Path | None = None
    keep_last_states: int = 120
    subscription_s: float = 60
    price_coin: int = 0
    genesis: Genesis = field(default_factory=Genesis)


def run(options: Options) -> None:
    """Until it is ended."""
    asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    chain = Chain(
        Rules(options.chain_id, options.price_coin),
        options.genesis,
        Store(options.data),
        lambda: time.time_ns() // 1_000_000,
        options.keep_last_states,
    )
    faces = [Face(chain, options) for _ in (options.port, *options.mirrors)]
    chain.new_block = [face.subscriptions.tell for face in faces]
    runners = [web.AppRunner(face.application(), access_log=None, **_LIMITS) for face in faces]
    try:
        for runner, port in zip(runners, (options.port, *options.mirrors), strict=True):
            await _listen(runner, port)
        await _until_ended(_mine(faces[0].simulator, options.block_ms))
    finally:
        for face, runner in zip(faces, runners, strict=True):
            face.subscriptions.end()
            await runner.cleanup()
        chain.store.close()


async def _listen(runner: web.AppRunner, port: int) -> None:
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        text = f"port {port} of {HOST} cannot be used: {error.strerror}; choose another --port"
        raise Unavailable("devnet.port", text) from error


class Face:
    """A chain as one server shows it, with faults of its own."""

    def __init__(self, chain: Chain, options: Options) -> None:
        self.simulator = Simulator(chain, network_name(options.chain_id))
        self.subscriptions = Subscriptions(lambda: self.simulator.faults, options.subscription_s)

    def application(self) -> web.Application:
        app = web.Application(
            client_max_size=_BODY_BYTES_MAX, middlewares=[_faulty(self.simulator), _explained]
        )
        control = Control(self.simulator)
        app.add_routes([*self.simulator.routes(), *prices.routes(self.simulator.chain), *control.routes()])
        app.add_routes([web.get("/v2/subscribe", self.subscriptions.subscribe)])
        return app


def network_name(chain_id: int) -> str:
    known = {1: "minter-mainnet-simulator", 2: "minter-testnet-simulator"}
    return known.get(chain_id, f"minter-simulator-{chain_id}")


async def _until_ended(work: Coroutine[None, None, None]) -> None:
    """Works until SIGINT or SIGTERM. Raises what the work raises, so that a broken chain ends its process."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ended.set)
    working, waiting = asyncio.create_task(work), asyncio.create_task(ended.wait())
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        waiting.cancel()


async def _mine(simulator: Simulator, block_ms: int) -> None:
    if not block_ms:
        await asyncio.Event().wait()
    while True:
        await asyncio.sleep(block_ms / 1000)
        if not simulator.faults.stalled:
            simulator.chain.commit()


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors in the node's own form."""
    try:
        return await handler(request)
    except Rejection as rejection:
        error = CallError(400, rejection.log, int(rejection.code), rejection.data)
    except CallError as call_error:
        error = call_error
    except web.HTTPNotFound:
        error = CallError(404, "Not Found")
    except web.HTTPException as refused:
        error = CallError(refused.status, refused.reason)
    return web.json_response(error.body(), status=error.status)


def _faulty(simulator: Simulator) -> Middleware:
    @web.middleware
    async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/devnet"):
            return await handler(request)
        faults, path = simulator.faults, request.path.removeprefix("/v2")
        await asyncio.sleep(faults.delay_ms / 1000)
        for begins, text in faults.nonsense.items():
            if path.startswith(begins):
                return web.Response(text=text, content_type="application/json")
        for begins, status in faults.broken.items():
            if path.startswith(begins):
                error = CallError(status, "injected fault")
                return web.json_response(error.body(), status=status)
        return await handler(request)

    return faulty
