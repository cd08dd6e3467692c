"""Two real nodes as one: what one of them alone says is waited for, whoever is ahead, forked or dead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from keepcool.adapters.bitcoinnode.agreement import AgreeingBitcoinNodes
from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.core.errors import Unavailable
from keepcool.local.bitcoinchain import COIN, DevLitecoin
from tests.fixtures.bitcoinchain import running_litecoin

pytestmark = pytest.mark.live
T = TypeVar("T")


@dataclass(frozen=True)
class Pair:
    left: DevLitecoin
    right: DevLitecoin

    def asked(self, question: Callable[[AgreeingBitcoinNodes], Awaitable[T]]) -> T:
        async def run() -> T:
            nodes = [
                HttpBitcoinNode(
                    LITECOIN_REGTEST, chain.url, SystemClock(), credentials=chain.credentials, name=name
                )
                for name, chain in (("left", self.left), ("right", self.right))
            ]
            together = AgreeingBitcoinNodes(nodes)
            try:
                return await question(together)
            finally:
                await together.close()

        return asyncio.run(run())

    def tip(self) -> str:
        return self.asked(lambda node: node.tip()).hash

    def same(self) -> None:
        self.left.copy_to(self.right)
        assert self.tip() == self.left.tip() == self.right.tip()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_litecoin() as left, running_litecoin(coins=0) as right:
        left.copy_to(right)
        yield Pair(left, right)


def test_the_tip_waits_for_the_slower(pair: Pair) -> None:
    """Blocks that one node alone has are not the tip; once the other has them they are."""
    pair.same()
    before = pair.left.tip()
    pair.left.mine(2)
    assert pair.tip() == before
    pair.same()


def test_a_fork_is_waited_out(pair: Pair) -> None:
    """While each stands on a branch of its own the tip is where they part, and a payment on one branch is no
    coin; the longer branch ends it."""
    pair.same()
    parting = pair.left.tip()
    txid = pair.left.pay(pair.left.new_address(), COIN)
    pair.left.mine(3)
    pair.right.mine(1)
    assert pair.tip() == parting
    with pytest.raises(Unavailable, match="do not agree about the coin"):
        pair.asked(lambda node: node.unspent(txid, 0))
    pair.same()
    assert pair.asked(lambda node: node.unspent(txid, 0)) is not None


def test_a_node_that_dies_is_waited_for(pair: Pair) -> None:
    """With one of two killed there is no tip; when it is back the two have the one they had."""
    pair.same()
    before = pair.tip()
    pair.right.kill()
    with pytest.raises(Unavailable) as alone:
        pair.tip()
    assert alone.value.code == "node.too_few"
    assert "right cannot be reached" in alone.value.public
    pair.right.start()
    pair.left.copy_to(pair.right)
    assert pair.tip() == before


def test_what_waits_at_either_is_seen_and_what_is_sent_reaches_both(pair: Pair) -> None:
    """A transaction known to one node alone is in the pool; sent again, the other has it too."""
    pair.same()
    txid = pair.left.pay(pair.left.new_address(), COIN)
    assert txid in pair.asked(lambda node: node.mempool())
    assert txid not in pair.right.mempool()
    raw = pair.asked(lambda node: node.raw_transaction(txid))
    assert raw is not None
    assert pair.asked(lambda node: node.send(raw)) == txid
    assert txid in pair.right.mempool()
