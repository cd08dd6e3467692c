"""The chain that several nodes have in common.

Laws: a height has a block only when `agree` nodes say the same; the tip is the highest block that many have,
so a node that is behind or on a branch of its own is waited for and not believed; a block that proves itself
by its hash is taken from whoever has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keepcool.adapters import quorum
from keepcool.adapters.bitcoinnode.voices import NamedNode, Voices, common
from keepcool.core.errors import Unavailable
from keepcool.ports.bitcoinnode import BlockId, Capabilities, Condition, Spent

_BRANCH_MAX = 100  # blocks looked back for what nodes have in common


class AgreedChain:
    def __init__(self, nodes: Sequence[NamedNode], agree: int | None = None) -> None:
        """Raises Refused when `agree` is more than there are nodes or less than one, and when two nodes have
        one name or one place: the same node must not speak twice."""
        self._voices = Voices(nodes, agree)

    @property
    def name(self) -> str:
        return self._voices.name

    @property
    def dissent(self) -> str | None:
        return self._voices.dissent

    async def close(self) -> None:
        await self._voices.all(lambda node: node.close())

    async def check(self) -> Condition:
        said = self._voices.answered(await self._voices.all(lambda node: node.check()), "their state")
        reached = sorted([one for _, one in said], key=lambda one: one.tip.height, reverse=True)
        return replace(reached[self._voices.agree - 1], tip=await self.tip())

    async def capabilities(self) -> Capabilities:
        """What any of them can do; filters as many as must agree."""
        said = self._voices.heard(await self._voices.all(lambda node: node.capabilities()), "what they can")
        every = [one for _, one in said]
        return Capabilities(
            tests_acceptance=any(one.tests_acceptance for one in every),
            estimates_fees=any(one.estimates_fees for one in every),
            tells_spent_outputs=any(one.tells_spent_outputs for one in every),
            makes_blocks=any(one.makes_blocks for one in every),
            filters=sum(one.filters for one in every) >= self._voices.agree,
            transaction_index=any(one.transaction_index for one in every),
            notifications=tuple(dict.fromkeys(pair for one in every for pair in one.notifications)),
        )

    async def network_genesis(self) -> str:
        return self._voices.same("block 0", await self._voices.all(lambda node: node.network_genesis()))

    async def tip(self) -> BlockId:
        said = self._voices.answered(await self._voices.all(lambda node: node.tip()), "their tip")
        height = sorted([one.height for _, one in said], reverse=True)[self._voices.agree - 1]
        alike = common([(name, one.hash) for name, one in said if one.height == height], self._voices.agree)
        if alike is not None:
            return BlockId(height, alike)
        for heights in ([height], range(height - 1, max(height - _BRANCH_MAX, -1), -1)):
            for number, votes in await self._votes(heights):
                alike = common(votes, self._voices.agree)
                if alike is not None:
                    return BlockId(number, alike)
                self._voices.note(f"block {number}", votes)
        text = self._voices.dissent or "the nodes have no block in common"
        raise Unavailable("node.disagree", text)

    async def block_hash(self, height: int) -> str | None:
        return (await self.block_hashes([height]))[0]

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]:
        return [self._block_at(height, votes) for height, votes in await self._votes(heights)]

    async def raw_block(self, block_hash: str) -> bytes:
        """Proven by its hash; where a network's headers are hashed in a way of their own, as many must agree
        as for any other answer."""
        if all(node.proves_blocks for node in self._voices.nodes):
            return await self._voices.first(lambda node: node.raw_block(block_hash))
        said = await self._voices.all(lambda node: node.raw_block(block_hash))
        return self._voices.same(f"block {block_hash}", said)

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]:
        """None where fewer than `agree` nodes tell the same filter: such a block is read."""
        said = await self._voices.all(lambda node: node.block_filters(block_hashes))
        found: list[bytes | None] = []
        for at, block_hash in enumerate(block_hashes):
            votes = [(name, every[at]) for name, every in quorum.answers(said) if every[at] is not None]
            self._voices.note(f"the filter of block {block_hash}", votes)
            found.append(common(votes, self._voices.agree))
        return found

    async def spent_outputs(self, block_hash: str) -> list[Spent] | None:
        said = await self._voices.all(lambda node: node.spent_outputs(block_hash))
        return common(quorum.answers(said), self._voices.agree)

    async def _votes(self, heights: Sequence[int]) -> list[tuple[int, list[tuple[str, str | None]]]]:
        """What each node that answers has at each height. Raises Unavailable when fewer than `agree` do."""
        said = await self._voices.all(lambda node: node.block_hashes(heights))
        told = self._voices.answered(said, "their blocks")
        return [(height, [(name, every[at]) for name, every in told]) for at, height in enumerate(heights)]

    def _block_at(self, height: int, votes: Sequence[tuple[str, str | None]]) -> str | None:
        present = [(name, one) for name, one in votes if one is not None]
        alike = common(present, self._voices.agree)
        if len({one for _, one in present}) > 1:
            self._voices.note(f"block {height}", votes)
            if alike is None:
                raise Unavailable("node.disagree", self._voices.dissent or "")
        return alike
