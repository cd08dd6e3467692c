"""Two Apps on one database would give out nonces twice: the second does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.core.parties import Service
from keepcool.local import commands
from keepcool.local.process import ChildProcess, free_port
from tests.fixtures.installation import COIN, WAIT_S, House

pytestmark = pytest.mark.live


def test_a_second_app_refuses_to_start_and_the_first_goes_on(house: House, tmp_path: Path) -> None:
    """The second ends at once, naming the database that is in use; the first pays as before."""
    config = house.places.config(Service.APP)
    beside = config.with_name("second.toml")
    old, new = f"port = {house.installation.reach.app_port}", f"port = {free_port()}"
    text = config.read_text(encoding="utf-8")
    assert old in text
    beside.write_text(text.replace(old, new), encoding="utf-8")
    argv = commands.argv("app", "run", "--config", str(beside), "--one-machine")
    try:
        with ChildProcess("second app", argv, beside.parent, tmp_path / "log") as second:
            assert second.wait(WAIT_S) not in (0, None)
            said = second.log_tail()
    finally:
        beside.unlink()
    assert "another App process has books.sqlite open; stop it" in said
    payer, to = house.wallet(), house.outside()
    house.paid_once(house.client.withdraw(payer.id, house.eth, COIN, to), to, COIN)
