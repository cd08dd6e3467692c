"""A node that lies or breaks, in front of a real one: no lie becomes an answer, and each is named."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import pytest

from keepcool.adapters.bitcoinnode.agreement import AgreeingBitcoinNodes
from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.jsonrpc import bodies
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.local.bitcoinchain import COIN, DevLitecoin, amount
from keepcool.ports.bitcoinnode import Why
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.lyingnode import Answer, Lie, LyingNode, Truth, bare, error, result

pytestmark = pytest.mark.live
T = TypeVar("T")
Question = Callable[[HttpBitcoinNode], Awaitable[T]]
OTHER = "ab" * 32
AMOUNT = 123_456_789


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    with running_litecoin(coins=3) as node:
        yield node


@pytest.fixture
def liar(chain: DevLitecoin) -> Iterator[LyingNode]:
    with LyingNode(chain).serving() as node:
        yield node


def asked(liar: LyingNode, question: Question[T], **how: Any) -> T:
    async def run() -> T:
        node = HttpBitcoinNode(LITECOIN_REGTEST, liar.url, SystemClock(), **how)
        try:
            return await question(node)
        finally:
            await node.close()

    return asyncio.run(run())


def problem(liar: LyingNode, question: Question[T], **how: Any) -> KeepcoolError:
    with pytest.raises(KeepcoolError) as caught:
        asked(liar, question, **how)
    assert "S3CRET" not in str(caught.value)
    return caught.value


def changed(at: int) -> Lie:
    """The hex of the answer with one byte changed."""

    def lie(_params: list[Any], truth: Truth) -> Answer:
        raw = bytearray.fromhex(truth()["result"])
        raw[at] ^= 1
        return {"result": raw.hex()}

    return lie


def richer(_params: list[Any], truth: Truth) -> Answer:
    """The answer with one more satoshi in an output of AMOUNT."""
    old, new = (value.to_bytes(8, "little").hex() for value in (AMOUNT, AMOUNT + 1))
    said = str(truth()["result"])
    assert old in said
    return {"result": said.replace(old, new)}


def test_the_truth_passes(chain: DevLitecoin, liar: LyingNode) -> None:
    """The twin of all that follows: without a lie the same server serves."""
    (block,) = chain.mine()
    assert asked(liar, lambda node: node.raw_block(block)).hex() == chain.ask("getblock", block, 0)
    assert asked(liar, lambda node: node.tip()).hash == block


@pytest.mark.parametrize("lie", [*map(changed, (0, 4, 40, 70, 79, 100, -1)), richer])
def test_a_block_is_not_another(chain: DevLitecoin, liar: LyingNode, lie: Lie) -> None:
    """With version, parent, root, time, nonce, script, locktime or amount changed it is not that block."""
    chain.pay(chain.new_address("legacy"), AMOUNT)
    (block,) = chain.mine()
    liar.lies["getblock"] = lie
    assert problem(liar, lambda node: node.raw_block(block)).code == "node.nonsense"


def test_a_block_of_another_height_is_refused(chain: DevLitecoin, liar: LyingNode) -> None:
    """A true block in the place of another."""
    first, second = chain.mine(2)
    liar.lies["getblock"] = result(chain.ask("getblock", first, 0))
    assert problem(liar, lambda node: node.raw_block(second)).code == "node.nonsense"


@pytest.mark.parametrize("lie", [result("00"), result(None), result({}), result("zz"), result("ab" * 200)])
def test_what_is_no_block_is_refused(chain: DevLitecoin, liar: LyingNode, lie: Lie) -> None:
    """Too short, absent, an object, no hex, and bytes of nothing."""
    liar.lies["getblock"] = lie
    assert problem(liar, lambda node: node.raw_block(chain.tip())).code == "node.nonsense"


def test_a_transaction_is_not_another(chain: DevLitecoin, liar: LyingNode) -> None:
    """An amount changed, or another transaction in its place, is no answer to its id."""
    txid, other = (chain.pay(chain.new_address("legacy"), AMOUNT) for _ in range(2))
    for lie in (richer, result(chain.ask("getrawtransaction", other, False))):
        liar.lies["getrawtransaction"] = lie
        assert problem(liar, lambda node: node.raw_transaction(txid)).code == "node.nonsense"
    chain.mine()


def test_another_chain_is_never_read(liar: LyingNode) -> None:
    """A node with another block 0 is refused before it is asked anything."""
    liar.lies["getblockhash"] = result(OTHER)
    assert problem(liar, lambda node: node.tip()).code == "node.wrong_chain"
    assert set(liar.asked) == {"getblockhash"}


@pytest.mark.parametrize(
    "told",
    [
        {"feerate": Decimal(-1)},
        {"feerate": Decimal(0)},
        {"feerate": Decimal("0.20000000")},
        {"feerate": Decimal("1e20")},
        {"fee": -1, "blocks": 3},
        {"errors": ["Insufficient data or no feerate found"], "blocks": 0},
    ],
)
def test_an_absurd_fee_is_no_fee(liar: LyingNode, told: Answer) -> None:
    """Negative, nothing, ten thousand times the floor, or not known: there is no estimate."""
    liar.lies["estimatesmartfee"] = result(told)
    assert asked(liar, lambda node: node.fee_rate(3)) is None


def test_a_fee_is_read_to_the_satoshi(liar: LyingNode) -> None:
    """Rates are decimals, rounded up, and never pass through floating point."""
    liar.lies["estimatesmartfee"] = result({"feerate": Decimal("0.00012345"), "blocks": 3})
    assert asked(liar, lambda node: node.fee_rate(3)) == 12_345
    liar.lies["estimatesmartfee"] = result({"feerate": Decimal("0.000123450001"), "blocks": 3})
    assert asked(liar, lambda node: node.fee_rate(3)) == 12_346


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (error(-28, "Loading block index..."), "node.warming_up"),
        (error(-1, "Block not available (pruned data)"), "node.pruned"),
        (error(-5, "Block not found"), "node.block_unknown"),
        (error(-32601, "Method not found"), "node.incapable"),
        (error(-1, "CDataStream::read(): end of data"), "node.error"),
        (bare(503, b"Work queue depth exceeded"), "node.http"),
        (bare(401, b""), "node.auth"),
        (bare(200, b"<html>it works</html>"), "node.nonsense"),
        (bare(200, b""), "node.http"),
        (bare(200, b'{"id":1e99}'), "node.nonsense"),
        (bare(200, b"[" * 100_000), "node.nonsense"),
    ],
)
def test_what_breaks_is_named(chain: DevLitecoin, liar: LyingNode, lie: Lie, code: str) -> None:
    """Each way to fail is told by its own code, and none is an answer."""
    tip = chain.tip()
    liar.lies["getblock"] = lie
    told = problem(liar, lambda node: node.raw_block(tip))
    assert (type(told), told.code) == (Unavailable, code)


def test_an_answer_without_an_end_is_cut(
    chain: DevLitecoin, liar: LyingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is read than a block can hold."""
    monkeypatch.setattr(bodies, "ANSWER_BYTES_MAX", 100_000)
    tip = chain.tip()
    liar.lies["getblock"] = bare(200, b" " * 200_000)
    assert problem(liar, lambda node: node.raw_block(tip)).code == "node.nonsense"


def test_silence_ends(chain: DevLitecoin, liar: LyingNode) -> None:
    """A node that takes the question and never answers is given up in its time."""

    def wait(_params: list[Any], _truth: Truth) -> Answer:
        liar.quiet.wait(60)
        return {}

    liar.lies["sendrawtransaction"] = wait
    raw = _signed(chain)
    told = problem(liar, partial(HttpBitcoinNode.send, raw=raw), timeout_s=3.0)
    assert told.code == "node.timeout"
    assert liar.asked.count("sendrawtransaction") == 1


def test_a_send_is_believed_only_when_it_is_there(chain: DevLitecoin, liar: LyingNode) -> None:
    """The id alone is refused as dropped, another id is nonsense; a refusal of what is there is no refusal;
    a node that warms up has been sent nothing."""
    raw = _signed(chain)
    send = partial(HttpBitcoinNode.send, raw=raw)
    (acceptance,) = asked(liar, partial(HttpBitcoinNode.test_accept, raws=[raw])) or []
    liar.lies["sendrawtransaction"] = result(acceptance.txid)
    told = problem(liar, send)
    assert (type(told), told.code, told.fields["why"]) == (Refused, "node.rejected", Why.DROPPED)
    liar.lies["sendrawtransaction"] = result(OTHER)
    assert problem(liar, send).code == "node.nonsense"
    liar.lies["sendrawtransaction"] = error(-28, "Verifying blocks...")
    told = problem(liar, send)
    assert (told.code, "nothing was sent" in told.public) == ("node.unreachable", True)
    assert acceptance.txid not in chain.mempool()
    chain.ask("sendrawtransaction", raw.hex())
    liar.lies["sendrawtransaction"] = error(-26, "txn-mempool-conflict")
    assert asked(liar, send) == acceptance.txid


def test_one_liar_among_three_changes_nothing(chain: DevLitecoin, liar: LyingNode) -> None:
    """With two of three agreeing, a liar about the tip, a coin and a block is outvoted and named."""
    txid = chain.pay(chain.new_address(), COIN)
    chain.mine()
    height = chain.height()
    liar.lies |= {
        "getblockchaininfo": result({"blocks": height + 5, "headers": height + 5, "bestblockhash": OTHER}),
        "gettxout": result(None),
        "getblock": changed(60),
        "getrawmempool": result([OTHER]),
    }

    with LyingNode(chain).serving() as first, LyingNode(chain).serving() as second:
        told = asyncio.run(_together(txid, [liar, first, second]))
        assert told == (chain.tip(), 2, chain.ask("getblock", chain.tip(), 0), frozenset({OTHER}))
        with pytest.raises(Unavailable) as alone:
            asyncio.run(_together(txid, [liar, first]))
    assert alone.value.code == "node.disagree"


async def _together(txid: str, servers: list[LyingNode]) -> tuple[str, int, str, frozenset[str]]:
    """The tip that two of them have in common, how many coins the payment made, the block, the pool."""
    nodes = [
        HttpBitcoinNode(LITECOIN_REGTEST, one.url, SystemClock(), name=f"node {number}")
        for number, one in enumerate(servers)
    ]
    together = AgreeingBitcoinNodes(nodes)
    try:
        tip = await together.tip()
        coins = [await together.unspent(txid, vout) for vout in range(3)]
        block = await together.raw_block(tip.hash)
        return tip.hash, 3 - coins.count(None), block.hex(), await together.mempool()
    finally:
        await together.close()


def _signed(chain: DevLitecoin) -> bytes:
    """A payment of the node's own oldest coin to itself, signed and not sent."""
    coin = max(chain.ask("listunspent"), key=lambda one: (one["confirmations"], one["txid"]))
    outputs = [{chain.new_address(): amount(int(coin["amount"] * COIN) - 1_000)}]
    draft = chain.ask("createrawtransaction", [{"txid": coin["txid"], "vout": coin["vout"]}], outputs)
    return bytes.fromhex(chain.ask("signrawtransactionwithwallet", draft)["hex"])
