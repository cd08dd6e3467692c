"""Blocks left unread because their filters name none of our addresses; and those that are read all the same.

Laws: nothing proves a filter, so what was left unread is counted and told; the newest blocks and one in a
hundred are read whatever their filters say, and each block that is read is held against its filter: one that
leaves something out ends the scan. BIP-158; `getblock 3` of Bitcoin Core where the node has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from keepcool.chains.bitcoin import filterproof, filters
from keepcool.chains.bitcoin.filters import Sought
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import Breach, Malformed
from keepcool.ports.bitcoinnode import Capabilities, Spent

SCRIPTS_MAX = 50_000  # beyond, looking through a filter takes longer than reading its block
AT_ONCE = 64
READ_EVERY = 100
NEWEST = 10


class Filtered(Protocol):
    """What this asks of a node."""

    async def capabilities(self) -> Capabilities: ...

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]: ...

    async def spent_outputs(self, block_hash: str) -> list[Spent] | None: ...


class Filtering:
    """Of one reading, whose last block is `last`."""

    def __init__(self, node: Filtered, network: Network, sought: Sought, last: int) -> None:
        self._node, self._network, self._sought, self._last = node, network, sought, last

    async def told(self, hashes: Sequence[str]) -> list[bytes | None]:
        """Each block's filter, None where there is none."""
        return await self._node.block_filters(hashes)

    async def worth(
        self, heights: Sequence[int], hashes: Sequence[str], told: Sequence[bytes | None]
    ) -> list[bool]:
        """Whether to read each block."""
        return await asyncio.to_thread(
            lambda: [self._worth(*one) for one in zip(heights, hashes, told, strict=True)]
        )

    def _worth(self, height: int, block_hash: str, told: bytes | None) -> bool:
        if told is None or height > self._last - NEWEST or height % READ_EVERY == 0:
            return True
        try:
            return filters.matches(told, block_hash, self._sought)
        except Malformed:
            return True

    async def check(self, height: int, block_hash: str, told: bytes, raw: bytes) -> None:
        """Raises Breach when the filter says less than there is in the block, which was proved."""
        spent = await self._node.spent_outputs(block_hash)
        if not await asyncio.to_thread(filterproof.fits, told, block_hash, raw, self._network, spent):
            text = f"the node's filter of block {height} leaves out what the block holds: use another node"
            raise Breach("restore.filters", f"{text}, or begin anew with --no-filters and a new state file")
