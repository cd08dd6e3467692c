"""Old blocks passed over because their filters name nothing of ours: a follower far behind is soon there.

Laws: nothing proves a filter, so as many nodes as must agree tell the same one, the last BLOCKS_KEPT blocks
are read whatever it says, and so is one in a hundred; each old block that is read is held against its filter,
and one that leaves something out stops the follower. Addresses are read again after the block was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.deposits.bitcoin.watched import Watched
from keepcool.app.deposits.position import BLOCKS_KEPT
from keepcool.app.store import Store
from keepcool.chains.bitcoin import filterproof, filters
from keepcool.chains.bitcoin.filters import Sought
from keepcool.core.errors import Breach, Malformed
from keepcool.ports.bitcoinnode import BitcoinNode

SCRIPTS_MAX = 50_000  # beyond, looking through a filter takes longer than reading its block
BLOCKS_AT_ONCE = 256
READ_EVERY = 100


class Passing:
    """`allowed`: whether filters are trusted at all."""

    def __init__(
        self, terms: Terms, node: BitcoinNode, store: Store, watched: Watched, *, allowed: bool
    ) -> None:
        self._terms, self._node, self._store, self._watched = terms, node, store, watched
        self._allowed = allowed
        self._sought = Sought(())
        self._told: dict[str, bytes] = {}

    async def is_open(self, next_block: int, tip_height: int) -> bool:
        """Whether the next blocks are old enough, and the nodes have filters."""
        if not self._allowed or next_block > tip_height - BLOCKS_KEPT:
            return False
        return (await self._node.capabilities()).filters

    async def quiet(self, hashes: Mapping[int, str], tip_height: int) -> frozenset[int]:
        """Which of these blocks, by their heights, need not be read."""
        old = {number: one for number, one in hashes.items() if number <= tip_height - BLOCKS_KEPT}
        told = await self._node.block_filters(list(old.values()))
        self._told = {one: there for one, there in zip(old.values(), told, strict=True) if there is not None}
        while not await self._store.run(self._watched.refresh):
            pass
        return await asyncio.to_thread(self._quiet, old)

    async def check(self, block_hash: str, raw: bytes) -> None:
        """Of a block that was read. Raises Breach when its filter says less than there is in it."""
        told = self._told.pop(block_hash, None)
        if told is None:
            return
        spent, row = await self._node.spent_outputs(block_hash), self._terms.row
        if not await asyncio.to_thread(filterproof.fits, told, block_hash, raw, row, spent):
            text = f"the nodes' filter of block {block_hash} of {row.name} leaves out what it holds: set"
            raise Breach("deposits.filters", f"{text} filters = false, and have the blocks before read again")

    def _quiet(self, old: Mapping[int, str]) -> frozenset[int]:
        scripts = self._watched.watch.scripts
        if len(scripts) > SCRIPTS_MAX:
            return frozenset()
        if len(self._sought) != len(scripts):
            self._sought = Sought(scripts)
        return frozenset(number for number, one in old.items() if self._is_quiet(number, one))

    def _is_quiet(self, number: int, block_hash: str) -> bool:
        told = self._told.get(block_hash)
        if told is None or number % READ_EVERY == 0:
            return False
        try:
            return not filters.matches(told, block_hash, self._sought)
        except Malformed:
            return False
