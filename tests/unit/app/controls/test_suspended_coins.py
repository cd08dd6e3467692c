"""Suspended on a Bitcoin network: payments wait before they are drafted, and go on afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.controls import suspensions
from keepcool.app.controls.suspensions import Kind, Wish
from keepcool.core.errors import Conflict
from keepcool.core.withdrawal_states import Requested
from tests.fixtures.bitcoinoffice import ASSET
from tests.fixtures.bitcoinrecords import NETWORK, POOL
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A pool with two members, each with a coin, and a payment of each."""
    made = House(tmp_path)
    record = made.office.issue("pool", 0, profile=POOL)
    for number, name in enumerate(("alice", "bob"), start=1):
        made.fund(record, name, COIN, address=made.office.member(record, name, number))
    for number, name in enumerate(("alice", "bob"), start=1):
        made.office.order(name[0], name, COIN // 4, made.outside(number))
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "subject"), [(Kind.NETWORK, NETWORK), (Kind.ASSET, ASSET)])
def test_nothing_is_drafted_until_it_is_resumed(house: House, kind: Kind, subject: str) -> None:
    """Both wait and say why, a third is refused; resumed, both are paid once."""
    transact, wish = house.office.store.transact, Wish(kind, subject, "a split", "operator")
    transact(lambda tx: suspensions.suspend(tx, wish, 1))
    house.live(lambda: all("a split" in (house.office.read(one).problem or "") for one in "ab"))
    assert all(isinstance(house.office.read(one).state, Requested) for one in "ab")
    with pytest.raises(Conflict, match="a split"):
        house.office.order("c", "alice", COIN // 4, house.outside(3))
    transact(lambda tx: suspensions.resume(tx, kind, subject, reason="over", by="operator", at_ms=2))
    house.confirmed("a")
    house.confirmed("b")
    assert [house.paper.paid(house.script(number)) for number in (1, 2, 3)] == [COIN // 4, COIN // 4, 0]
