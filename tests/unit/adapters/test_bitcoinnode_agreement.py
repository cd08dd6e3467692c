"""Several nodes as one: what many say is the answer, one voice is not, and the tip is what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from keepcool.adapters.bitcoinnode.agreement import AgreeingBitcoinNodes
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.ports.bitcoinnode import (
    Acceptance,
    BitcoinNode,
    BlockId,
    Capabilities,
    Condition,
    Spent,
    Unspent,
    Why,
)

T = TypeVar("T")
TXID = "cd" * 32
COIN = Unspent(1000, b"\x51", 3, coinbase=False)
ABLE = Capabilities(
    tests_acceptance=True,
    estimates_fees=True,
    tells_spent_outputs=False,
    makes_blocks=False,
    filters=False,
    transaction_index=False,
)


def hashed(branch: str, height: int) -> str:
    return f"{branch}{height:0{64 - len(branch)}x}"


def branch(*parts: tuple[str, int]) -> list[str]:
    """A chain as (branch's letter, up to which height), from block 0."""
    chain: list[str] = []
    for letter, top in parts:
        chain += [hashed(letter, height) for height in range(len(chain), top + 1)]
    return chain


@dataclass
class Node:
    """A node that says what it is told to; `away` makes it silent."""

    name: str
    chain: list[str] = field(default_factory=lambda: branch(("a", 9)))
    coin: Unspent | None = COIN
    rate: int | None = 1000
    pool: frozenset[str] = frozenset()
    raw: bytes | None = None
    away: KeepcoolError | None = None
    sent: str | KeepcoolError = TXID
    accepts: bool | None = True
    proves_blocks: bool = True
    block: bytes = b"block"
    filter: bytes | None = None
    spent: list[Spent] | None = None
    asked: int = 0

    @property
    def place(self) -> str:
        return self.name

    def told(self, value: T) -> T:
        self.asked += 1
        if self.away is not None:
            raise self.away
        return value

    async def close(self) -> None:
        return None

    async def tip(self) -> BlockId:
        return self.told(BlockId(len(self.chain) - 1, self.chain[-1]))

    async def check(self) -> Condition:
        tip = await self.tip()
        return Condition(tip, tip.height, catching_up=False, peers=8, pruned_below=None, version=self.name)

    async def capabilities(self) -> Capabilities:
        return self.told(ABLE)

    async def network_genesis(self) -> str:
        return self.told(self.chain[0])

    async def block_hash(self, height: int) -> str | None:
        return (await self.block_hashes([height]))[0]

    async def block_hashes(self, heights: Sequence[int]) -> list[str | None]:
        known = dict(enumerate(self.chain))
        return self.told([known.get(height) for height in heights])

    async def raw_block(self, block_hash: str) -> bytes:
        if block_hash not in self.chain:
            raise Unavailable("node.block_unknown", "no such block")
        return self.told(self.block)

    async def block_filters(self, block_hashes: Sequence[str]) -> list[bytes | None]:
        return self.told([self.filter for _ in block_hashes])

    async def spent_outputs(self, block_hash: str) -> list[Spent] | None:  # noqa: ARG002
        return self.told(self.spent)

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None:  # noqa: ARG002
        return self.told(self.raw)

    async def raw_transactions(self, txids: Sequence[str]) -> list[bytes | None]:
        return self.told([self.raw for _ in txids])

    async def mempool(self) -> frozenset[str]:
        return self.told(self.pool)

    async def unspent(self, txid: str, vout: int) -> Unspent | None:  # noqa: ARG002
        return self.told(self.coin)

    async def fee_rate(self, target_blocks: int) -> int | None:  # noqa: ARG002
        return self.told(self.rate)

    async def relay_floor(self) -> int:
        return self.told(self.rate or 0)

    async def test_accept(self, raws: Sequence[bytes]) -> list[Acceptance] | None:
        if self.accepts is None:
            return self.told(None)
        why = None if self.accepts else Why.FEE
        return self.told([Acceptance(TXID, self.accepts, why=why) for _ in raws])

    async def send(self, raw: bytes) -> str:  # noqa: ARG002
        if isinstance(self.sent, KeepcoolError):
            raise self.sent
        return self.told(self.sent)


AWAY = Unavailable("node.unreachable", "away")


def said(nodes: Sequence[Node], ask: Callable[[BitcoinNode], Awaitable[T]], agree: int | None = None) -> T:
    async def run() -> T:
        return await ask(AgreeingBitcoinNodes(nodes, agree))

    return asyncio.run(run())


def problem(
    nodes: Sequence[Node], ask: Callable[[BitcoinNode], Awaitable[T]], agree: int | None = None
) -> KeepcoolError:
    with pytest.raises(KeepcoolError) as caught:
        said(nodes, ask, agree)
    return caught.value


def test_the_same_node_never_speaks_twice() -> None:
    """One name, one place, and no more agreement than there are nodes."""
    for nodes, agree in (([Node("a"), Node("a")], 2), ([Node("a")], 2), ([Node("a")], 0), ([], 1)):
        with pytest.raises(Refused, match=r"node\.agree"):
            AgreeingBitcoinNodes(nodes, agree)


@pytest.mark.parametrize(
    ("chains", "agree", "tip"),
    [
        ([[("a", 9)], [("a", 9)]], 2, hashed("a", 9)),
        ([[("a", 9)], [("a", 7)]], 2, hashed("a", 7)),
        ([[("a", 9)], [("a", 7)], [("a", 5)]], 2, hashed("a", 7)),
        ([[("a", 9)], [("a", 7)], [("a", 5)]], 3, hashed("a", 5)),
        ([[("a", 9)], [("a", 7)]], 1, hashed("a", 9)),
        ([[("a", 6), ("b", 9)], [("a", 9)]], 2, hashed("a", 6)),
        ([[("a", 6), ("b", 9)], [("a", 6), ("b", 8)], [("a", 12)]], 2, hashed("b", 8)),
        ([[("a", 5), ("b", 400)], [("a", 9)], [("a", 8)]], 2, hashed("a", 8)),
        ([[("a", 0), ("b", 60)], [("a", 60)]], 2, hashed("a", 0)),
    ],
)
def test_the_tip_is_the_highest_block_in_common(
    chains: list[list[tuple[str, int]]], agree: int, tip: str
) -> None:
    """Nodes that are behind or on a branch of their own are waited for: the tip is what `agree` of them have,
    and every height below it has one block."""
    nodes = [Node(f"n{number}", branch(*parts)) for number, parts in enumerate(chains)]
    found = said(nodes, lambda node: node.tip(), agree)
    assert found.hash == tip
    assert said(nodes, lambda node: node.block_hash(found.height), agree) == tip
    assert said(nodes, lambda node: node.check(), agree).tip == found


def test_nodes_without_anything_in_common_have_no_tip() -> None:
    """Two chains of two genesis blocks are no chain; who said what is told."""
    nodes = [Node("left", branch(("a", 5))), Node("right", branch(("b", 5)))]
    told = problem(nodes, lambda node: node.tip())
    assert told.code == "node.disagree"
    assert "left" in told.public
    assert "right" in told.public


def test_a_height_that_too_few_have_is_not_there_yet() -> None:
    """None while the others are behind; a difference is no answer at all."""
    nodes = [Node("a"), Node("b", branch(("a", 5)))]
    assert said(nodes, lambda node: node.block_hashes([5, 6])) == [hashed("a", 5), None]
    forked = [Node("a"), Node("b", branch(("a", 5), ("b", 9)))]
    assert problem(forked, lambda node: node.block_hash(7)).code == "node.disagree"


def test_a_coin_needs_as_many_voices_as_must_agree() -> None:
    """One of three that says otherwise is outvoted; one of two stops the answer; silence is no voice."""
    liar = Node("liar", coin=None)
    assert said([Node("a"), liar, Node("c")], lambda node: node.unspent(TXID, 0)) == COIN
    assert problem([Node("a"), liar], lambda node: node.unspent(TXID, 0)).code == "node.disagree"
    quiet = Node("quiet", away=AWAY)
    assert problem([Node("a"), quiet], lambda node: node.unspent(TXID, 0)).code == "node.too_few"
    assert said([Node("a"), quiet, Node("c")], lambda node: node.unspent(TXID, 0)) == COIN
    assert said([liar], lambda node: node.unspent(TXID, 0)) is None


def test_a_proven_block_comes_from_whoever_has_it() -> None:
    """One node's bytes will do where they are checked against the hash; elsewhere they must be the same."""
    wanted = hashed("a", 9)
    behind, ahead = Node("a", branch(("a", 5))), Node("b")
    assert said([behind, ahead], lambda node: node.raw_block(wanted)) == b"block"
    unproven = [Node("a", proves_blocks=False), Node("b", proves_blocks=False, block=b"another")]
    assert problem(unproven, lambda node: node.raw_block(wanted)).code == "node.disagree"
    same = [Node("a", proves_blocks=False), Node("b", proves_blocks=False)]
    assert said(same, lambda node: node.raw_block(wanted)) == b"block"


def test_a_transaction_is_missing_only_when_enough_were_asked() -> None:
    """The first that has it is believed, because it proves itself; that nobody has it takes many."""
    has, lacks, quiet = Node("a", raw=b"raw"), Node("b"), Node("c", away=AWAY)
    assert said([lacks, quiet, has], lambda node: node.raw_transactions([TXID])) == [b"raw"]
    assert said([lacks, Node("d")], lambda node: node.raw_transaction(TXID)) is None
    assert problem([lacks, quiet], lambda node: node.raw_transaction(TXID)).code == "node.too_few"


def test_what_one_pool_has_is_seen() -> None:
    """A theft that waits at one node is seen, whatever the others have."""
    nodes = [Node("a", pool=frozenset({TXID})), Node("b"), Node("c", away=AWAY)]
    assert said(nodes, lambda node: node.mempool()) == {TXID}


@pytest.mark.parametrize(
    ("rates", "fee"),
    [([1000, 9000], 1000), ([1000, 2000, 10**9], 2000), ([None, 500], 500), ([None, None], None)],
)
def test_no_single_node_makes_a_fee(rates: list[int | None], fee: int | None) -> None:
    """The lower middle of what is known: a liar cannot have coins burnt as fees."""
    nodes = [Node(f"n{number}", rate=rate) for number, rate in enumerate(rates)]
    assert said(nodes, lambda node: node.fee_rate(3)) == fee


def test_a_verdict_takes_those_that_can_give_one() -> None:
    """Allowed when enough allow it, not allowed with the reason of one that refuses, none where none can."""
    yes, no, cannot = Node("y"), Node("n", accepts=False), Node("c", accepts=None)
    assert [one.allowed for one in said([yes, cannot], lambda node: node.test_accept([b""])) or []] == [True]
    (refused,) = said([yes, no], lambda node: node.test_accept([b""])) or []
    assert (refused.allowed, refused.why) == (False, Why.FEE)
    assert said([cannot], lambda node: node.test_accept([b""])) is None


def test_sent_is_what_any_node_has_and_open_what_any_may_have() -> None:
    """It goes to every node; one that has it is enough; one that fell silent leaves it open, before all who
    refuse; one that was sent nothing does not."""
    rejected = Refused("node.rejected", "no")
    lost = Unavailable("node.lost", "broke off")
    nodes = [Node("a", sent=rejected), Node("b", sent=lost), Node("c")]
    assert said(nodes, lambda node: node.send(b"")) == TXID
    assert nodes[2].asked == 1
    for errors, code in (
        ((rejected, lost), "node.lost"),
        ((rejected, AWAY), "node.rejected"),
        ((AWAY, AWAY), "node.unreachable"),
        ((lost, AWAY), "node.lost"),
    ):
        failing = [Node(f"n{number}", sent=error) for number, error in enumerate(errors)]
        assert problem(failing, lambda node: node.send(b"")).code == code


def test_a_filter_needs_as_many_voices_as_must_agree() -> None:
    """Where nodes tell different filters, or too few have one, the block is read; the difference is told."""
    both = AgreeingBitcoinNodes([Node("one", filter=b"f"), Node("two", filter=b"f")])
    assert asyncio.run(both.block_filters(["ab" * 32])) == [b"f"]
    for other in (None, b"g"):
        torn = AgreeingBitcoinNodes([Node("one", filter=b"f"), Node("two", filter=other)])
        assert asyncio.run(torn.block_filters(["ab" * 32])) == [None]
        assert (torn.dissent is None) == (other is None)
    silent = Node("two", away=Unavailable("node.unreachable", "away"))
    alone = AgreeingBitcoinNodes([Node("one", filter=b"f"), silent])
    assert asyncio.run(alone.block_filters(["ab" * 32])) == [None]


def test_what_a_block_spends_needs_as_many_voices_too() -> None:
    """One node's word for amounts and scripts that no block proves is not enough where two must agree."""
    spent = [Spent(TXID, 0, 1000, b"Q")]
    both = AgreeingBitcoinNodes([Node("one", spent=spent), Node("two", spent=list(spent))])
    assert asyncio.run(both.spent_outputs("ab" * 32)) == spent
    torn = AgreeingBitcoinNodes([Node("one", spent=spent), Node("two", spent=None)])
    assert asyncio.run(torn.spent_outputs("ab" * 32)) is None
