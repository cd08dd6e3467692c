"""The same order sent twice, at once or across App's death, is one payment."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from keepcool.client import profile
from keepcool.client.http import fresh_key
from keepcool.client.models import Withdrawal
from keepcool.core.errors import Conflict, KeepcoolError
from keepcool.core.faults import FaultPoint
from tests.fixtures.installation import COIN, WAIT_S, House, eventually

pytestmark = pytest.mark.live
AT_ONCE = 12


def test_one_key_many_times_at_once_pays_once(house: House) -> None:
    """Twelve clients send one order under one key at the same moment: one withdrawal, one payment."""
    payer, to, key = house.wallet(), house.outside(), fresh_key()
    answers = _all_at_once(house, payer.id, to, key)
    assert len({one.id for one in answers}) == 1
    house.paid_once(answers[0], to, COIN)
    assert len(house.client.read.withdrawals(payer.id)) == 1


def test_without_a_key_in_common_every_order_is_paid(house: House) -> None:
    """Control off: the same order under keys of its own each time is paid each time."""
    payer, to = house.wallet(), house.outside()
    asked = [house.client.withdraw(payer.id, house.eth, COIN, to) for _ in range(2)]
    for one in asked:
        house.confirmed(one)
    assert house.chain.balance(to) == 2 * COIN


def test_one_key_for_another_order_is_refused_and_nothing_changes(house: House) -> None:
    """A key used before with other contents is a conflict, and the first order alone is paid."""
    payer, to, key = house.wallet(), house.outside(), fresh_key()
    asked = house.client.withdraw(payer.id, house.eth, COIN, to, key=key)
    with pytest.raises(Conflict):
        house.client.withdraw(payer.id, house.eth, 2 * COIN, to, key=key)
    house.paid_once(asked, to, COIN)


def test_asked_again_after_app_died_pays_once(house: House) -> None:
    """App dies right after it took the order; the same order under the same key finds that one."""
    payer, to, key = house.wallet(), house.outside(), fresh_key()
    with house.doomed(FaultPoint.APP_REQUESTED) as app:
        first = house.client.withdraw(payer.id, house.eth, COIN, to, key=key)
        assert app.wait(WAIT_S) == -9
    again = house.client.withdraw(payer.id, house.eth, COIN, to, key=key)
    assert again.id == first.id
    house.paid_once(again, to, COIN)


def test_app_killed_while_orders_come_in_pays_once(house: House) -> None:
    """App is killed while a dozen clients send one order: some hear nothing, and it is paid once."""
    payer, to, key = house.wallet(), house.outside(), fresh_key()
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        sent = [crowd.submit(_sent, house, payer.id, to, key) for _ in range(AT_ONCE)]
        eventually(lambda: any(one.done() for one in sent), "nobody was answered")
        house.child("app").kill9()
        for one in sent:
            with suppress(KeepcoolError):
                one.result(WAIT_S)
    house.start("app")
    again = house.client.withdraw(payer.id, house.eth, COIN, to, key=key)
    house.paid_once(again, to, COIN)
    assert [one.id for one in house.client.read.withdrawals(payer.id)] == [again.id]


def _all_at_once(house: House, payer: str, to: str, key: str) -> Sequence[Withdrawal]:
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        return list(crowd.map(lambda _: _sent(house, payer, to, key), range(AT_ONCE)))


def _sent(house: House, payer: str, to: str, key: str) -> Withdrawal:
    with profile.connect(house.places.operator / "operator.toml") as client:
        return client.withdraw(payer, house.eth, COIN, to, key=key)
