"""Credit is what the balance bears out: no claim, log or node makes it more, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.coins import addresses
from keepcool.app.coins.addresses import Address
from keepcool.app.deposits import position
from keepcool.app.pools import covering, levels, rows
from keepcool.app.pools.rows import Marks
from keepcool.core.effects import Payment
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.money import Amount
from tests.fixtures.chain import address_number
from tests.unit.app.deposits.office import NATIVE, NETWORK, Office, catch_up, patiently, problem_of
from tests.unit.app.deposits.paperchain import (
    Event,
    PaperChain,
    PaperNode,
    executes,
    fails,
    inside,
    received,
    sends,
    transfers,
)

pytestmark = pytest.mark.slow

TOKEN = address_number(1000)
ASSET = AssetId(f"{NETWORK}/erc20:{TOKEN}")
A, B = address_number(1), address_number(2)
DIGEST = b"\xab" * 32


class Desk:
    """Two wallets, one token, one chain and its node."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder, tokens={TOKEN: ASSET})
        self.chain = PaperChain()
        self.node = PaperNode(self.chain)
        self.a, self.b = self.office.issue("a", A), self.office.issue("b", B)

    def follow(self, *others: PaperNode) -> None:
        asyncio.run(catch_up(self.office.follower([self.node, *others])))

    def happens(self, *events: Event) -> None:
        """In one block, then deep enough."""
        self.chain.add(*events)
        self.chain.mine(2)
        self.follow()

    def codes(self) -> list[str]:
        return [one.code for one in self.office.events()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.office.close()


def test_a_token_that_takes_a_fee_is_credited_what_arrived(desk: Desk) -> None:
    """Of 100 claimed by the log 98 arrived: 98 are credited and the deposit is marked short."""
    desk.happens(transfers(TOKEN, A, 100, arrives=98))
    assert desk.office.told() == [("transfer", "short", 100, 98)]
    assert desk.office.owed(desk.a, ASSET) == 98
    assert desk.codes() == ["deposit.short"]


def test_a_log_without_coins_is_credited_nothing(desk: Desk) -> None:
    """A listed token that logs a transfer it did not make gives nobody a unit."""
    desk.happens(transfers(TOKEN, A, 10**30, arrives=0))
    assert desk.office.told() == [("transfer", "short", 10**30, 0)]
    assert desk.office.owed(desk.a, ASSET) == 0


def test_a_failed_transaction_is_no_deposit(desk: Desk) -> None:
    """A plain transaction to a wallet that failed leaves no row, its twin that succeeded does."""
    desk.happens(fails(A, 5), sends(A, 5))
    assert desk.office.told() == [("transaction", "credited", 5, 5)]


def test_one_movement_with_two_traces_is_one_deposit(desk: Desk) -> None:
    """A plain transaction to a deployed Safe also logs SafeReceived: it is one deposit. An internal payment
    of the same amount in the same block is another."""
    both = received(A, 5)
    desk.happens(Event(plain=(A, 5), logs=both.logs, moves=both.moves), received(A, 5))
    kinds = [row[0] for row in desk.office.told()]
    assert kinds == ["transaction", "safe_received"]
    assert desk.office.owed(desk.a) == 10


def test_coins_without_a_trace_are_credited_beside_announced_ones(desk: Desk) -> None:
    """What arrived beyond the claims is a deposit of its own, without a transaction."""
    desk.happens(sends(A, 5), inside(A, 3))
    assert desk.office.told() == [("transaction", "credited", 5, 5), ("balance", "credited", 3, 3)]
    assert desk.office.deposits()[1].claim.transaction is None


def test_less_than_the_minimum_is_dust(desk: Desk) -> None:
    """A confirmed deposit below the asset's minimum is kept as dust and never mistaken for a new arrival."""
    desk.office.minimums = {NATIVE: 10}
    desk.happens(sends(A, 9))
    desk.happens(sends(A, 10))
    assert [row[1] for row in desk.office.told()] == ["dust", "credited"]
    assert desk.office.owed(desk.a) == 10


def test_what_lies_at_addresses_of_nobody_is_told_apart(desk: Desk) -> None:
    """A pool's confirmed balance has what came to an address that nobody has, and it is known how much of it
    the treasury has not; once it was brought there, nothing."""
    at = address_number(7)
    one = Address(
        network=NETWORK,
        script=bytes.fromhex(at[2:]),
        source=desk.a,
        wallet=None,
        cosigner=0,
        change=0,
        index=7,
    )

    def work(tx: Connection) -> None:
        rows.insert_pool(tx, desk.a, NETWORK, Marks(), 1)
        addresses.add_addresses(tx, [one])

    desk.office.store.transact(work)

    def stands() -> tuple[int, int, int]:
        return desk.office.store.transact(
            lambda tx: (
                position.settled(tx, desk.a, NATIVE).units,
                levels.strays(tx, desk.a, NATIVE),
                covering.held(tx, desk.a, NATIVE),
            )
        )

    desk.happens(sends(A, 5), sends(at, 3))
    assert (stands(), desk.office.owed(desk.a)) == ((8, 3, 5), 8)
    desk.happens(inside(at, -3), inside(A, 4))
    assert stands()[1:] == (0, 9)


def test_a_payout_of_ours_explains_what_left(desk: Desk) -> None:
    """A SafeTx we asked for lowers the balance without alarm, also when a deposit comes in the same block."""
    desk.office.payments[DIGEST] = (Payment(address_number(9), Amount(NATIVE, 4)),)
    desk.happens(sends(A, 10))
    desk.happens(executes(A, DIGEST, {(A, None): -4}), sends(A, 7))
    assert desk.office.owed(desk.a) == 17  # the payout itself is booked by payouts
    assert desk.codes() == []


def test_a_transfer_between_our_wallets_is_a_deposit_with_its_transaction(desk: Desk) -> None:
    """Coins from our Safe to a wallet without code leave no trace but the SafeTx, and are known by it."""
    desk.office.payments[DIGEST] = (Payment(B, Amount(NATIVE, 4)),)
    desk.happens(sends(A, 10))
    desk.happens(executes(A, DIGEST, {(A, None): -4, (B, None): 4}))
    assert desk.office.told()[1] == ("payout", "credited", 4, 4)
    assert desk.office.owed(desk.b) == 4
    assert desk.office.deposits()[1].claim.sender == A


def test_a_safe_that_ran_what_we_never_asked_for_freezes(desk: Desk) -> None:
    """An unknown SafeTx hash is the moment both keys were stolen: the wallet freezes, and only it."""
    desk.happens(sends(A, 10))
    desk.happens(executes(A, DIGEST, {(A, None): -10}))
    assert set(desk.codes()) == {"wallet.unknown_execution", "wallet.spent_without_us"}
    assert desk.office.frozen(desk.a) == "wallet.unknown_execution"
    assert desk.office.frozen(desk.b) is None
    assert desk.office.owed(desk.a) == 10  # what is owed stays owed


def test_coins_that_left_without_a_trace_are_missed(desk: Desk) -> None:
    """A balance below what deposits and payouts explain is found by the sweep, told once, and freezes."""
    desk.happens(sends(A, 10))
    desk.happens(Event(moves={(A, None): -3}))
    desk.happens(sends(B, 1))
    assert desk.codes() == ["wallet.spent_without_us"]
    assert "holds 3 of" in desk.office.events()[0].text


def test_a_token_that_does_not_answer_holds_up_only_itself(desk: Desk) -> None:
    """While balanceOf fails its deposits wait and others are credited; later they are credited too."""
    desk.node.silent = {TOKEN}
    desk.happens(transfers(TOKEN, A, 5), sends(A, 6))
    assert [row[1] for row in desk.office.told()] == ["credited", "pending"]
    desk.node.silent = set()
    desk.happens()
    assert desk.office.owed(desk.a, ASSET) == 5


def test_nodes_that_disagree_stop_crediting(desk: Desk) -> None:
    """One node claims a balance the other does not have: nothing is credited until they agree."""
    liar = PaperNode(desk.chain, lies={(A, None): 10**18})
    desk.chain.add(sends(A, 10))
    desk.chain.mine(2)
    problem = asyncio.run(problem_of(desk.office.follower([liar, desk.node])))
    assert (problem.kind, problem.code) == ("breach", "node.disagree")
    assert desk.office.owed(desk.a) == 0
    assert "node.disagree" in desk.codes()
    desk.follow(PaperNode(desk.chain))
    assert desk.office.owed(desk.a) == 10


def test_a_lying_node_alone_would_be_believed(desk: Desk) -> None:
    """The control's twin: with one node only, its lie is credited. Two nodes are worth having."""
    liar = PaperNode(desk.chain, lies={(A, None): 10**18})
    desk.chain.add(sends(A, 10))
    desk.chain.mine(2)
    asyncio.run(catch_up(desk.office.follower([liar])))
    assert desk.office.owed(desk.a) == 10 + 10**18


def test_one_node_cannot_make_us_take_credits_back(desk: Desk) -> None:
    """A node that invents a reorganisation below credited blocks is contradicted by the other."""
    desk.happens(sends(A, 10))
    other = PaperNode(desk.chain.copy())
    desk.chain.reorganise(3)
    desk.chain.mine(1)
    problem = asyncio.run(problem_of(desk.office.follower([desk.node, other])))
    assert (problem.kind, problem.code) == ("breach", "node.disagree")
    assert desk.office.owed(desk.a) == 10


def test_a_node_of_another_chain_changes_nothing(desk: Desk) -> None:
    """None of our blocks is on the node's chain: that is told, and no credit is taken back."""
    desk.happens(sends(A, 10))
    stranger = PaperChain(branch=99)
    stranger.pages = []
    stranger.__post_init__()
    stranger.mine(9)
    problem = asyncio.run(problem_of(desk.office.follower([PaperNode(stranger)])))
    assert problem.code == "chain.no_common_block"
    assert desk.office.owed(desk.a) == 10
    desk.happens(sends(A, 1))
    assert desk.office.owed(desk.a) == 11


@pytest.mark.parametrize("every", [2, 3, 5, 7])
def test_a_node_that_keeps_failing_neither_loses_nor_doubles(desk: Desk, every: int) -> None:
    """Each n-th question goes unanswered while deposits come in: all are credited once in the end."""
    desk.node.fails_every = every + 8
    for number in range(1, 30):
        desk.chain.add(sends(A, number), transfers(TOKEN, B, number))
    desk.chain.mine(2)
    asyncio.run(patiently(desk.office.follower([desk.node])))
    asyncio.run(patiently(desk.office.follower([desk.node])))
    total = sum(range(1, 30))
    assert (desk.office.owed(desk.a), desk.office.owed(desk.b, ASSET)) == (total, total)
    assert desk.office.is_balanced()


def test_a_chain_that_swings_there_and_back_credits_once_at_a_time(desk: Desk) -> None:
    """Branch one, branch two, branch one again: the deposit is credited, reversed, and credited anew."""
    desk.happens(sends(A, 10))
    first = list(desk.chain.pages)
    desk.chain.reorganise(3)
    desk.follow()
    assert desk.office.owed(desk.a) == 0
    desk.chain.pages = first
    desk.follow()
    assert desk.office.owed(desk.a) == 10
    assert [row[1] for row in desk.office.told()] == ["credited"]
    assert desk.office.is_balanced()


def test_an_address_attested_late_is_watched_from_then_on(desk: Desk) -> None:
    """A wallet whose address came after its row is watched as soon as it has one."""
    late = desk.office.issue("late", None)
    follower = desk.office.follower([desk.node])
    asyncio.run(catch_up(follower))
    desk.office.attest(WalletId(late), address_number(3))
    desk.chain.add(sends(address_number(3), 5))
    desk.chain.mine(2)
    asyncio.run(catch_up(follower))
    assert desk.office.told() == [("transaction", "credited", 5, 5)]
