"""What spends coins of ours: our own drafts are known, anything else freezes the network at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.coins import book, drafts, previous
from keepcool.app.deposits import events
from keepcool.chains.bitcoin.scanning import stripped_of, txid_of
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import WalletId
from tests.unit.app.deposits.bitcoin_office import ALICE, BOB, NETWORK, POOL, BitcoinOffice
from tests.unit.app.deposits.paperbitcoin import NOBODY, PaperBitcoin, payment

pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[BitcoinOffice]:
    one = BitcoinOffice(tmp_path)
    yield one
    one.close()


def is_frozen(office: BitcoinOffice, wallet: str) -> bool:
    return office.store.transact(lambda tx: events.frozen(tx, NETWORK, WalletId(wallet))) is not None


def funded(office: BitcoinOffice, node: PaperBitcoin, to: bytes) -> str:
    """A coin of 100,000; its txid."""
    paid = payment([(to, 100_000)])
    node.mine(paid, blocks=3)
    return txid_of(paid)


@pytest.mark.parametrize("where", ["pool", "block"])
def test_a_spending_nobody_asked_for_freezes_the_network_in_the_same_step(
    office: BitcoinOffice, where: str
) -> None:
    """Seen in the pool or only in a block, it is told once and nothing of the network is paid any more."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    txid = funded(office, node, to)
    office.follow(follower)
    theft = payment([(NOBODY, 99_000)], [(txid, 0)])
    if where == "pool":
        node.relay(theft)
    else:
        node.mine(theft)
    office.follow(follower)
    assert is_frozen(office, BOB)
    assert (office.codes(), office.spendable(ALICE)) == (["wallet.spent_without_us"], [])
    if where == "pool":
        node.mine(theft)
    office.reopen()
    office.follow(office.follower(node))
    assert office.codes() == ["wallet.spent_without_us"]


def test_a_draft_of_ours_explains_what_it_spends_whatever_its_signatures(office: BitcoinOffice) -> None:
    """The same spending, asked for by App, freezes nothing: its change is ours and nobody's deposit."""
    node = PaperBitcoin()
    to, change = office.watch(POOL, ALICE), office.watch(POOL, change=1)
    follower = office.follower(node)
    txid = funded(office, node, to)
    office.follow(follower)
    outputs, coins = [(NOBODY, 40_000), (change, 59_000)], [(txid, 0)]
    office.draft(payment(outputs, coins, witness=(b"unsigned",)), POOL)
    sent = payment(outputs, coins, witness=(b"", b"one", b"other"))
    node.relay(sent)
    office.follow(follower)
    (seen,) = office.store.transact(lambda tx: drafts.spendings_of(tx, "batch"))
    assert (seen.txid, seen.height, seen.confirmations(9)) == (txid_of(sent), None, 0)
    node.mine(sent)
    office.follow(follower)
    (mined,) = office.store.transact(lambda tx: drafts.spendings_of(tx, "batch"))
    assert (mined.height, mined.confirmations(4), office.codes()) == (4, 1, [])
    assert [(one.amount_sat, one.own) for one in office.spendable(POOL)] == [(59_000, True)]
    assert [row[2] for row in office.told()] == [100_000]


def test_dust_spent_with_larger_coins_becomes_its_owners(office: BitcoinOffice) -> None:
    """Gathered by a draft of ours, and only once that is deep enough, it is credited; the books hold what the
    chain holds all the while."""
    node, to, change = PaperBitcoin(), office.watch(ALICE, ALICE), office.watch(ALICE, change=1)
    follower = office.follower(node)
    paid = payment([(to, 100_000), (to, 900)])
    node.mine(paid, blocks=3)
    office.follow(follower)
    assert (office.owed(ALICE), office.on_books(ALICE)) == (100_000, 100_900)
    sent = payment([(change, 100_900)], [(txid_of(paid), 0), (txid_of(paid), 1)])
    office.draft(sent, ALICE)
    node.mine(sent, blocks=3)
    office.follow(follower)
    assert office.owed(ALICE) == 100_000
    node.mine()
    office.follow(follower)
    assert (office.owed(ALICE), office.on_books(ALICE)) == (100_900, 100_900)
    office.reopen()
    node.mine(blocks=3)
    office.follow(office.follower(node))
    assert (office.owed(ALICE), [row[1] for row in office.told()]) == (100_900, ["credited", "dust"])


def test_a_payment_from_one_of_ours_to_another_is_the_others_deposit(office: BitcoinOffice) -> None:
    """In the very transaction whose change is nobody's deposit, a payment to a user is his."""
    node = PaperBitcoin()
    to, other, change = office.watch(ALICE, ALICE), office.watch(BOB, BOB), office.watch(ALICE, change=1)
    txid = funded(office, node, to)
    follower = office.follower(node)
    office.follow(follower)
    sent = payment([(other, 30_000), (change, 69_000)], [(txid, 0)])
    office.draft(sent, ALICE)
    node.mine(sent, blocks=2)
    office.follow(follower)
    assert (office.owed(ALICE), office.owed(BOB), office.codes()) == (100_000, 30_000, [])


def test_a_coin_spent_in_the_block_that_made_it_is_seen(office: BitcoinOffice) -> None:
    """Payment and theft side by side in one block are found in one pass."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    paid = payment([(to, 100_000)])
    node.mine(paid, payment([(NOBODY, 99_000)], [(txid_of(paid), 0)]))
    office.follow(office.follower(node))
    assert (office.codes(), office.spendable(ALICE)) == (["wallet.spent_without_us"], [])


def test_chains_of_our_own_in_one_lot_of_the_pool_are_understood(office: BitcoinOffice) -> None:
    """Parent and children come in any order; what hangs too deep is not spent further."""
    node = PaperBitcoin()
    to, change = office.watch(ALICE, ALICE), office.watch(ALICE, change=1)
    txid, left = funded(office, node, to), 100_000
    follower = office.follower(node)
    office.follow(follower)
    for number in range(30):
        left -= 1_000
        sent = payment([(change, left)], [(txid, 0)])
        office.draft(sent, ALICE, f"batch {number}")
        node.relay(sent)
        txid = txid_of(sent)
        if number in (0, 10, 23, 24):
            office.follow(follower)
            found = [(one.amount_sat, one.ancestors) for one in office.spendable(ALICE)]
            assert found == ([(left, number + 1)] if number < 24 else [])
    office.follow(follower)
    assert (office.codes(), len(office.deposits())) == ([], 1)


def test_a_spending_that_leaves_the_pool_gives_its_coin_back(office: BitcoinOffice) -> None:
    """A payment of ours that no node holds any more has not happened; its draft still explains it later."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    follower = office.follower(node)
    txid = funded(office, node, to)
    sent = payment([(NOBODY, 99_000)], [(txid, 0)])
    office.draft(sent, ALICE)
    node.relay(sent)
    office.follow(follower)
    assert office.spendable(ALICE) == []
    node.pool.clear()
    node.mine()
    office.follow(follower)
    (gone,) = office.store.transact(lambda tx: drafts.spendings_of(tx, "batch"))
    assert (gone.gone, [one.amount_sat for one in office.spendable(ALICE)]) == (True, [100_000])
    node.mine(sent)
    office.follow(follower)
    (back,) = office.store.transact(lambda tx: drafts.spendings_of(tx, "batch"))
    assert (back.gone, back.txid, office.spendable(ALICE), office.codes()) == (False, txid_of(sent), [], [])


def test_leases_are_one_holders_for_all_coins_or_none(office: BitcoinOffice) -> None:
    """Two drafts never hold one coin; what a failed draft held is free again; a frozen coin is nobody's."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    paid = payment([(to, 10_000), (to, 20_000), (to, 30_000)])
    node.mine(paid, blocks=3)
    office.follow(office.follower(node))
    txid, at = txid_of(paid), 5
    store = office.store
    store.transact(lambda tx: book.lease_coins(tx, NETWORK, "one", [(txid, 0), (txid, 1)], at))
    with pytest.raises(Conflict, match=r"coins\.leased"):
        store.transact(lambda tx: book.lease_coins(tx, NETWORK, "two", [(txid, 2), (txid, 1)], at))
    assert [one.vout for one in office.spendable(ALICE)] == [2]
    store.transact(lambda tx: book.lease_coins(tx, NETWORK, "one", [(txid, 0)], at))
    assert store.transact(lambda tx: book.release(tx, "one")) == 2
    store.transact(lambda tx: book.freeze_coin(tx, NETWORK, txid, 2, frozen=True))
    assert [one.vout for one in office.spendable(ALICE)] == [1, 0]
    with pytest.raises(Conflict, match=r"coins\.spent"):
        store.transact(lambda tx: book.lease_coins(tx, NETWORK, "two", [(txid, 2)], at))


def test_previous_transactions_are_whole_and_proven_again(office: BitcoinOffice) -> None:
    """What made a coin is kept without its witness; a row that was changed is a breach."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    paid = payment([(to, 10_000)])
    node.mine(paid)
    office.follow(office.follower(node))
    txid = txid_of(paid)
    assert office.store.transact(lambda tx: previous.previous(tx, NETWORK, [txid])) == {
        txid: stripped_of(paid)
    }
    with pytest.raises(Conflict, match=r"coins\.no_transaction"):
        office.store.transact(lambda tx: previous.previous(tx, NETWORK, ["00" * 32]))
    office.store.transact(
        lambda tx: tx.exec_driver_sql(
            "UPDATE coin_transaction SET txid = ? WHERE txid = ?", ("00" * 32, txid)
        )
    )
    with pytest.raises(Breach, match=r"coins\.transaction_differs"):
        office.store.transact(lambda tx: previous.previous(tx, NETWORK, ["00" * 32]))
