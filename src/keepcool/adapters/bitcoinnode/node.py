"""A node of the Core family behind the port `BitcoinNode`.

Laws: nothing is read from a node before it has shown the network's genesis block, and again after it was
away; bytes are hashed here before they are an answer; a transaction counts as sent only when the node's pool
or a block has it afterwards, whatever the node said. Bitcoin Core's JSON-RPC, of which Litecoin Core,
Dogecoin Core, Dash Core, btcd and bcoin have parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from keepcool.adapters.bitcoinnode import answers, blocks, complaints, probing, transactions
from keepcool.adapters.bitcoinnode.rpc import Ask, Complaint, Rpc, Said
from keepcool.adapters.bitcoinnode.sending import Sending
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.transaction import parse_transaction, shown
from keepcool.core.errors import Malformed, Refused, Unavailable
from keepcool.ports.bitcoinnode import Acceptance, BlockId, Capabilities, Condition, Unspent
from keepcool.ports.system import Clock

_BEHIND_MAX = 3  # blocks whose headers are known and that are on their way
_ABSURD = 10_000  # times the network's least rate
T = TypeVar("T")


class HttpBitcoinNode:
    """`tip_age_s_max` is how old the newest block may be before the node counts as lagging; None where blocks
    come only when somebody makes them."""

    def __init__(
        self,
        network: Network,
        url: str,
        clock: Clock,
        *,
        credentials: Path | None = None,
        timeout_s: float = 10.0,
        tip_age_s_max: int | None = None,
        name: str | None = None,
    ) -> None:
        """`credentials` is a file of `user:password`, such as the node's cookie; without it they stand in the
        URL. Raises Refused when the URL is none of a node."""
        self._rpc = Rpc(name or f"the node of {network.name}", url, timeout_s, credentials)
        self._network, self._clock, self._tip_age_s_max = network, clock, tip_age_s_max
        self._rate_max = _ABSURD * network.fee_rate_min
        self._recognised, self._rest = False, False
        self._capabilities: Capabilities | None = None

    @property
    def name(self) -> str:
        return self._rpc.name

    @property
    def place(self) -> str:
        """Where it is, for telling nodes apart; it is never shown."""
        return self._rpc.place

    @property
    def proves_blocks(self) -> bool:
        """Whether a block's bytes are checked against its hash here; else one node's word is its word."""
        return self._network.header_sha256d

    async def close(self) -> None:
        await self._rpc.close()

    async def check(self) -> Condition:
        condition = await self._condition()
        if condition.catching_up:
            text = f"{self.name} is still catching up with its chain, at height {condition.tip.height}"
            raise Unavailable("node.syncing", text + "; wait for it", height=condition.tip.height)
        if self._tip_age_s_max is not None:
            header = await self._one(Ask("getblockheader", (condition.tip.hash, False)), _bytes)
            age_s = self._clock.now_ms() // 1000 - blocks.time_of(self._right(header, fits=len(header) >= 80))
            if age_s > self._tip_age_s_max:
                text = f"{self.name} lags: its newest block, {condition.tip.height}, is {age_s} s old"
                raise Unavailable("node.lagging", text, age_s=age_s)
        return condition

    async def capabilities(self) -> Capabilities:
        await self._recognised_node()
        if self._capabilities is None:
            said = await self._reached(probing.ASKS)
            self._capabilities = self._sense("probes", lambda: probing.read(said))
        return self._capabilities

    async def network_genesis(self) -> str:
        (said,) = await self._reached([Ask("getblockhash", (0,))])
        return self._read("getblockhash", said, _hash)

    async def tip(self) -> BlockId:
        raw = await self._one(Ask("getblockchaininfo"), lambda text: answers.parsed(text, answers.RawChain))
        return self._sense("getblockchaininfo", lambda: _tip(raw))

    async def block_hash(self, height: int) -> str | None:
        return (await self.block_hashes([height]))[0]

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]:
        said = await self._asked([Ask("getblockhash", (height,)) for height in heights])
        absent = complaints.is_absent_block
        return [None if absent(one) else self._read("getblockhash", one, _hash) for one in said]

    async def raw_block(self, block_hash: str) -> bytes:
        _check_hash(block_hash)
        await self._recognised_node()
        raw = await self._rpc.fetch(f"block/{block_hash}.bin") if self._rest else None
        if raw is None:
            raw = await self._one(Ask("getblock", (block_hash, False)), _bytes)
        found = raw
        self._sense("getblock", lambda: blocks.check_block(found, block_hash, self._network))
        return found

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None:
        where = () if block_hash is None else (block_hash,)
        return (await self._transactions([(txid, where)]))[0]

    async def raw_transactions(self, txids: Sequence[str]) -> list[bytes | None]:
        return await self._transactions([(txid, ()) for txid in txids])

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
        return answers.rate(raw.feerate if raw.fee is None else raw.fee, self._rate_max)

    async def relay_floor(self) -> int:
        said = await self._asked([Ask("getmempoolinfo"), Ask("getnetworkinfo")])
        pool = self._read("getmempoolinfo", said[0], lambda text: answers.parsed(text, answers.RawPool))
        own = self._read("getnetworkinfo", said[1], lambda text: answers.parsed(text, answers.RawNetwork))
        floor = self._sense(
            "getmempoolinfo", lambda: max(map(answers.satoshi, (pool.mempoolminfee, own.relayfee)))
        )
        return self._right(floor, fits=floor <= self._rate_max)

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

    async def _transactions(self, wanted: Sequence[tuple[str, tuple[str, ...]]]) -> list[bytes | None]:
        asks = [Ask("getrawtransaction", (txid, False, *where)) for txid, where in wanted]
        said = await self._asked(asks)
        return [self._transaction(txid, one) for (txid, _), one in zip(wanted, said, strict=True)]

    def _transaction(self, txid: str, said: Said) -> bytes | None:
        if complaints.is_absent_transaction(said):
            return None
        raw = self._read("getrawtransaction", said, _bytes)
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

    async def _condition(self) -> Condition:
        said = await self._asked([Ask("getblockchaininfo"), Ask("getnetworkinfo")])
        chain = self._read("getblockchaininfo", said[0], lambda t: answers.parsed(t, answers.RawChain))
        own = self._read("getnetworkinfo", said[1], lambda t: answers.parsed(t, answers.RawNetwork))
        tip = self._sense("getblockchaininfo", lambda: _tip(chain))
        headers = max(chain.headers, chain.blocks)
        return Condition(
            tip=tip,
            headers=headers,
            catching_up=chain.initialblockdownload or headers - chain.blocks > _BEHIND_MAX,
            peers=own.connections,
            pruned_below=(chain.pruneheight or 0) if chain.pruned else None,
            version=complaints.cut(own.subversion),
        )

    async def _one(self, ask: Ask, read: Callable[[bytes], T]) -> T:
        return self._read(ask.method, (await self._asked([ask]))[0], read)

    async def _asked(self, asks: Sequence[Ask]) -> list[Said]:
        if not asks:
            return []
        await self._recognised_node()
        return await self._reached(asks)

    async def _reached(self, asks: Sequence[Ask]) -> list[Said]:
        try:
            return await self._rpc.read(asks)
        except Unavailable:
            self._recognised, self._capabilities = False, None  # what answers next may be another node
            raise

    async def _recognised_node(self) -> None:
        if self._recognised:
            return
        told = await self.network_genesis()
        if told != self._network.genesis:
            text = f"{self.name} serves the chain that begins with {told}, not {self._network.name}"
            raise Refused("node.wrong_chain", text + "; correct its URL", told=told)
        self._rest = await self._rpc.fetch("chaininfo.json") is not None
        self._recognised = True

    def _read(self, method: str, said: Said, read: Callable[[bytes], T]) -> T:
        if isinstance(said, Complaint):
            raise complaints.error(self.name, said)
        return self._sense(method, lambda: read(said))

    def _sense(self, method: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            text = f"{self.name} answered {method} with something that is no answer to it ({error})"
            raise Unavailable("node.nonsense", text) from error

    def _right(self, value: T, *, fits: bool) -> T:
        if not fits:
            text = f"{self.name} answered with something that cannot be true"
            raise Unavailable("node.nonsense", text)
        return value


def _tip(raw: answers.RawChain) -> BlockId:
    if not 0 <= raw.blocks < 2**31:
        raise ValueError("no height")
    return BlockId(raw.blocks, answers.block_or_transaction(raw.bestblockhash))


def _check_hash(text: str) -> None:
    try:
        answers.block_or_transaction(text)
    except ValueError as error:
        raise Malformed("block.hash", f"a block's hash is 64 small hex digits, not {text[:80]!r}") from error


def _hash(text: bytes) -> str:
    return answers.block_or_transaction(answers.parsed(text, str))


def _bytes(text: bytes) -> bytes:
    return answers.data(answers.parsed(text, str))
