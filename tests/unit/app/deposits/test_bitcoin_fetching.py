"""Blocks fetched one ahead, and given up when nobody wants them any more."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from keepcool.app.deposits.bitcoin import fetching
from keepcool.core.errors import Unavailable
from tests.unit.app.deposits.paperbitcoin import PaperBitcoin


class Slow(PaperBitcoin):
    """Answers when the test lets it, and says what it was asked and what was given up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.given_up: list[str] = []
        self.held = {"c"}

    async def raw_block(self, block_hash: str) -> bytes:
        self.asked.append(block_hash)
        try:
            if block_hash in self.held:
                await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            self.given_up.append(block_hash)
            raise
        if block_hash == "gone":
            raise Unavailable("node.pruned", "the node has deleted it")
        return block_hash.encode()


def test_the_next_block_is_on_its_way_while_one_is_read() -> None:
    """One ahead and no more; left early, what is on its way is given up at once."""
    node = Slow()

    async def run() -> None:
        async with aclosing(fetching.blocks(node, ["a", "b", "c", "d"])) as coming:
            assert await anext(coming) == b"a"
            assert node.asked == ["a", "b"]
            assert await anext(coming) == b"b"
            await asyncio.sleep(0)
            assert (node.asked, node.given_up) == (["a", "b", "c"], [])

    asyncio.run(run())
    assert node.given_up == ["c"]


def test_a_block_that_fails_does_so_in_its_turn() -> None:
    """The blocks before it are read; what was asked for after it is not waited for."""
    node, read = Slow(), []

    async def run() -> None:
        async with aclosing(fetching.blocks(node, ["a", "gone", "c"])) as coming:
            read.append(await anext(coming))
            await anext(coming)

    with pytest.raises(Unavailable, match=r"node\.pruned"):
        asyncio.run(run())
    assert read == [b"a"]
