"""Payouts of the Bitcoin family where something is wrong beside them: nobody is paid twice, nobody waits for
a stranger's trouble, and nothing goes round for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import select

from keepcool.app.books import ledger
from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.deposits import events
from keepcool.app.deposits.events import Freezes
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.payouts.bitcoin.batches import Purpose
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.core.errors import Refused
from keepcool.core.ids import WalletId
from keepcool.core.intent import Purpose as IntentPurpose
from keepcool.core.intent import parse_intent
from keepcool.wire import messages
from tests.fixtures.bitcoinoffice import ASSET
from tests.fixtures.bitcoinrecords import NETWORK, POOL
from tests.fixtures.paperpayouts import COIN, House

Make: TypeAlias = Callable[..., House]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[House] = []

    def house(**more: Any) -> House:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(House(folder, **more))
        return made[-1]

    yield house
    for one in made:
        one.close()


def pooled(house: House, *names: str) -> None:
    """A pool with members, each with a coin."""
    record = house.office.issue("pool", 0, profile=POOL)
    for number, name in enumerate(names, start=1):
        house.fund(record, name, COIN, address=house.office.member(record, name, number))


def test_one_that_the_pool_cannot_pay_now_holds_up_nobody(make: Make) -> None:
    """The first in line asks for more than lies in the pool; the others behind it are paid."""
    house = make()
    pooled(house, "alice", "bob")
    house.office.store.transact(
        lambda tx: ledger.credit_deposit(
            tx, deposit="lies elsewhere", wallet=WalletId("alice"), asset=ASSET, units=10 * COIN, at_ms=1
        )
    )
    house.office.order("big", "alice", 9 * COIN, house.outside(1))
    house.office.order("small", "bob", COIN // 4, house.outside(2))
    house.confirmed("small")
    assert house.office.read("big").state.__class__.__name__ == "Requested"


def test_a_frozen_wallet_holds_up_no_other_of_its_pool(make: Make) -> None:
    """One user's wallet is frozen after the request; the others of the pool are paid, it is not."""
    house = make()
    pooled(house, "alice", "bob")

    def freeze(tx: Any) -> None:
        events.record(
            tx, key="t", at_ms=1, network=NETWORK, wallet=WalletId("alice"), code="deposit.reversed",
            text="gone", freezes=Freezes.WALLET,
        )  # fmt: skip

    house.office.store.transact(freeze)
    house.office.order("a", "alice", COIN // 4, house.outside(1))
    house.office.order("b", "bob", COIN // 4, house.outside(2))
    house.confirmed("b")
    assert (house.paper.paid(house.script(1)), house.paper.paid(house.script(2))) == (0, COIN // 4)


def test_another_chains_node_abandons_no_payment(make: Make) -> None:
    """While the URL leads to a node of another chain nothing is sent, and nothing given up for it."""
    house = make()
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.paper.refusal = Refused("node.wrong_chain", "serves another chain")
    house.office.order("a", "w", COIN // 4, house.outside(1))

    def tried() -> bool:
        (one,) = house.office.store.transact(lambda tx: batches.of_withdrawal(tx, "a")) or (None,)
        if one is not None:
            house.office.store.transact(lambda tx: batches.at_once(tx, one.id))
        return (one is not None and one.tries > 7) or house.office.reached("a", "uncertain", "failed")()

    house.live(tried)
    assert house.office.reached("a", "signed")(), house.office.told()
    house.paper.refusal = None
    house.confirmed("a")
    assert house.paper.paid(house.script(1)) == COIN // 4


def count(house: House, purpose: Purpose) -> int:
    query = select(batch.c.id).where(batch.c.purpose == purpose.value)
    return len(house.office.store.transact(lambda tx: tx.execute(query).all()))


def no_voids(item: messages.SignItem) -> str:
    return "deny" if parse_intent(item.intent).purpose is IntentPurpose.VOID else ""


def test_a_burn_that_is_refused_is_not_asked_for_without_end(make: Make) -> None:
    """Coins that one signer signed for wait to be burnt, and the burn is refused: it is asked for once, and
    after a long while again."""
    house = make()
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.office.cooler.objects = lambda _: "deny"
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(house.office.reached("a", "refused"))
    house.office.order("b", "w", COIN // 4, house.outside(2))
    house.live(lambda: count(house, Purpose.BURN) > 0)
    house.linger()
    assert count(house, Purpose.BURN) == 1


def test_gathering_that_is_refused_takes_no_further_coins(make: Make) -> None:
    """A signer refuses to gather: what was to be gathered waits, the rest goes on paying."""
    house = make(fees=BitcoinFeeSettings(gather_coins=4, fee_rate_long_term=400_000))
    record = house.office.issue("w", 0)
    house.office.cooler.objects = no_voids
    house.fund(record, "w", *[COIN // 100] * 6)
    house.live(lambda: count(house, Purpose.GATHER) > 0)
    house.fund(record, "w", *[COIN // 100] * 6)
    house.linger()
    assert count(house, Purpose.GATHER) == 1
    house.office.order("a", "w", COIN // 50, house.outside(1))
    house.confirmed("a")


def test_lifting_that_is_refused_is_not_asked_for_without_end(make: Make) -> None:
    """A child is refused: the stuck payment waits, and no draft follows another for ever."""
    house = make(
        replacement=Replacement.NONE, fees=BitcoinFeeSettings(bump_after_s=1, fee_rate_fallback=5_000)
    )
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.office.keeper.objects = house.office.cooler.objects = no_voids
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(lambda: count(house, Purpose.LIFT) > 0)
    house.linger()
    assert count(house, Purpose.LIFT) == 1
    house.confirmed("a")
