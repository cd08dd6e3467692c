"""Whole previous transactions are kept as long as a draft may need them, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.coins import previous
from keepcool.chains.bitcoin.scanning import txid_of
from keepcool.core.errors import Conflict
from tests.unit.app.deposits.bitcoin_office import ALICE, NETWORK, BitcoinOffice
from tests.unit.app.deposits.paperbitcoin import NOBODY, PaperBitcoin, payment

pytestmark = pytest.mark.usefixtures("both_engines")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[BitcoinOffice]:
    one = BitcoinOffice(tmp_path)
    yield one
    one.close()


def is_kept(office: BitcoinOffice, txid: str) -> bool:
    try:
        office.store.transact(lambda tx: previous.previous(tx, NETWORK, [txid]))
    except Conflict:
        return False
    return True


def forget(office: BitcoinOffice, deep: int) -> int:
    return office.store.transact(lambda tx: previous.forget(tx, NETWORK, deep))


def spent(office: BitcoinOffice, node: PaperBitcoin, *coins: tuple[str, int]) -> int:
    """A draft of ours spends them in the next block; its height."""
    raw = payment([(NOBODY, 9_000)], list(coins), salt=len(node.blocks))
    office.draft(raw, ALICE)
    node.mine(raw)
    return len(node.blocks) - 1


def test_a_transaction_goes_when_all_its_coins_were_spent_deep_enough(office: BitcoinOffice) -> None:
    """Two coins of one transaction are spent one after the other: it stays until the second block is deep
    enough, and then goes; asked again nothing more happens."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    paid = payment([(to, 10_000), (to, 20_000)])
    other = payment([(to, 30_000)], salt=9)
    node.mine(paid, other, blocks=3)
    txid = txid_of(paid)
    first = spent(office, node, (txid, 0))
    second = spent(office, node, (txid, 1))
    office.follow(office.follower(node))
    assert (forget(office, first - 1), forget(office, first)) == (0, 0)
    assert is_kept(office, txid)
    assert (forget(office, second), forget(office, second), forget(office, second + 9)) == (1, 0, 0)
    assert (is_kept(office, txid), is_kept(office, txid_of(other))) == (False, True)


def test_what_was_spent_in_the_pool_alone_is_kept(office: BitcoinOffice) -> None:
    """A spending that no block has brings nothing to an end, and one whose block is replaced is as none."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    paid = payment([(to, 10_000)])
    node.mine(paid, blocks=3)
    raw = payment([(NOBODY, 9_000)], [(txid_of(paid), 0)])
    office.draft(raw, ALICE)
    node.relay(raw)
    office.follow(office.follower(node))
    assert forget(office, 99) == 0
    node.mine(raw)
    office.follow(office.follower(node))
    node.give_up(1)
    node.mine(blocks=2)
    office.follow(office.follower(node))
    assert (forget(office, 99), is_kept(office, txid_of(paid))) == (0, True)


def test_a_long_past_is_gone_through_in_bounded_steps(office: BitcoinOffice) -> None:
    """After years without it: so many blocks in one step, each once, until all are done."""
    node, to = PaperBitcoin(), office.watch(ALICE, ALICE)
    paid = [payment([(to, 10_000)], salt=100 + number) for number in range(60)]
    node.mine(*paid)
    for one in paid:
        spent(office, node, (txid_of(one), 0))
    office.follow(office.follower(node))
    steps = [forget(office, 999) for _ in range(5)]
    assert max(steps) <= previous.FORGOTTEN_AT_ONCE
    while forget(office, 999):
        pass
    assert sum(is_kept(office, txid_of(one)) for one in paid) == 0
