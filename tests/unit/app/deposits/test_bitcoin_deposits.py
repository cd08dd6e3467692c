"""Deposits on a Bitcoin network: seen, credited when deep enough, shown in the pool, told as dust."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.scanning import txid_of
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Unavailable
from tests.unit.app.deposits.bitcoin_office import ALICE, BOB, POOL, BitcoinOffice
from tests.unit.app.deposits.paperbitcoin import NOBODY, PaperBitcoin, payment

pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[BitcoinOffice]:
    one = BitcoinOffice(tmp_path)
    yield one
    one.close()


def test_a_payment_is_pending_in_the_pool_then_in_its_block_then_credited(office: BitcoinOffice) -> None:
    """One deposit from the first sight in the pool to the credit, credited at its depth and not before."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    paid = payment([(NOBODY, 7), (to, 50_000)])
    node.mine()
    node.relay(paid)
    office.follow(follower)
    (seen,) = office.deposits()
    assert (seen.state.value, seen.claim.block_number, seen.claim.position) == ("pending", -1, 1)
    assert seen.claim.transaction == txid_of(paid)
    node.mine(paid)
    office.follow(follower)
    (mined,) = office.deposits()
    assert (mined.id, mined.claim.block_number, office.owed(ALICE)) == (seen.id, 2, 0)
    node.mine()
    office.follow(follower)
    assert office.told() == [(ALICE, "credited", 50_000)]
    assert (office.owed(ALICE), office.on_books(ALICE)) == (50_000, 50_000)


def test_a_large_payment_waits_longer_also_when_it_is_cut_small(office: BitcoinOffice) -> None:
    """The depth is that of all a transaction pays us: cutting it into many outputs brings nothing."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(payment([(to, 300_000)] * 4))
    node.mine(blocks=2)
    office.follow(follower)
    assert {row[1] for row in office.told()} == {"pending"}
    node.mine()
    office.follow(follower)
    assert {row[1] for row in office.told()} == {"credited"}
    assert office.owed(ALICE) == 1_200_000


def test_dust_is_on_the_books_and_nobodys_to_spend(office: BitcoinOffice) -> None:
    """What is below the minimum counts as dust: on chain, on the books, not the owner's and not selected."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(payment([(to, 999), (to, 1_000)]))
    node.mine()
    office.follow(follower)
    assert [row[1:] for row in office.told()] == [("dust", 999), ("credited", 1_000)]
    assert (office.owed(ALICE), office.on_books(ALICE)) == (1_000, 1_999)
    assert [one.amount_sat for one in office.spendable(ALICE)] == [1_000]
    assert [one.amount_sat for one in office.spendable(ALICE, dust=True)] == [1_000, 999]


def test_a_mined_reward_is_credited_when_it_may_be_spent(office: BitcoinOffice) -> None:
    """A coinbase output waits for its maturity, on the books and among the coins."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(reward=to)
    node.mine(blocks=4)
    office.follow(follower)
    assert (office.told(), office.spendable(ALICE)) == ([(ALICE, "pending", 5_000)], [])
    node.mine()
    office.follow(follower)
    assert office.told() == [(ALICE, "credited", 5_000)]
    assert [one.coinbase for one in office.spendable(ALICE)] == [True]


def test_a_pools_users_each_get_theirs_and_the_pool_its_own(office: BitcoinOffice) -> None:
    """In a pool a deposit is its user's, and what comes to the pool's own address the pool's."""
    node = PaperBitcoin()
    own, one, other = (
        office.watch(POOL, None, index=0),
        office.watch(POOL, ALICE, index=1),
        office.watch(POOL, BOB, index=2),
    )
    node.mine(payment([(own, 10_000), (one, 20_000), (other, 30_000)]))
    node.mine()
    office.follow(office.follower(node))
    assert [office.owed(name) for name in (POOL, ALICE, BOB)] == [10_000, 20_000, 30_000]
    assert sum(one.amount_sat for one in office.spendable(POOL)) == 60_000


def test_what_leaves_the_pool_is_orphaned_and_comes_back(office: BitcoinOffice) -> None:
    """A pending deposit whose transaction was replaced vanishes; when it returns it is the same deposit."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    first = payment([(to, 50_000)])
    node.mine()
    node.relay(first)
    office.follow(follower)
    node.pool.clear()
    node.relay(payment([(to, 49_000)], witness=(b"dearer",)))
    office.follow(follower)
    assert [row[1:] for row in office.told()] == [("orphaned", 50_000), ("pending", 49_000)]
    node.pool.clear()
    node.mine(first)
    node.mine()
    office.follow(follower)
    assert [row[1:] for row in office.told()] == [("credited", 50_000), ("orphaned", 49_000)]


def test_ten_thousand_unused_addresses_hide_no_deposit(office: BitcoinOffice) -> None:
    """Every address that was handed out is watched: there is no gap after which looking ends."""
    node = PaperBitcoin()
    for index in (0, 10_000, 1_000_000):
        office.watch(ALICE, ALICE, index=index)
    last = office.watch(ALICE, ALICE, index=2**31 - 1)
    node.mine(payment([(last, 50_000)]))
    node.mine()
    office.follow(office.follower(node))
    assert office.owed(ALICE) == 50_000


def test_hundreds_of_outputs_to_one_user_are_each_credited_once(office: BitcoinOffice) -> None:
    """A block full of small payments to one address is read at once and credited lot by lot."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    node.mine(*(payment([(to, 2_000)] * 125, salt=salt) for salt in range(4)))
    node.mine(blocks=3)
    assert office.follow(office.follower(node)).settled == 3
    assert office.owed(ALICE) == 500 * 2_000


def test_a_payment_to_change_is_told_and_the_wallets(office: BitcoinOffice) -> None:
    """Coins from outside on an address of change belong to its wallet, and operators hear of it."""
    node, to = PaperBitcoin(), office.watch(ALICE, change=1)
    node.mine(payment([(to, 50_000)]))
    node.mine()
    office.follow(office.follower(node))
    assert (office.owed(ALICE), office.codes()) == (50_000, ["deposit.to_change"])


def test_an_address_shown_while_a_block_is_on_its_way_is_not_missed(office: BitcoinOffice) -> None:
    """The block is fetched before the addresses are read again."""
    node = PaperBitcoin()
    follower = office.follower(node)
    node.mine()
    office.follow(follower)
    to = office.watch(ALICE, ALICE)
    node.mine(payment([(to, 50_000)]))
    node.mine()
    office.follow(follower)
    assert office.owed(ALICE) == 50_000


def test_a_node_that_is_away_or_behind_changes_nothing(office: BitcoinOffice) -> None:
    """The follower says that it waits, and goes on when the node is back."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    node.mine(payment([(to, 50_000)]))
    office.follow(follower)
    node.mine(blocks=3)
    node.behind = 4
    with pytest.raises(Unavailable):
        asyncio.run(follower.step())
    node.away = True
    with pytest.raises(Unavailable):
        asyncio.run(follower.step())
    assert office.owed(ALICE) == 0
    node.away, node.behind = False, 0
    office.follow(follower)
    assert office.owed(ALICE) == 50_000


@pytest.mark.parametrize("kind", ScriptKind)
def test_only_own_change_is_spent_unconfirmed_and_never_where_ids_can_be_altered(
    office: BitcoinOffice, kind: ScriptKind
) -> None:
    """Strangers' coins wait for a block; so does change of a wallet without segregated witness."""
    node, to, change = PaperBitcoin(), office.watch(ALICE, ALICE), office.watch(ALICE, change=1)
    follower = office.follower(node)
    first = payment([(to, 50_000)])
    node.mine(first, blocks=2)
    spending = payment([(NOBODY, 20_000), (change, 29_000)], [(txid_of(first), 0)])
    office.draft(spending, ALICE)
    node.relay(spending, payment([(to, 70_000)], salt=5))
    office.follow(follower)
    expected = [] if kind is ScriptKind.P2SH else [29_000]
    assert [one.amount_sat for one in office.spendable(ALICE, kind=kind)] == expected
    assert (office.codes(), len(office.deposits())) == ([], 2)
