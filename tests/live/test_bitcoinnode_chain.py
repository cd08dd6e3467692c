"""The adapter of Core-family nodes against real ones: litecoind, and Bitcoin Core where it is found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TypeVar

import pytest

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.bitcoin.network_table import BITCOIN_REGTEST, LITECOIN, LITECOIN_REGTEST
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.transaction import parse_transaction, shown
from keepcool.core.errors import Refused, Unavailable
from keepcool.local.bitcoinchain import COIN, DevBitcoin, amount
from keepcool.ports.bitcoinnode import BlockId, Capabilities, Why
from tests.fixtures.bitcoinchain import running_bitcoin, running_litecoin

pytestmark = pytest.mark.live
T = TypeVar("T")
NETWORKS = {"litecoind": LITECOIN_REGTEST, "bitcoind": BITCOIN_REGTEST}


@pytest.fixture(scope="module", params=["litecoind", "bitcoind"])
def chain(request: pytest.FixtureRequest) -> Iterator[DevBitcoin]:
    with running_litecoin() if request.param == "litecoind" else running_bitcoin() as node:
        yield node


def asked(
    chain: DevBitcoin, question: Callable[[HttpBitcoinNode], Awaitable[T]], network: Network | None = None
) -> T:
    """One question to a new adapter of the node."""

    async def run() -> T:
        row = network or NETWORKS[chain.program.name]
        node = HttpBitcoinNode(row, chain.url, SystemClock(), credentials=chain.credentials)
        try:
            return await question(node)
        finally:
            await node.close()

    return asyncio.run(run())


def test_tells_its_tip_its_condition_and_what_it_can(chain: DevBitcoin) -> None:
    """A healthy node's tip is the chain's, and its capabilities are those the node really has."""
    tip = BlockId(chain.height(), chain.tip())
    condition = asked(chain, lambda node: node.check())
    capable = asked(chain, lambda node: node.capabilities())
    assert asked(chain, lambda node: node.tip()) == condition.tip == tip
    assert (condition.catching_up, condition.pruned_below, condition.peers) == (False, None, 0)
    if chain.program.name == "litecoind":
        assert capable == Capabilities(
            tests_acceptance=True,
            estimates_fees=True,
            tells_spent_outputs=False,
            makes_blocks=True,
            filters=False,
            transaction_index=False,
        )
        assert condition.version == "/LitecoinCore:0.21.2.1/"


def test_a_block_is_the_bytes_of_its_hash(chain: DevBitcoin) -> None:
    """Every block of the chain is told by height and comes as exactly the bytes that the node stores."""
    txid = chain.pay(chain.new_address("legacy"), COIN)
    (block_hash,) = chain.mine()
    height = chain.height()
    raw = asked(chain, lambda node: node.raw_block(block_hash))
    assert raw.hex() == chain.ask("getblock", block_hash, 0)
    heights = [0, height, height + 1]
    known = asked(chain, lambda node: node.block_hashes(heights))
    assert known == [NETWORKS[chain.program.name].genesis, block_hash, None]
    found = asked(chain, lambda node: node.raw_transaction(txid, block_hash))
    assert found is not None
    assert shown(parse_transaction(found).txid) == txid
    assert asked(chain, lambda node: node.raw_transaction(txid)) is None


def test_the_pool_is_told_whole(chain: DevBitcoin) -> None:
    """What waits is listed, its bytes are handed out, and its outputs are coins without a height."""
    txids = {chain.pay(chain.new_address(kind), COIN // 3) for kind in ("legacy", "p2sh-segwit", "bech32")}
    assert asked(chain, lambda node: node.mempool()) >= txids
    raws = asked(chain, lambda node: node.raw_transactions([*sorted(txids), "ab" * 32]))
    assert [raw is None for raw in raws] == [False, False, False, True]
    txid = min(txids)
    coins = [asked(chain, partial(HttpBitcoinNode.unspent, txid=txid, vout=vout)) for vout in range(3)]
    assert min(coin.amount_sat for coin in coins if coin is not None) == COIN // 3
    assert coins[2] is None
    assert all(coin is None or coin.height is None for coin in coins)
    chain.mine()
    coin = asked(chain, lambda node: node.unspent(txid, 0))
    assert coin is not None
    assert (coin.height, coin.coinbase) == (chain.height(), False)


def test_what_is_sent_is_there(chain: DevBitcoin) -> None:
    """A transaction is accepted, sent, sent again, and still the same when a block has it already."""
    raw = _signed(chain)
    (acceptance,) = asked(chain, lambda node: node.test_accept([raw])) or []
    assert acceptance.allowed
    txid = asked(chain, lambda node: node.send(raw))
    assert txid == acceptance.txid
    assert txid in chain.mempool()
    assert asked(chain, lambda node: node.send(raw)) == txid
    chain.mine()
    assert asked(chain, lambda node: node.send(raw)) == txid


def test_what_is_refused_is_told_as_refused(chain: DevBitcoin) -> None:
    """A conflicting transaction that is no replacement, one that offers too little and a spent input are
    refused with the reason sorted, and the pool does not change."""
    lesser = b""
    for why, replaceable in ((Why.CONFLICT, False), (Why.FEE, True)):
        greater = _signed(chain, rate=5, replaceable=replaceable)
        lesser = _signed(chain, rate=4, replaceable=replaceable)
        asked(chain, partial(HttpBitcoinNode.send, raw=greater))
        before = chain.mempool()
        told = asked(chain, partial(_refusal, lesser))
        (acceptance,) = asked(chain, partial(HttpBitcoinNode.test_accept, raws=[lesser])) or []
        asks_fee = chain.program.name == "bitcoind"  # of release 28 and later replaces what does not signal
        expected = Why.FEE if asks_fee and told.fields["why"] == Why.FEE else why
        assert (told.code, told.fields["why"], acceptance.why) == ("node.rejected", expected, expected)
        assert not acceptance.allowed
        assert chain.mempool() == before
    chain.mine()
    assert asked(chain, partial(_refusal, lesser)).fields["why"] == Why.SPENT


def test_fees_have_a_floor_and_no_estimate_here(chain: DevBitcoin) -> None:
    """A chain without traffic has no estimate; the floor is what the node relays at."""
    assert asked(chain, lambda node: node.fee_rate(3)) is None
    assert asked(chain, lambda node: node.relay_floor()) >= 100


def test_a_reorganisation_is_seen(chain: DevBitcoin) -> None:
    """After a reorganisation the height has another block, and what was in the old one waits again."""
    txid = chain.pay(chain.new_address(), COIN)
    (old,) = chain.mine()
    height = chain.height()
    new = chain.reorganise(1, empty=True)
    assert asked(chain, lambda node: node.block_hashes([height, height + 1])) == new
    assert txid in asked(chain, lambda node: node.mempool())
    assert asked(chain, lambda node: node.raw_block(old))
    chain.mine()


def test_another_network_is_refused(chain: DevBitcoin) -> None:
    """A node of another chain is never read."""
    with pytest.raises(Refused) as refusal:
        asked(chain, lambda node: node.tip(), LITECOIN)
    assert refusal.value.code == "node.wrong_chain"


def test_a_restart_changes_the_cookie_and_nothing_else(chain: DevBitcoin) -> None:
    """An adapter goes on when its node was away and came back with another cookie."""

    async def story() -> None:
        row = NETWORKS[chain.program.name]
        node = HttpBitcoinNode(row, chain.url, SystemClock(), credentials=chain.credentials)
        before = await node.tip()
        cookie = chain.credentials.read_bytes()
        chain.stop()
        with pytest.raises(Unavailable) as away:
            await node.tip()
        assert away.value.code == "node.unreachable"
        assert str(chain.port) not in away.value.public
        with pytest.raises(Unavailable, match="nothing was sent"):
            await node.send(raw)
        chain.start()
        assert chain.credentials.read_bytes() != cookie
        assert await node.tip() == before
        await node.close()

    raw = _signed(chain)
    asyncio.run(story())


async def _refusal(raw: bytes, node: HttpBitcoinNode) -> Refused:
    with pytest.raises(Refused, match="does not take this transaction") as refusal:
        await node.send(raw)
    return refusal.value


def _signed(chain: DevBitcoin, rate: int = 2, *, replaceable: bool = False) -> bytes:
    """A payment of the node's own oldest coin to itself at satoshi per byte, signed and not sent."""
    coin = max(chain.ask("listunspent"), key=lambda one: (one["confirmations"], one["txid"]))
    whole = int(coin["amount"] * COIN)
    outputs = [{chain.new_address(): amount(whole - 250 * rate)}]
    inputs = [{"txid": coin["txid"], "vout": coin["vout"]}]
    draft = chain.ask("createrawtransaction", inputs, outputs, 0, replaceable)
    return bytes.fromhex(chain.ask("signrawtransactionwithwallet", draft)["hex"])
