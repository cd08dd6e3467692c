"""One transaction given to a node, and whether the node has it then.

Laws: it is sent a single time; what the node says about it is checked, because a node may name the id of a
transaction that it does not take (bcoin does) and may call missing what it has put into a block itself.
"""

from __future__ import annotations

import asyncio

from keepcool.adapters.bitcoinnode import answers, complaints
from keepcool.adapters.bitcoinnode.rpc import Rpc
from keepcool.adapters.jsonrpc.calls import Ask, Complaint, Said
from keepcool.core.errors import Unavailable
from keepcool.ports.bitcoinnode import Why

_LOOK_S, _PAUSE_S = 2.0, 0.05  # bcoin takes it after it has answered
_OUTPUTS_MAX = 16
_BLOCKS_BACK = 3


class Sending:
    def __init__(self, rpc: Rpc, txid: str, raw: bytes, outputs: int) -> None:
        self._rpc, self._txid, self._raw, self._outputs = rpc, txid, raw, min(outputs, _OUTPUTS_MAX)

    async def run(self) -> None:
        """Returns when the node has it. Raises Refused `node.rejected`, Unavailable when that stays open."""
        try:
            await self._run()
        except ValueError as error:
            text = f"{self._rpc.name} was given a transaction and answered nonsense about it ({error})"
            raise Unavailable("node.nonsense", text) from error

    async def _run(self) -> None:
        said = await self._rpc.once(Ask("sendrawtransaction", (self._raw.hex(),)))
        if isinstance(said, Complaint):
            await self._complained(said)
            return
        if answers.parsed(said, str) != self._txid:
            raise ValueError("another id")
        until_s = asyncio.get_running_loop().time() + _LOOK_S
        while not await self._is_there():
            if asyncio.get_running_loop().time() > until_s:
                why = Why.DROPPED
                raise complaints.rejection(self._rpc.name, "named its id and does not have it", why)
            await asyncio.sleep(_PAUSE_S)

    async def _complained(self, said: Complaint) -> None:
        if complaints.is_open(said):
            error = complaints.error(self._rpc.name, said)
            raise Unavailable("node.unreachable", f"{error.public}; nothing was sent")
        if not await self._is_there():
            why = Why.SPENT if complaints.is_known(said) else complaints.why(said.message)
            raise complaints.rejection(self._rpc.name, said.message, why)

    async def _is_there(self) -> bool:
        """In the pool, or in a block: with an unspent output, or one of the newest."""
        asks = [Ask("getmempoolentry", (self._txid,))]
        asks += [Ask("gettxout", (self._txid, vout, True)) for vout in range(self._outputs)]
        pool, *coins = await self._rpc.read([*asks, Ask("getbestblockhash")])
        return (
            not isinstance(pool, Complaint)
            or any(_is_coin(coin) for coin in coins[:-1])
            or await self._in_newest(coins[-1])
        )

    async def _in_newest(self, tip: Said) -> bool:
        block = None if isinstance(tip, Complaint) else answers.parsed(tip, str)
        for _ in range(_BLOCKS_BACK):
            if block is None:
                return False
            (said,) = await self._rpc.read([Ask("getblock", (block, True))])
            if isinstance(said, Complaint):
                return False
            told = answers.parsed(said, answers.RawBlockIds)
            if self._txid in told.tx:
                return True
            block = told.previousblockhash
        return False


def _is_coin(said: Said) -> bool:
    return not isinstance(said, Complaint) and said != b"null"
