"""/v2/subscribe: a WebSocket that tells of new blocks and transactions, and is closed after a while.

Laws: the server closes every stream after `lifetime_s` and takes at most `clients_max`; who is too slow to
read is closed. Specification: Minter HTTP API v2, Subscribe.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from keepcool.devnet import asked, shapes
from keepcool.devnet.faults import Faults
from keepcool.devnet.rejections import CallError
from keepcool.devnet.store import Block, StoredTx

_QUEUE_MAX = 1000
_EVENT = re.compile(r"\s*tm\.event\s*=\s*'(NewBlock|Tx)'\s*(?:AND\s+(.+))?")


@dataclass(frozen=True, slots=True)
class _Client:
    query: str
    event: str
    tags: tuple[tuple[str, str], ...]
    queue: asyncio.Queue[dict[str, Any] | None]


class Subscriptions:
    def __init__(self, faults: Callable[[], Faults], lifetime_s: float = 60, clients_max: int = 100) -> None:
        self._faults, self._lifetime_s, self._clients_max = faults, lifetime_s, clients_max
        self._clients: list[_Client] = []

    def tell(self, block: Block, txs: Sequence[StoredTx]) -> None:
        for client in list(self._clients):
            for data in _told(client, block, txs):
                _put(client, {"result": {"query": client.query, **data}})

    def end(self) -> None:
        """Closes all of them."""
        for client in self._clients:
            _put(client, None)

    async def subscribe(self, request: web.Request) -> web.WebSocketResponse:
        client = _wanted(request.query.get("query", ""))
        if self._faults().deaf:
            raise CallError(503, "subscriptions are switched off")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if len(self._clients) >= self._clients_max:
            await socket.send_json({"error": {"code": 8, "message": "max_subscription_clients reached"}})
            await socket.close()
            return socket
        self._clients.append(client)
        listening = asyncio.create_task(_listen(socket, client))
        try:
            await self._speak(socket, client)
        finally:
            listening.cancel()
            self._clients.remove(client)
            await socket.close()
        return socket

    async def _speak(self, socket: web.WebSocketResponse, client: _Client) -> None:
        try:
            async with asyncio.timeout(self._lifetime_s):
                while (message := await client.queue.get()) is not None:
                    await socket.send_json(message)
        except (TimeoutError, ConnectionResetError):
            return


async def _listen(socket: web.WebSocketResponse, client: _Client) -> None:
    """Until the client goes away."""
    async for _ in socket:
        continue
    _put(client, None)


def _put(client: _Client, message: dict[str, Any] | None) -> None:
    if client.queue.full():
        client.queue.get_nowait()  # nobody reads it any more: the end is all that is left to tell
        message = None
    client.queue.put_nowait(message)


def _wanted(query: str) -> _Client:
    found = _EVENT.fullmatch(query)
    if found is None:
        raise CallError(400, f"failed to parse query: {query[:80]}")
    tags = tuple(asked.tags(found.group(2))) if found.group(2) else ()
    return _Client(query, found.group(1), tags, asyncio.Queue(_QUEUE_MAX))


def _told(client: _Client, block: Block, txs: Sequence[StoredTx]) -> list[dict[str, Any]]:
    if client.event == "NewBlock":
        header = {"height": str(block.height), "time": shapes.time_text(block.time_ms)}
        value = {"block": {"header": header, "data": {"txs": [tx.raw.hex() for tx in txs]}}}
        return [{"data": {"type": "tendermint/event/NewBlock", "value": value}, "events": []}]
    return [
        {"data": {"type": "tendermint/event/Tx", "value": _tx(tx)}, "events": []}
        for tx in txs
        if all(value in tx.tags.get(name, "").split(",") for name, value in client.tags)
    ]


def _tx(tx: StoredTx) -> dict[str, Any]:
    result = {"code": tx.code, "log": tx.log, "tags": dict(tx.tags)}
    return {"TxResult": {"height": str(tx.height), "index": tx.place, "tx": tx.raw.hex(), "result": result}}
