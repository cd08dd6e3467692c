"""Blocks of a Bitcoin network that are replaced, and followers that die while they read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keepcool.app.deposits import events
from keepcool.app.deposits.bitcoin import follower as following
from keepcool.app.deposits.position import BLOCKS_KEPT
from keepcool.chains.bitcoin.scanning import txid_of
from keepcool.core.errors import Breach, KeepcoolError, Unavailable
from keepcool.ports.bitcoinnode import BlockId
from tests.fixtures.effort import soak
from tests.unit.app.deposits.bitcoin_office import ALICE, NETWORK, BitcoinOffice
from tests.unit.app.deposits.paperbitcoin import NOBODY, PaperBitcoin, coinbase, payment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("both_engines")]

DEPTH = 2


@pytest.fixture
def office(tmp_path: Path) -> Iterator[BitcoinOffice]:
    one = BitcoinOffice(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize("depth", range(1, DEPTH + 4))
def test_a_deposit_whose_block_is_replaced_is_credited_once(office: BitcoinOffice, depth: int) -> None:
    """However deep the blocks are replaced, the books hold what the chain holds, and a credit that was taken
    back freezes its wallet until a person has looked."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    paid = payment([(to, 50_000)])
    node.mine(blocks=5)
    node.mine(paid, blocks=depth)
    office.follow(follower)
    credited = depth >= DEPTH
    assert office.owed(ALICE) == (50_000 if credited else 0)
    node.give_up(depth)
    node.relay(paid)
    node.mine(blocks=depth + 1)
    office.follow(follower)
    (seen,) = office.deposits()
    assert (seen.state.value, seen.claim.block_number, office.owed(ALICE)) == ("pending", -1, 0)
    frozen = office.store.transact(lambda tx: events.frozen(tx, NETWORK, ALICE))
    assert (frozen is not None) == credited
    node.mine(paid, blocks=DEPTH)
    office.follow(follower)
    assert [(row[1], row[2]) for row in office.told()] == [("credited", 50_000)]
    assert office.owed(ALICE) == office.on_books(ALICE) == 50_000
    assert office.deposits()[0].round == int(credited)


def test_a_deposit_that_never_comes_back_is_taken_back_for_good(office: BitcoinOffice) -> None:
    """Its coins were paid to somebody else on the branch that won: nothing of it stays on the books."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(blocks=2)
    node.mine(payment([(to, 50_000)]), blocks=3)
    office.follow(follower)
    node.give_up(3)
    node.mine(payment([(NOBODY, 49_000)]), blocks=4)
    office.follow(follower)
    assert (office.told()[0][1], office.owed(ALICE), office.on_books(ALICE)) == ("reversed", 0, 0)
    assert office.spendable(ALICE) == []
    assert set(office.codes()) == {"deposit.reversed", "chain.reorganised_deep"}


def test_a_reward_of_a_replaced_block_never_was(office: BitcoinOffice) -> None:
    """What a lost block minted is gone at once: no pool holds it."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(blocks=2)
    node.mine(reward=to)
    office.follow(follower)
    node.give_up(1)
    node.mine(blocks=10)
    office.follow(follower)
    assert (office.told()[0][1], office.spendable(ALICE), office.owed(ALICE)) == ("orphaned", [], 0)


def test_another_chain_freezes_the_network_and_changes_nothing(
    office: BitcoinOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch deeper than the hashes we keep is not followed: a person has to look."""
    monkeypatch.setattr("keepcool.app.deposits.position.BLOCKS_KEPT", 8)
    monkeypatch.setattr(following, "BLOCKS_KEPT", 8)
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(payment([(to, 50_000)]), blocks=20)
    office.follow(follower)
    node.give_up(20)
    node.mine(blocks=25)
    with pytest.raises(Breach, match=r"chain\.no_common_block"):
        asyncio.run(follower.step())
    assert (office.codes(), office.owed(ALICE)) == (["chain.no_common_block"], 50_000)
    assert BLOCKS_KEPT > 1_000


def test_a_shorter_branch_is_followed_back(office: BitcoinOffice) -> None:
    """When the node's chain has become shorter, blocks are forgotten down to the one it still has."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(blocks=3)
    node.mine(payment([(to, 50_000)]), blocks=3)
    office.follow(follower)
    node.give_up(4)
    node.mine()
    assert office.follow(follower).scanned == 3
    assert (office.owed(ALICE), office.told()[0][1]) == (0, "reversed")


@dataclass
class Mortal(PaperBitcoin):
    """A node at whose `last` answer the App that asks dies."""

    last: int = -1
    asked: int = field(default=0)

    def _chain(self) -> list[bytes]:
        self.asked += 1
        if self.asked == self.last:
            raise Unavailable("test.death", "App dies here")
        return super()._chain()


def test_a_follower_killed_anywhere_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Killed at a question it asks, and started again from its database, it comes to the same books: at every
    third of some sixty questions here, at each of them in a soak."""
    last, died = 0, 1
    while died:
        last += 3 if soak() == 1 else 1
        (folder := tmp_path / str(last)).mkdir()
        office = BitcoinOffice(folder)
        to, change = office.watch(ALICE, ALICE), office.watch(ALICE, change=1)
        first = payment([(to, 50_000), (to, 60_000)])
        second = payment([(NOBODY, 40_000), (change, 19_000)], [(txid_of(first), 1)])
        office.draft(second, ALICE)
        died = _lived_through(office, Mortal(last=last), [first, second])
        assert (office.owed(ALICE), [row[1] for row in office.told()]) == (110_000, ["credited"] * 2)
        assert [one.amount_sat for one in office.spendable(ALICE)] == [50_000, 19_000]
        office.close()
    assert last > 30


def _lived_through(office: BitcoinOffice, node: PaperBitcoin, paid: Sequence[bytes]) -> int:
    """The same story every time. How often it died."""
    died = 0
    follower = office.follower(node)

    def go_on() -> None:
        nonlocal died, follower
        for _ in range(200):
            try:
                office.progress = asyncio.run(follower.step())
                if not office.progress.busy:
                    return
            except KeepcoolError as error:
                if error.code != "test.death":
                    raise
                died += 1
                office.reopen()
                follower = office.follower(node)

    node.relay(*paid)
    node.mine(blocks=2)
    go_on()
    node.mine(*paid)
    go_on()
    node.give_up(1)
    node.relay(*paid)
    node.mine(blocks=2)
    go_on()
    node.mine(*paid, blocks=2)
    go_on()
    return died


def test_a_node_that_tells_another_block_is_not_followed(office: BitcoinOffice) -> None:
    """Bytes that are not the block asked for, or that its header does not cover, change nothing."""
    to = office.watch(ALICE, ALICE)

    class Liar(PaperBitcoin):
        lie = b""

        async def raw_block(self, block_hash: str) -> bytes:
            return self.lie or await super().raw_block(block_hash)

    node = Liar()
    follower = office.follower(node)
    node.mine(blocks=2)
    honest = node.blocks[-1]
    invented = payment([(to, 50_000)])
    two = bytes([2])
    for lie in (
        node.blocks[-2],
        honest + b"\0",
        honest[:-1],
        honest[:80],
        honest[:80] + two + honest[81:] + invented,
        honest[:80] + bytes([1]) + coinbase(9, to),
    ):
        node.lie = lie
        with pytest.raises(Unavailable, match=r"node\.nonsense"):
            asyncio.run(office.follower(node).step())
    node.lie = b""
    office.follow(follower)
    assert (office.told(), office.progress.scanned) == ([], 2)
    assert asyncio.run(node.tip()) == BlockId(2, asyncio.run(node.tip()).hash)
