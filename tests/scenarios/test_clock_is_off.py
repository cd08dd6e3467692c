"""App's clock differs from the signers': a little is borne, minutes are refused by name."""

from __future__ import annotations

import pytest

from keepcool.core.parties import Service
from tests.fixtures.installation import COIN, House, eventually, setting

pytestmark = pytest.mark.live


@pytest.mark.parametrize("offset_s", [300, -300])
def test_minutes_off_signs_nothing_and_says_why(house: House, offset_s: int) -> None:
    """Five minutes ahead or behind: health names the clock, no journal grows, the right clock pays."""
    payer, to = house.wallet(), house.outside()
    rows = house.rows("keeper"), house.rows("cooler")
    with house.edited(Service.APP, setting(f"clock_offset_ms = {offset_s * 1000}")):
        house.stop("app")
        house.start("app", ready=False)
        eventually(lambda: house.installation.health() is not None, "App does not answer")
        asked = house.client.withdraw(payer.id, house.eth, COIN, to)
        eventually(lambda: house.client.withdrawal(asked.id).state == "drafted", "not drafted")
        eventually(lambda: "wire.clock" in (house.installation.health() or {}).get("keeper", ""), "not named")
    assert (house.rows("keeper"), house.rows("cooler")) == rows
    assert house.chain.balance(to) == 0
    house.restart("app")
    house.paid_once(asked, to, COIN)


@pytest.mark.parametrize("offset_s", [25, -25])
def test_seconds_off_is_borne(house: House, offset_s: int) -> None:
    """Twenty-five seconds ahead or behind: everything is paid as always."""
    payer, to = house.wallet(), house.outside()
    with house.edited(Service.APP, setting(f"clock_offset_ms = {offset_s * 1000}")):
        house.restart("app")
        house.paid_once(house.client.withdraw(payer.id, house.eth, COIN, to), to, COIN)
    house.restart("app")
