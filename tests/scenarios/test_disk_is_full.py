"""A signer whose disk is full remembers nothing, so it signs nothing; with room again it goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepcool.core.parties import Service
from keepcool.local.process import ChildProcess
from tests.fixtures.cramped_keeper import FULL
from tests.fixtures.installation import COIN, House, count, eventually

pytestmark = pytest.mark.live
WALLETS = 4  # more than the last pages have room for
CHECKOUT = Path(__file__).parents[2]


def test_a_full_disk_signs_nothing_and_room_finishes_it(house: House) -> None:
    """Keeper's database cannot grow: orders wait with a sentence that says so and are not in its journal;
    with room again they are paid once, without a restart."""
    payers = [house.wallet() for _ in range(WALLETS)]
    to = [house.outside() for _ in payers]
    with _cramped(house) as full:
        full.touch()
        asked = [
            house.client.withdraw(one.id, house.eth, COIN, there).id
            for one, there in zip(payers, to, strict=True)
        ]
        eventually(lambda: bool(_waiting(house, asked)), "nobody was told")
        remembered = {one for one in asked if _in_journal(house, one)}
        assert not remembered & _waiting(house, asked)
        assert house.child("keeper").alive
        full.unlink()
        for one, there in zip(asked, to, strict=True):
            house.paid_once(house.client.withdrawal(one), there, COIN)
            assert _in_journal(house, one)


def _waiting(house: House, withdrawals: list[str]) -> set[str]:
    return {one for one in withdrawals if "make room on the disk" in house.client.withdrawal(one).reason}


def _in_journal(house: House, withdrawal: str) -> bool:
    named = "SELECT count(*) FROM entry WHERE instr(CAST(body AS TEXT), ?)"
    return count(house.data("keeper"), named, withdrawal) > 0


@contextmanager
def _cramped(house: House) -> Iterator[Path]:
    """Keeper runs on a disk that is full while the file given lies there."""
    folder = house.places.service(Service.KEEPER)
    full = house.data("keeper").with_name(FULL)
    words = [sys.executable, "-m", "tests.fixtures.cramped_keeper"]
    words += ["--config", str(house.places.config(Service.KEEPER).absolute()), "--one-machine"]
    plain = house.child("keeper")
    house.stop("keeper")
    env = {"PYTHONPATH": str(CHECKOUT)}
    house.installation.children["keeper"] = ChildProcess("keeper", words, folder, plain.log, env)
    house.installation.start("keeper")
    house.installation.wait_ready()
    try:
        yield full
    finally:
        full.unlink(missing_ok=True)
        house.stop("keeper")
        house.installation.children["keeper"] = plain
        house.start("keeper")
