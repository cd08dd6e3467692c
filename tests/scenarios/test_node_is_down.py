"""The node goes away and comes back in the middle of a withdrawal."""

from __future__ import annotations

import pytest

from tests.fixtures.installation import COIN, House, eventually

pytestmark = pytest.mark.live


@pytest.mark.parametrize("at", ["requested", "signed", "broadcast"])
def test_stopped_and_started_again_pays_once(house: House, at: str) -> None:
    """The node is stopped once the withdrawal is this far and started again: paid once, books equal."""
    payer, to = house.wallet(), house.outside()
    asked = house.client.withdraw(payer.id, house.eth, COIN, to)
    reached = _STATES[_STATES.index(at) :]
    eventually(lambda: house.client.withdrawal(asked.id).state in reached, f"never {at}")
    house.chain.stop()
    eventually(lambda: _node(house) != "ok", "the node's absence is not seen")
    house.chain.start()
    house.paid_once(asked, to, COIN, timeout_s=60)


def test_while_it_is_away_orders_wait_and_reads_go_on(house: House) -> None:
    """Without a node an order is taken, nothing is signed, balances are still told; then it is paid."""
    payer, to, rows = house.wallet(), house.outside(), house.rows("keeper")
    house.chain.stop()
    asked = house.client.withdraw(payer.id, house.eth, COIN, to)
    eventually(lambda: _node(house) != "ok", "the node's absence is not seen")
    assert house.client.withdrawal(asked.id).state == "requested"
    assert house.available(payer, house.eth) == 9 * COIN
    assert house.rows("keeper") == rows
    house.chain.start()
    house.paid_once(asked, to, COIN, timeout_s=60)


_STATES = ["requested", "drafted", "partly_signed", "signed", "broadcast", "confirmed"]


def _node(house: House) -> str:
    health = house.installation.health() or {}
    return next(said for name, said in health.items() if name.startswith("node "))
