"""Blocks with an extension (MWEB), as litecoind makes them: read, and proven by their root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.transaction import parse_transaction, shown
from keepcool.local.bitcoinchain import DevLitecoin
from tests.fixtures.bitcoinchain import running_litecoin

pytestmark = pytest.mark.live
T = TypeVar("T")
ACTIVE = 431  # the next block must hold a peg-in


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    with running_litecoin("-vbparams=mweb:0:4000000000") as node:
        node.mine(ACTIVE - node.height())
        yield node


def asked(chain: DevLitecoin, question: Callable[[HttpBitcoinNode], Awaitable[T]]) -> T:
    async def run() -> T:
        node = HttpBitcoinNode(LITECOIN_REGTEST, chain.url, SystemClock(), credentials=chain.credentials)
        try:
            return await question(node)
        finally:
            await node.close()

    return asyncio.run(run())


def test_a_block_with_an_extension_is_read(chain: DevLitecoin) -> None:
    """Peg-in and peg-out: the block proves itself, its transactions are handed out in the form that others
    spend, and one whose part lies in the extension is nothing for us while it waits."""
    pegged = chain.ask("sendtoaddress", chain.ask("getnewaddress", "", "mweb"), "10")
    assert pegged in asked(chain, lambda node: node.mempool())
    assert asked(chain, lambda node: node.raw_transaction(pegged)) is None
    (first,) = chain.mine()
    assert asked(chain, lambda node: node.raw_block(first))
    raw = asked(chain, lambda node: node.raw_transaction(pegged, first))
    assert raw is not None
    assert shown(parse_transaction(raw).txid) == pegged

    chain.pay(chain.new_address(), 3 * 10**8)
    (second,) = chain.mine()
    assert asked(chain, lambda node: node.raw_block(second)).hex() == chain.ask("getblock", second, 0)
    last = chain.ask("getblock", second)["tx"][-1]
    bare = asked(chain, lambda node: node.raw_transaction(last, second))
    assert bare is not None
    assert shown(parse_transaction(bare).txid) == last
    assert bytes.fromhex(chain.ask("getrawtransaction", last, False, second))[4:6] == b"\x00\x08"
