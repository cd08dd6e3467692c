"""What a node says of its chain: its condition, what it can do, its tip, and blocks by their hashes.

Laws: a block's bytes are hashed here before they are an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keepcool.adapters.bitcoinnode import answers, blocks, complaints, probing
from keepcool.adapters.bitcoinnode.asking import Asking, hash_of, plain_bytes
from keepcool.adapters.jsonrpc.calls import Ask
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Malformed, Unavailable
from keepcool.ports.bitcoinnode import BlockId, Capabilities, Condition, Spent
from keepcool.ports.system import Clock

_BEHIND_MAX = 3  # blocks whose headers are known and that are on their way


class ChainSide(Asking):
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
        super().__init__(network, url, credentials, timeout_s, name)
        self._clock, self._tip_age_s_max = clock, tip_age_s_max
        self._capabilities: Capabilities | None = None

    @property
    def proves_blocks(self) -> bool:
        """Whether a block's bytes are checked against its hash here; else one node's word is its word."""
        return self._network.header_sha256d

    async def check(self) -> Condition:
        condition = await self.condition()
        if condition.catching_up:
            text = f"{self.name} is still catching up with its chain, at height {condition.tip.height}"
            raise Unavailable("node.syncing", text + "; wait for it", height=condition.tip.height)
        if self._tip_age_s_max is not None:
            header = await self._one(Ask("getblockheader", (condition.tip.hash, False)), plain_bytes)
            age_s = self._clock.now_ms() // 1000 - blocks.time_of(self._right(header, fits=len(header) >= 80))
            if age_s > self._tip_age_s_max:
                text = f"{self.name} lags: its newest block, {condition.tip.height}, is {age_s} s old"
                raise Unavailable("node.lagging", text, age_s=age_s)
        return condition

    async def capabilities(self) -> Capabilities:
        if not self._recognised:
            self._capabilities = None
        await self._recognised_node()
        if self._capabilities is None:
            said = await self._reached(probing.ASKS)
            self._capabilities = self._sense("probes", lambda: probing.read(said))
        return self._capabilities

    async def network_genesis(self) -> str:
        (said,) = await self._reached([Ask("getblockhash", (0,))])
        return self._read("getblockhash", said, hash_of)

    async def tip(self) -> BlockId:
        raw = await self._one(Ask("getblockchaininfo"), lambda text: answers.parsed(text, answers.RawChain))
        return self._sense("getblockchaininfo", lambda: _tip(raw))

    async def block_hash(self, height: int) -> str | None:
        return (await self.block_hashes([height]))[0]

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]:
        said = await self._asked([Ask("getblockhash", (height,)) for height in heights])
        absent = complaints.is_absent_block
        return [None if absent(one) else self._read("getblockhash", one, hash_of) for one in said]

    async def raw_block(self, block_hash: str) -> bytes:
        _check_hash(block_hash)
        await self._recognised_node()
        raw = await self._rpc.fetch(f"block/{block_hash}.bin") if self._rest else None
        if raw is None:
            raw = await self._one(Ask("getblock", (block_hash, False)), plain_bytes)
        found = raw
        self._sense("getblock", lambda: blocks.check_block(found, block_hash, self._network))
        return found

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]:
        said = await self._asked([Ask("getblockfilter", (one, "basic")) for one in block_hashes])
        absent = complaints.is_absent_filter
        return [None if absent(one) else self._read("getblockfilter", one, _filter_of) for one in said]

    async def spent_outputs(self, block_hash: str) -> list[Spent] | None:
        _check_hash(block_hash)
        if not (await self.capabilities()).tells_spent_outputs:
            return None
        told = await self._one(
            Ask("getblock", (block_hash, 3)), lambda text: answers.parsed(text, answers.RawBlock)
        )
        self._right(told, fits=told.hash == block_hash)
        return self._sense("getblock", told.spent)

    async def condition(self) -> Condition:
        """Its state, whatever it is: `check` judges it."""
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


def _filter_of(text: bytes) -> bytes:
    return answers.data(answers.parsed(text, answers.RawFilter).filter)


def _tip(raw: answers.RawChain) -> BlockId:
    if not 0 <= raw.blocks < 2**31:
        raise ValueError("no height")
    return BlockId(raw.blocks, answers.block_or_transaction(raw.bestblockhash))


def _check_hash(text: str) -> None:
    try:
        answers.block_or_transaction(text)
    except ValueError as error:
        raise Malformed("block.hash", f"a block's hash is 64 small hex digits, not {text[:80]!r}") from error
