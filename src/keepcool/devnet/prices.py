"""The part of the HTTP API v2 that tells of coins and prices."""

from __future__ import annotations

from aiohttp import web

from keepcool.devnet import asked, fees, shapes
from keepcool.devnet.chain import Chain
from keepcool.devnet.ledger import Coin
from keepcool.devnet.rejections import CallError, Code


def routes(chain: Chain) -> list[web.RouteDef]:
    """Under /v2."""

    async def min_gas_price(_: web.Request) -> web.Response:
        return web.json_response({"min_gas_price": str(chain.min_gas_price())})

    async def max_gas_price(_: web.Request) -> web.Response:
        waiting = [tx.gas_price for tx in chain.waiting.values()]
        return web.json_response({"max_gas_price": str(max([1, *waiting]))})

    async def price_commissions(_: web.Request) -> web.Response:
        return web.json_response(shapes.price_commissions(chain))

    async def coin_info(request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        return _told(chain, next((one for one in chain.ledger.coins.values() if one.symbol == symbol), None))

    async def coin_info_by_id(request: web.Request) -> web.Response:
        return _told(chain, chain.ledger.coins.get(asked.number(request, "id")))

    async def pool(request: web.Request) -> web.Response:
        return web.json_response(_pool(chain, request))

    return [
        web.get("/v2/min_gas_price", min_gas_price),
        web.get("/v2/max_gas_price", max_gas_price),
        web.get("/v2/price_commissions", price_commissions),
        web.get("/v2/coin_info/{symbol}", coin_info),
        web.get("/v2/coin_info_by_id/{id}", coin_info_by_id),
        web.get("/v2/swap_pool/{coin0}/{coin1}", pool),
    ]


def _told(chain: Chain, coin: Coin | None) -> web.Response:
    if coin is None:
        raise CallError(404, "Coin not found", int(Code.NO_COIN))
    return web.json_response(shapes.coin_info(chain.ledger, coin))


def _pool(chain: Chain, request: web.Request) -> dict[str, str]:
    one, other = asked.number(request, "coin0"), asked.number(request, "coin1")
    coin = chain.ledger.coins.get(one or other)
    if coin is None or coin.pool is None or 0 not in (one, other):
        raise CallError(404, "Pair not found")
    amounts = coin.pool if other == 0 else (coin.pool[1], coin.pool[0])
    liquidity = str(fees.affordable(chain.ledger, coin.id, coin.pool[0]))
    return {
        "id": str(coin.id),
        "amount0": str(amounts[0]),
        "amount1": str(amounts[1]),
        "liquidity": liquidity,
    }
