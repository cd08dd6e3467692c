"""A node that names transactions it does not have, a block replaced at the very beginning, very many
payments: nothing is missed and nothing counts twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.app.deposits.bitcoin_office import ALICE, BitcoinOffice
from tests.unit.app.deposits.paperbitcoin import NOBODY, PaperBitcoin, payment

pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[BitcoinOffice]:
    made = BitcoinOffice(tmp_path)
    yield made
    made.close()


@dataclass
class Boaster(PaperBitcoin):
    """Names transactions that nobody has."""

    names: frozenset[str] = frozenset()

    async def mempool(self) -> frozenset[str]:
        return await super().mempool() | self.names


def test_names_that_nobody_has_hide_no_transaction(office: BitcoinOffice) -> None:
    """Thousands of ids that no node can show stand before the real ones: a payment and a theft are seen all
    the same, and what has left the pool is gone."""
    node = Boaster(names=frozenset(f"{number:064x}" for number in range(5_000)))
    to, follower = office.watch(ALICE), office.follower(node)
    office.follow(follower)
    (mine,) = node.relay(payment([(to, 100_000)]))
    office.clock.now += 60_000
    office.follow(follower)
    assert office.told() == [(ALICE, "pending", 100_000)]
    node.mine(node.pool[mine], blocks=4)
    office.follow(follower)
    (theft,) = node.relay(payment([(NOBODY, 90_000)], [(mine, 0)]))
    office.clock.now += 60_000
    office.follow(follower)
    assert office.codes() == ["wallet.spent_without_us"]
    del node.pool[theft]
    office.clock.now += 60_000
    office.follow(follower)
    assert [one.amount_sat for one in office.spendable(ALICE)] == [100_000]


def test_the_very_first_block_may_be_replaced(tmp_path: Path) -> None:
    """App begins at a tip that is replaced in the next minute: it goes on, on the other branch."""
    office, node = BitcoinOffice(tmp_path, start_block=0), PaperBitcoin()
    node.mine(blocks=8)
    to, follower = office.watch(ALICE), office.follower(node)
    office.follow(follower)
    for depth in (1, 2, 3):
        node.give_up(depth)
        node.mine(blocks=depth + 1)
        office.follow(follower)
    node.mine(payment([(to, 100_000)]), blocks=4)
    office.follow(follower)
    assert (office.owed(ALICE), office.codes()) == (100_000, [])
    office.close()


def test_thousands_of_outputs_to_one_user(office: BitcoinOffice) -> None:
    """Each is credited once, and none is lost on the way, whatever dies between two steps."""
    node = PaperBitcoin()
    to, follower = office.watch(ALICE), office.follower(node)
    office.follow(follower)
    lots = [payment([(to, 1_000 + number)] * 500, salt=number + 1) for number in range(6)]
    node.mine(*lots[:3])
    node.mine(*lots[3:])
    node.mine(blocks=3)
    for _ in range(4):
        asyncio.run(follower.step())
        office.reopen()
        follower = office.follower(node)
    office.follow(follower, steps=400)
    assert office.owed(ALICE) == sum(500 * (1_000 + number) for number in range(6))
