"""HTTP API v2 as a node speaks it, under /v2.

Law: what is wrong is answered with the chain's own code and data and HTTP 400, or with an HTTP status that
is the code; a failed transaction of a block is told only with failed_txs=true.
Specification: Minter HTTP API v2.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from keepcool.devnet import asked, execution, shapes
from keepcool.devnet.chain import Chain
from keepcool.devnet.faults import Faults
from keepcool.devnet.rejections import CallError
from keepcool.devnet.store import Block

_BLOCKS_MAX, _POOL_MAX, _PAGE = 100, 100, 30


class Simulator:
    """One chain with the faults of the moment; the routes are methods of it."""

    def __init__(self, chain: Chain, network: str) -> None:
        self.chain, self.network, self.faults = chain, network, Faults()

    def routes(self) -> list[web.RouteDef]:
        get = {
            "/status": self.status,
            "/address/{address}": self.address,
            "/addresses": self.addresses,
            "/transaction/{hash}": self.transaction,
            "/transactions": self.transactions,
            "/block/{height}": self.block,
            "/blocks": self.blocks,
            "/events/{height}": self.events,
            "/unconfirmed_txs": self.unconfirmed,
            "/send_transaction/{tx}": self.send,
            "/estimate_tx_commission/{tx}": self.estimate,
        }
        routes = [web.get("/v2" + path, handler) for path, handler in get.items()]
        return [*routes, web.post("/v2/send_transaction", self.send)]

    async def status(self, _: web.Request) -> web.Response:
        told = shapes.status(self.chain, self.network, catching_up=self.faults.catching_up)
        return web.json_response(told)

    async def address(self, request: web.Request) -> web.Response:
        return web.json_response(
            self._account(request.match_info["address"], asked.number(request, "height"))
        )

    async def addresses(self, request: web.Request) -> web.Response:
        height = asked.number(request, "height")
        wanted = asked.several(request, "addresses")
        return web.json_response({"addresses": {one: self._account(one, height) for one in wanted}})

    async def transaction(self, request: web.Request) -> web.Response:
        found = self.chain.store.transaction(asked.tx_hash(request.match_info["hash"]))
        if found is None:
            raise CallError(404, f"tx ({request.match_info['hash'][2:].upper()}) not found")
        return web.json_response(shapes.transaction(self.chain.ledger, found))

    async def transactions(self, request: web.Request) -> web.Response:
        tags = asked.tags(request.query.get("query", ""))
        page, size = max(1, asked.number(request, "page", 1)), asked.number(request, "per_page", _PAGE)
        size = min(max(1, size), _BLOCKS_MAX)
        found = self.chain.store.marked(tags, size, (page - 1) * size)
        return web.json_response(
            {"transactions": [shapes.transaction(self.chain.ledger, one) for one in found]}
        )

    async def block(self, request: web.Request) -> web.Response:
        return web.json_response(self._block(request, self._found(asked.number(request, "height"))))

    async def blocks(self, request: web.Request) -> web.Response:
        first, last = asked.number(request, "from_height", 1), asked.number(request, "to_height")
        if last < first or last - first >= _BLOCKS_MAX:
            raise CallError(400, f"total blocks must be between 1 and {_BLOCKS_MAX}")
        heights = range(first, min(last, self.chain.height) + 1)
        return web.json_response(
            {"blocks": [self._block(request, self._found(height)) for height in heights]}
        )

    async def events(self, request: web.Request) -> web.Response:
        found = self._found(asked.number(request, "height")).events
        wanted = asked.several(request, "search")
        told = [dict(one) for one in found if not wanted or set(wanted) & set(one.values())]
        return web.json_response({"events": told, "time": ""})

    async def unconfirmed(self, request: web.Request) -> web.Response:
        waiting = [tx.raw for tx in self.chain.waiting.values()]
        limit = min(asked.number(request, "limit") or _PAGE, _POOL_MAX)
        shown = [f"Tx{{{raw.hex().upper()}}}" for raw in waiting[:limit]]
        sizes = {"total": str(len(waiting)), "total_bytes": str(sum(map(len, waiting)))}
        return web.json_response({"transaction_count": str(len(shown)), **sizes, "transactions": shown})

    async def send(self, request: web.Request) -> web.Response:
        text: Any = request.match_info.get("tx")
        if text is None:
            text = (await asked.body(request)).get("tx")
        raw = asked.raw_tx(text)
        tx_hash = self.chain.take(raw)
        if self.faults.silent_sends:
            self.chain.drop()
        if self.faults.hidden_sends:
            raise CallError(504, "context deadline exceeded")
        return web.json_response({"code": "0", "log": "", "hash": "Mt" + tx_hash.hex()})

    async def estimate(self, request: web.Request) -> web.Response:
        raw = asked.raw_tx(request.match_info["tx"])
        pip = execution.estimate(self.chain.ledger, self.chain.rules, raw)
        return web.json_response({"commission": str(pip)})

    def _account(self, text: str, height: int) -> dict[str, Any]:
        address = asked.address(text)
        told = shapes.account(self.chain.ledger, self.chain.account(address, height))
        return self.faults.distort(execution.shown(address), told)

    def _found(self, height: int) -> Block:
        found = self.chain.store.block(height)
        if found is None:
            raise CallError(404, "Block not found")
        return found

    def _block(self, request: web.Request, found: Block) -> dict[str, Any]:
        return shapes.block(
            self.chain,
            found,
            failed=asked.yes(request, "failed_txs"),
            events=asked.yes(request, "events"),
            fields=set(asked.several(request, "fields")),
        )
