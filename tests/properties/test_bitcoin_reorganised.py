"""Whatever the chain makes of final payments, again and again: the ledger is the chain, to the unit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import book
from keepcool.app.deposits import position
from keepcool.app.payouts.bitcoin import batches
from keepcool.core.ids import WalletId
from tests.fixtures.bitcoinoffice import ASSET
from tests.fixtures.bitcoinrecords import NETWORK
from tests.fixtures.effort import examples
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow

WALLET, NAMES, FLIPS = WalletId("w"), ("a", "b", "c"), 5


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Three payments are final, each spent the change of the one before."""
    made = House(tmp_path, confirmations=2)
    made.fund(made.office.issue(WALLET, 0), WALLET, COIN)
    for number, name in enumerate(NAMES, start=1):
        made.office.order(name, WALLET, COIN // 8, made.outside(number))
        made.live(made.office.reached(name, "broadcast"))
        made.live(lambda: bool(made.paper.pool))
        made.paper.mine_pool(blocks=3)
        made.live(made.office.reached(name, "confirmed"))
    yield made
    made.close()


def is_settled(tx: Connection, tip: int) -> bool:
    """All blocks are read, and ledger and chain are one."""
    stands = position.read(tx, NETWORK)
    has, lacks = (
        ledger.balance(tx, name, ASSET) for name in (accounts.coins(WALLET), accounts.absent(WALLET))
    )
    return stands is not None and stands.scanned == tip and has - lacks == book.held_sat(tx, WALLET)


def is_one(house: House, tip: int) -> bool:
    return house.office.store.transact(partial(is_settled, tip=tip))


def rungs_of(house: House, name: str) -> list[bytes]:
    found = house.office.store.transact(lambda tx: batches.rungs(tx, batches.of_withdrawal(tx, name)[0].id))
    return [one.raw or b"" for one in found]


def chosen(house: House, chance: random.Random) -> list[bytes]:
    """Some rung of each payment, for as long as the next one still finds the change it spends."""
    found = list[bytes]()
    for name in NAMES:
        rungs = rungs_of(house, name)
        found.append(chance.choice(rungs))
        if found[-1] != rungs[0]:
            break
    return found


@pytest.mark.parametrize("seed", range(examples(2)))
def test_the_ledger_is_the_chain_whatever_becomes_of_it(house: House, seed: int) -> None:
    """Deeper than final, in any order: another rung of any of three payments, with or without those that
    spent its change. Each time the books balance and say what lies there, and nobody was paid twice. Two
    stories of five reorganisations here, more in a soak."""
    chance, base = random.Random(seed), 3  # noqa: S311 - a test that can be repeated
    lost = 0
    for _ in range(FLIPS):
        depth = len(house.paper.blocks) - base
        house.paper.give_up(depth)
        for one in list(house.paper.pool):
            house.paper.drop(one)
        some = chosen(house, chance)
        lost += len(NAMES) - len(some)
        for raw in some:
            house.paper.mine(raw)
        house.paper.mine(blocks=depth + 3)
        tip = len(house.paper.blocks) - 1
        house.live(partial(is_one, house, tip))
        house.linger(3)
        assert is_one(house, tip), house.office.told()
        assert not house.office.store.transact(ledger.check_books)
        paid = [house.paper.paid(house.script(number)) for number in (1, 2, 3)]
        assert paid == [COIN // 8] * len(some) + [0] * (3 - len(some))
    assert lost, "no story in which a payment's coins were gone"
