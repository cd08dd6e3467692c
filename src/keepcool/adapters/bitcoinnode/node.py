"""A node of the Core family behind the port `BitcoinNode`.

Laws: transactions are hashed here before they are an answer; one counts as sent only when the node's pool or
a block has it afterwards, whatever the node said. Bitcoin Core's JSON-RPC, of which Litecoin Core, Dogecoin
Core, Dash Core, btcd and bcoin have parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.adapters.bitcoinnode import answers, complaints, transactions
from keepcool.adapters.bitcoinnode.asking import plain_bytes
from keepcool.adapters.bitcoinnode.chainside import ChainSide
from keepcool.adapters.bitcoinnode.sending import Sending
from keepcool.adapters.jsonrpc.calls import Ask, Complaint, Said
from keepcool.chains.bitcoin.transaction import parse_transaction, shown
from keepcool.core.errors import Unavailable
from keepcool.ports.bitcoinnode import Acceptance, Unspent

_ABSURD = 10_000  # times the network's least rate


class HttpBitcoinNode(ChainSide):
    """Beside the chain: transactions, the pool, fees, and sending."""

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None:
        if block_hash is None:
            return (await self.raw_transactions([txid]))[0]
        (said,) = await self._asked([Ask("getrawtransaction", (txid, False, block_hash))])
        if not complaints.is_misasked(said):
            return self._transaction(txid, said)
        block = await self.raw_block(block_hash)  # older nodes and bcoin do not look into blocks
        return self._sense("getblock", lambda: transactions.within(block, txid, self._network))

    async def raw_transactions(self, txids: Sequence[str]) -> list[bytes | None]:
        said = await self._asked([Ask("getrawtransaction", (txid, False)) for txid in txids])
        return [self._transaction(txid, one) for txid, one in zip(txids, said, strict=True)]

    async def mempool(self) -> frozenset[str]:
        ids = await self._one(Ask("getrawmempool"), lambda text: answers.parsed(text, list[str]))
        return self._sense("getrawmempool", lambda: frozenset(map(answers.block_or_transaction, ids)))

    async def unspent(self, txid: str, vout: int) -> Unspent | None:
        asks = [Ask("gettxout", (txid, vout, True)), Ask("getblockchaininfo")]
        coin, chain = await self._asked(asks)
        if coin == b"null":
            return None
        raw = self._read("gettxout", coin, lambda text: answers.parsed(text, answers.RawUnspent))
        told = self._read("getblockchaininfo", chain, lambda text: answers.parsed(text, answers.RawChain))
        if raw.bestblock != told.bestblockhash:
            raise Unavailable("node.moved", f"{self.name} got a block while it was read; ask again")
        return self._sense("gettxout", lambda: raw.read(told.blocks))

    async def fee_rate(self, target_blocks: int) -> int | None:
        (said,) = await self._asked([Ask("estimatesmartfee", (target_blocks,))])
        if isinstance(said, Complaint):
            return None
        raw = self._read("estimatesmartfee", said, lambda text: answers.parsed(text, answers.RawEstimate))
        return answers.rate(raw.feerate if raw.fee is None else raw.fee, self._rate_most())

    async def relay_floor(self) -> int:
        said = await self._asked([Ask("getmempoolinfo"), Ask("getnetworkinfo")])
        pool = self._read("getmempoolinfo", said[0], lambda text: answers.parsed(text, answers.RawPool))
        own = self._read("getnetworkinfo", said[1], lambda text: answers.parsed(text, answers.RawNetwork))
        floor = self._sense(
            "getmempoolinfo", lambda: max(map(answers.satoshi, (pool.mempoolminfee, own.relayfee)))
        )
        return self._right(floor, fits=floor <= self._rate_most())

    async def test_accept(self, raws: Sequence[bytes]) -> list[Acceptance] | None:
        txids = [transactions.id_of(raw) for raw in raws]
        if not (await self.capabilities()).tests_acceptance:
            return None
        said = await self._asked([Ask("testmempoolaccept", ([raw.hex()],)) for raw in raws])
        return [self._acceptance(txid, one) for txid, one in zip(txids, said, strict=True)]

    async def send(self, raw: bytes) -> str:
        transaction = parse_transaction(raw)
        txid = shown(transaction.txid)
        try:
            await self._recognised_node()
        except Unavailable as error:
            raise Unavailable("node.unreachable", f"{error.public}; nothing was sent") from error
        await Sending(self._rpc, txid, raw, len(transaction.outputs)).run()
        return txid

    def _transaction(self, txid: str, said: Said) -> bytes | None:
        if complaints.is_absent_transaction(said):
            return None
        raw = self._read("getrawtransaction", said, plain_bytes)
        return self._sense("getrawtransaction", lambda: transactions.checked(raw, txid, self._network))

    def _acceptance(self, txid: str, said: Said) -> Acceptance:
        if isinstance(said, Complaint):
            if complaints.is_open(said):
                raise complaints.error(self.name, said)
            reason = complaints.cut(said.message)
            return Acceptance(txid, allowed=False, reason=reason, why=complaints.why(reason))
        rows = self._read("testmempoolaccept", said, lambda t: answers.parsed(t, list[answers.RawAcceptance]))
        self._right(rows, fits=len(rows) == 1 and rows[0].txid == txid)
        reason = complaints.cut(rows[0].reject_reason)
        allowed = rows[0].allowed
        return Acceptance(txid, allowed, reason, None if allowed else complaints.why(reason))

    def _rate_most(self) -> int:
        return _ABSURD * self._network.fee_rate_min
