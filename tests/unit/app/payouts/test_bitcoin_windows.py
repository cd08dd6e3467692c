"""While Keeper is locked nothing is wrong: payouts wait, say for what, outlive their intents, get paid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.http.payouts_shown import shown
from keepcool.app.payouts.bitcoin import batches
from keepcool.app.payouts.bitcoin.batches import Batch
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.app.payouts.windows import WAITS
from keepcool.app.pools.exposure import waiting_for_window
from keepcool.core.ids import WalletId
from tests.fixtures.bitcoinrecords import POOL
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    record = house.office.issue("pool", 0, profile=POOL)
    house.fund(record, "alice", COIN, address=house.office.member(record, "alice", 1))
    house.office.keeper.locked = True
    house.office.order("a", "alice", COIN // 4, house.outside(1))
    yield house
    house.close()


def newest(house: House) -> Batch:
    return house.office.store.transact(lambda tx: batches.of_withdrawal(tx, "a"))[-1]


def until_waiting(house: House) -> Batch:
    def waits() -> bool:
        one = house.office.read("a")
        return WAITS in house.office.store.transact(lambda tx: shown(tx, one)).reason

    house.live(waits)
    return newest(house)


def test_a_locked_keeper_is_waited_for(house: House) -> None:
    """The withdrawal says that it waits for a signing window, its pool counts it, and nothing is sent; once
    unlocked it is paid by itself."""
    one = until_waiting(house)
    assert house.office.store.transact(lambda tx: waiting_for_window(tx, WalletId("pool"))) == 1
    assert house.paper.pool == {}
    house.office.keeper.locked = False
    house.office.store.transact(lambda tx: batches.at_once(tx, one.id))
    house.confirmed("a")
    assert house.office.store.transact(lambda tx: waiting_for_window(tx, WalletId("pool"))) == 0
    assert house.paper.paid(house.script(1)) == COIN // 4


def test_an_intent_that_runs_out_before_the_window_is_made_anew(house: House) -> None:
    """A pause between two windows longer than an intent lives fails no withdrawal: it is drafted again, and
    paid once."""
    one = until_waiting(house)
    house.office.store.transact(lambda tx: tx.execute(batch.update().values(expires_at_s=1, try_after_ms=0)))
    house.live(lambda: house.office.store.transact(lambda tx: batches.get(tx, one.id)).stage == "ended")
    assert house.office.reached("a", "requested", "drafted", "partly_signed")()
    house.office.keeper.locked = False
    house.confirmed("a")
    assert newest(house).id != one.id
    assert house.paper.paid(house.script(1)) == COIN // 4
