"""The simulator as a process: a chain, its HTTP API and its control routes on 127.0.0.1.

Law: it listens on this host alone. Ends in order on SIGINT and SIGTERM.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

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
_LINE_BYTES_MAX = 64 * 1024  # a transaction of 16,144 bytes may stand in a path


@dataclass(frozen=True, slots=True)
class Options:
    """`block_ms` 0 makes blocks only when /devnet/mine asks for them; `data` None keeps all in memory."""

    port: int
    chain_id: int = 2
    block_ms: int = 1000
    data: Path | None = None
    keep_last_states: int = 120
    subscription_s: float = 60
    price_coin: int = 0
    genesis: Genesis = field(default_factory=Genesis)


def run(options: Options) -> None:
    """Until it is ended."""
    web.run_app(
        application(options), host=HOST, port=options.port, print=None, access_log=None, shutdown_timeout=1
    )


def application(options: Options) -> web.Application:
    chain = Chain(
        Rules(options.chain_id, options.price_coin),
        options.genesis,
        Store(options.data),
        lambda: time.time_ns() // 1_000_000,
        options.keep_last_states,
    )
    simulator = Simulator(chain, network_name(options.chain_id))
    subscriptions = Subscriptions(lambda: simulator.faults, options.subscription_s)
    chain.new_block = subscriptions.tell
    app = web.Application(
        client_max_size=_BODY_BYTES_MAX,
        middlewares=[_faulty(simulator), _explained],
        handler_args={"max_line_size": _LINE_BYTES_MAX, "max_field_size": _LINE_BYTES_MAX},
    )
    app.add_routes([*simulator.routes(), *prices.routes(chain), *Control(simulator).routes()])
    app.add_routes([web.get("/v2/subscribe", subscriptions.subscribe)])
    app.cleanup_ctx.append(_life(simulator, subscriptions, options.block_ms))
    return app


def network_name(chain_id: int) -> str:
    known = {1: "minter-mainnet-simulator", 2: "minter-testnet-simulator"}
    return known.get(chain_id, f"minter-simulator-{chain_id}")


def _life(
    simulator: Simulator, subscriptions: Subscriptions, block_ms: int
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def life(_: web.Application) -> AsyncIterator[None]:
        mining = asyncio.create_task(_mine(simulator, block_ms))
        yield
        mining.cancel()
        subscriptions.end()
        simulator.chain.store.close()

    return life


async def _mine(simulator: Simulator, block_ms: int) -> None:
    while block_ms:
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
