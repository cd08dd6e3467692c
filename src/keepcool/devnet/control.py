"""The simulator's own routes, under /devnet: blocks on demand, coins out of nothing, and faults.

GET /devnet tells what there is. POST: /mine {"blocks": 1}, /give {"address", "pip", "coin": 0, "event"},
/coin {"id", "symbol", "pool": [coin_pip, base_pip] or null}, /inject {"tx": "0x…"}, /drop, /faults {…};
DELETE /faults ends all faults. No real node has anything of this.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from keepcool.devnet import asked, shapes
from keepcool.devnet.api import Simulator
from keepcool.devnet.faults import Faults
from keepcool.devnet.ledger import Coin
from keepcool.devnet.rejections import CallError

_MINE_MAX = 10_000
_EVENT_MAX = 60


class Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator, self._chain = simulator, simulator.chain

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/devnet", self.state),
            web.post("/devnet/mine", self.mine),
            web.post("/devnet/give", self.give),
            web.post("/devnet/coin", self.coin),
            web.post("/devnet/inject", self.inject),
            web.post("/devnet/drop", self.drop),
            web.post("/devnet/faults", self.change),
            web.delete("/devnet/faults", self.mend),
        ]

    async def state(self, _: web.Request) -> web.Response:
        chain = self._chain
        told = {
            "simulator": shapes.VERSION,
            "chain_id": chain.rules.chain_id,
            "height": chain.height,
            "waiting": len(chain.waiting),
            "coins": [shapes.coin_info(chain.ledger, coin) for coin in chain.ledger.coins.values()],
            "faults": self._simulator.faults.shown(),
        }
        return web.json_response(told)

    async def mine(self, request: web.Request) -> web.Response:
        blocks = _whole(await asked.body(request), "blocks", 1)
        if not 1 <= blocks <= _MINE_MAX:
            raise CallError(400, f"blocks: 1 to {_MINE_MAX}")
        for _ in range(blocks):
            self._chain.commit()
        return web.json_response({"height": self._chain.height})

    async def give(self, request: web.Request) -> web.Response:
        body = await asked.body(request)
        coin, pip = _whole(body, "coin", 0), _whole(body, "pip")
        if coin not in self._chain.ledger.coins:
            raise CallError(404, f"there is no coin {coin}; make it with /devnet/coin")
        event = body.get("event", "UnlockEvent" if coin else "RewardEvent")
        if not isinstance(event, str) or not event.isalnum() or len(event) > _EVENT_MAX:
            raise CallError(400, "event: the name of an event")
        self._chain.give(asked.address(_text(body, "address")), coin, pip, event)
        return web.json_response({"height": self._chain.height + 1})

    async def coin(self, request: web.Request) -> web.Response:
        body = await asked.body(request)
        pool: Any = body.get("pool")
        if pool is not None:
            pool = _pool(pool)
        coin = Coin(_whole(body, "id"), _text(body, "symbol"), pool)
        if coin.id == 0:
            raise CallError(400, "the base coin stays as it is")
        self._chain.ledger.put_coin(coin)
        return web.json_response(shapes.coin_info(self._chain.ledger, coin))

    async def inject(self, request: web.Request) -> web.Response:
        tx_hash = self._chain.inject(asked.raw_tx((await asked.body(request)).get("tx")))
        return web.json_response({"hash": "Mt" + tx_hash.hex()})

    async def drop(self, _: web.Request) -> web.Response:
        return web.json_response({"dropped": self._chain.drop()})

    async def change(self, request: web.Request) -> web.Response:
        self._simulator.faults = self._simulator.faults.changed(await asked.body(request))
        return web.json_response(self._simulator.faults.shown())

    async def mend(self, _: web.Request) -> web.Response:
        self._simulator.faults = Faults()
        return web.json_response(self._simulator.faults.shown())


def _whole(body: dict[str, Any], name: str, default: int | None = None) -> int:
    found = body.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise CallError(400, f"{name}: a whole number is wanted")
    text = str(found)
    if not text.isascii() or not text.isdigit() or len(text) > 78:
        raise CallError(400, f"{name}: a whole number is wanted")
    return int(text)


def _text(body: dict[str, Any], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str) or not found:
        raise CallError(400, f"{name}: text is wanted")
    return found


def _pool(pool: object) -> tuple[int, int]:
    if not isinstance(pool, list) or len(pool) != 2:
        raise CallError(400, "pool: [pip of the coin, pip of the base coin]")
    return _whole({"pool": pool[0]}, "pool"), _whole({"pool": pool[1]}, "pool")
