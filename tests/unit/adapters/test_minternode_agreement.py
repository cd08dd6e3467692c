"""Nodes that agree: what one alone says is not believed; twins show what a lone liar gets away with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from keepcool.adapters.minternode.agreement import AgreeingNodes
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.ports.minternode import (
    Accepted,
    Account,
    AlreadyKnown,
    Balance,
    Block,
    Multisig,
    Outcome,
    Owner,
    Rejected,
    Status,
    Transaction,
    Why,
)

WALLET = "Mx" + "11" * 20
OWNERS = Multisig(2, (Owner("Mx" + "22" * 20, 1), Owner("Mx" + "33" * 20, 1)))
THIEF = Multisig(1, (Owner("Mx" + "66" * 20, 1),))
ACCOUNT = Account(WALLET, (Balance(0, 10**18),), 3, OWNERS)
PAID = Transaction(b"\x01" * 32, b"raw", 90, 0, WALLET, 3, 1, 0, ())
BLOCK = Block(90, b"\x02" * 32, 1000, (PAID,), ())
AWAY = Unavailable("node.unreachable", "c cannot be reached")
LOST = Unavailable("node.timeout", "c did not answer in time")


@dataclass
class ToldNode:
    """A node that says what it is told to say, and notes what it was asked."""

    name: str
    height: int = 100
    account_: Account = ACCOUNT
    paid: Transaction | None = PAID
    block_: Block | None = BLOCK
    outcome: Outcome | None = None
    price: int = 1
    pool: tuple[bytes, ...] = ()
    error: KeepcoolError | None = None
    asked: list[object] = field(default_factory=list)
    asked_at: list[int | None] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    place: str = ""

    def __post_init__(self) -> None:
        self.place = self.place or f"place of {self.name}"

    def _up(self, asked: object = None) -> None:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        self.error = AWAY

    async def status(self) -> Status:
        self._up()
        return Status("minter-testnet", self.height, b"\x03" * 32, 0, catching_up=False)

    async def check(self) -> Status:
        return await self.status()

    async def account(self, address: str, at: int | None = None) -> Account:
        self._up(address)
        self.asked_at.append(at)
        return self.account_

    async def accounts(self, addresses: Sequence[str], at: int | None = None) -> list[Account]:
        return [await self.account(address, at) for address in addresses]

    async def transaction(self, transaction: bytes) -> Transaction | None:
        self._up(transaction)
        return self.paid

    async def block(self, height: int) -> Block | None:
        self._up(height)
        return self.block_

    async def estimate_commission(self, raw: bytes) -> int:
        self._up(raw)
        return self.price

    async def min_gas_price(self) -> int:
        self._up()
        return self.price

    async def unconfirmed(self, limit: int = 100) -> tuple[bytes, ...]:
        self._up(limit)
        return self.pool

    async def send(self, raw: bytes) -> Outcome:
        self.sent.append(raw)
        self._up()
        return self.outcome or Accepted(b"\x01" * 32)


def rejected(why: Why) -> Rejected:
    return Rejected(b"\x01" * 32, why, 100, "no")


def refusal(nodes: AgreeingNodes, what: str = "account") -> KeepcoolError:
    asked = {
        "account": lambda: nodes.account(WALLET),
        "accounts": lambda: nodes.accounts([WALLET]),
        "transaction": lambda: nodes.transaction(PAID.hash),
        "block": lambda: nodes.block(90),
        "status": nodes.status,
    }
    with pytest.raises(KeepcoolError) as caught:
        asyncio.run(asked[what]())
    return caught.value


def test_one_height_is_asked_of_all() -> None:
    """Nodes at different heights are asked about the newest that two of them have reached."""
    one, other, late = ToldNode("a", 100), ToldNode("b", 103), ToldNode("c", 40)
    assert asyncio.run(AgreeingNodes([one, other, late]).account(WALLET)) == ACCOUNT
    assert one.asked_at == other.asked_at == late.asked_at == [100]


@pytest.mark.parametrize("what", ["account", "accounts"])
def test_a_lie_about_owners_is_not_answered(what: str) -> None:
    """One of two nodes shows other owners: no answer, and the difference is named. Its twin, one node alone,
    is believed."""
    liar = ToldNode("liar", account_=replace(ACCOUNT, multisig=THIEF))
    error = refusal(AgreeingNodes([ToldNode("honest"), liar]), what)
    assert (error.kind, error.code) == ("unavailable", "node.disagree")
    assert "threshold" in error.public
    assert "honest said 2" in error.public
    assert "liar said 1" in error.public
    assert asyncio.run(AgreeingNodes([liar]).account(WALLET)).multisig == THIEF


def test_a_liar_is_outvoted_and_named() -> None:
    """Of three nodes two agree on a balance: it is the answer, and the third's word is kept as dissent."""
    liar = ToldNode("liar", account_=replace(ACCOUNT, balances=(Balance(0, 2 * 10**18),)))
    nodes = AgreeingNodes([liar, ToldNode("b"), ToldNode("c")])
    assert asyncio.run(nodes.account(WALLET)).pip() == 10**18
    assert nodes.dissent is not None
    assert "balances" in nodes.dissent
    assert AgreeingNodes([ToldNode("a"), ToldNode("b")]).dissent is None


def test_an_even_split_is_no_answer() -> None:
    """Two against two is a disagreement, although two say the same."""
    other = replace(ACCOUNT, transaction_count=9)
    nodes = [ToldNode("a"), ToldNode("b"), ToldNode("c", account_=other), ToldNode("d", account_=other)]
    assert refusal(AgreeingNodes(nodes)).code == "node.disagree"


@pytest.mark.parametrize("what", ["account", "transaction", "block", "status"])
def test_one_node_of_two_is_too_few(what: str) -> None:
    """While one of two nodes is away nothing is answered, and the reason says so; of three, two suffice."""
    error = refusal(AgreeingNodes([ToldNode("a"), ToldNode("c", error=AWAY)]), what)
    assert error.code == "node.too_few"
    assert "c cannot be reached" in error.public
    three = AgreeingNodes([ToldNode("a"), ToldNode("b"), ToldNode("c", error=AWAY)])
    assert asyncio.run(three.account(WALLET)) == ACCOUNT


def test_a_single_node_speaks_for_itself() -> None:
    """With one node configured its answers and its errors are passed on as they are."""
    node = ToldNode("a")
    assert asyncio.run(AgreeingNodes([node]).account(WALLET)) == ACCOUNT
    assert node.asked_at == [None]
    node.error = AWAY
    assert refusal(AgreeingNodes([node])) is AWAY


@pytest.mark.parametrize("agree", [0, 3])
def test_agreement_needs_enough_nodes(agree: int) -> None:
    """More voices than nodes, or none, is refused when it is configured."""
    with pytest.raises(Refused, match=r"node\.agree"):
        AgreeingNodes([ToldNode("a"), ToldNode("b")], agree)


def test_the_same_node_does_not_speak_twice() -> None:
    """One node configured twice is refused: it would agree with itself."""
    for twin in (ToldNode("a"), ToldNode("b", place="here")):
        with pytest.raises(Refused, match="twice"):
            AgreeingNodes([ToldNode("a", place="here"), twin])


def test_a_payment_that_one_node_invents_is_not_seen() -> None:
    """One node shows a transaction at a height the other has passed without it: no answer. At a height the
    other has not reached it is simply not there yet. Its twin, one node alone, is believed."""
    liar = ToldNode("liar")
    assert refusal(AgreeingNodes([liar, ToldNode("b", paid=None)]), "transaction").code == "node.disagree"
    ahead = AgreeingNodes([liar, ToldNode("b", height=89, paid=None)])
    assert asyncio.run(ahead.transaction(PAID.hash)) is None
    assert asyncio.run(AgreeingNodes([liar]).transaction(PAID.hash)) == PAID


def test_a_payment_that_one_node_hides_is_seen_by_two_others() -> None:
    """Two nodes that show a transaction outvote one that does not; a result told differently is no answer."""
    hiding = ToldNode("a", paid=None)
    assert asyncio.run(AgreeingNodes([hiding, ToldNode("b"), ToldNode("c")]).transaction(PAID.hash)) == PAID
    failed = ToldNode("d", paid=replace(PAID, code=107))
    error = refusal(AgreeingNodes([ToldNode("b"), failed]), "transaction")
    assert "code: b said 0, d said 107" in error.public


def test_a_block_is_the_same_for_all_or_none() -> None:
    """A block counts once two nodes have it with the same transactions; words in a log are no difference."""
    worded = replace(BLOCK, transactions=(replace(PAID, log="other words"),))
    assert asyncio.run(AgreeingNodes([ToldNode("a"), ToldNode("b", block_=worded)]).block(90)) == BLOCK
    empty = ToldNode("b", block_=replace(BLOCK, transactions=()))
    assert refusal(AgreeingNodes([ToldNode("a"), empty]), "block").code == "node.disagree"
    behind = ToldNode("b", height=89, block_=None)
    assert asyncio.run(AgreeingNodes([ToldNode("a"), behind]).block(90)) is None
    nobody = [ToldNode(name, height=89, block_=None) for name in "ab"]
    assert asyncio.run(AgreeingNodes(nobody).block(90)) is None


def test_a_transaction_goes_to_every_node() -> None:
    """One acceptance is one, whatever the others say; before it comes nothing, after it a known one."""
    nodes = [
        ToldNode("a", outcome=rejected(Why.NONCE)),
        ToldNode("b", error=LOST),
        ToldNode("c", outcome=AlreadyKnown(b"\x01" * 32)),
        ToldNode("d"),
    ]
    assert asyncio.run(AgreeingNodes(nodes).send(b"raw")) == Accepted(b"\x01" * 32)
    assert [node.sent for node in nodes] == [[b"raw"]] * 4
    assert asyncio.run(AgreeingNodes(nodes[:3]).send(b"raw")) == AlreadyKnown(b"\x01" * 32)


def test_a_rejection_stands_only_when_no_node_may_have_it() -> None:
    """A node that broke off may have it, so its silence is told; one that was not reached has not."""
    refusing = ToldNode("a", outcome=rejected(Why.FUNDS))
    with pytest.raises(Unavailable, match="in time"):
        asyncio.run(AgreeingNodes([refusing, ToldNode("c", error=LOST)]).send(b"raw"))
    became = asyncio.run(AgreeingNodes([refusing, ToldNode("c", error=AWAY)]).send(b"raw"))
    assert became == rejected(Why.FUNDS)
    passing = ToldNode("b", outcome=rejected(Why.ONE_PER_BLOCK))
    assert asyncio.run(AgreeingNodes([refusing, passing]).send(b"raw")) == rejected(Why.ONE_PER_BLOCK)
    with pytest.raises(Unavailable, match="cannot be reached"):
        asyncio.run(AgreeingNodes([ToldNode("a", error=AWAY), ToldNode("b", error=AWAY)]).send(b"raw"))


def test_prices_and_pools_take_fewer_voices() -> None:
    """One liar among three moves no price, one node that answers suffices, and a theft one sees is seen."""
    nodes = AgreeingNodes([ToldNode("a", price=5), ToldNode("b", price=10**9), ToldNode("c", price=6)])
    assert asyncio.run(nodes.min_gas_price()) == 6
    assert asyncio.run(nodes.estimate_commission(b"raw")) == 6
    half = AgreeingNodes([ToldNode("a", pool=(b"x", b"y")), ToldNode("b", error=AWAY)])
    assert asyncio.run(half.min_gas_price()) == 1
    both = AgreeingNodes([ToldNode("a", pool=(b"x", b"y")), ToldNode("b", pool=(b"y", b"z"))])
    assert asyncio.run(both.unconfirmed()) == (b"x", b"y", b"z")
    with pytest.raises(Unavailable, match="cannot be reached"):
        asyncio.run(AgreeingNodes([ToldNode("a", error=AWAY)]).min_gas_price())
