"""Hot keys open with keys that come with requests, over keystores in files: paid, handed over, changed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keepcool.client.api import Wallet
from keepcool.client.requestkeys import derived
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.local import commands
from tests.fixtures.installation import COIN, House, count, eventually, whole_house

pytestmark = pytest.mark.live
OLD, NEW = b"the password of a user", b"another password of his"


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    with whole_house(lambda: bool(request.session.testsfailed), departing=True) as made:
        yield made


def key(wallet: Wallet, password: bytes) -> Secret:
    with Secret(bytearray(password)) as given:
        return derived(given, wallet.id)


def keystore(house: House, *words: str) -> str:
    config = str(house.places.config(Service.KEEPER))
    return commands.told("keeper", "keystore", *words, "--config", config)


def test_app_keeps_the_keys_until_users_take_them(house: House) -> None:
    """With App's keys all is as usual. Handed over, nothing leaves without the user's key: a wrong one is
    refused by Keeper and changes nothing, the right one pays; changed, the old one does not. A reload of App
    keeps what was lent, and every change of hands is told."""
    wallet, two, three = house.deployed(8), house.outside(), house.outside()
    keys = house.client.request_keys
    with key(wallet, OLD) as old, key(wallet, NEW) as new, Secret(bytearray(32)) as stranger:
        assert keys.change(wallet.id, old) == "user"
        house.restart("app")  # what App knew of the key is gone
        rows = house.rows("keeper")
        asked = house.client.withdraw(wallet.id, house.eth, COIN, two)
        keys.lend(wallet.id, stranger)
        eventually(lambda: "key" in waiting(house, asked.id), "App was not told what is missing")
        assert (house.chain.balance(two), house.rows("keeper")) == (0, rows)
        keys.lend(wallet.id, old)
        house.paid_once(asked, two, COIN)
        with pytest.raises(Refused, match=r"request_key"):
            keys.change(wallet.id, new, stranger)
        assert keys.change(wallet.id, new, old) == "user"
        keys.lend(wallet.id, new)
        commands.told("app", "reload", "--config", str(house.places.config(Service.APP)))
        last = house.client.withdraw(wallet.id, house.eth, COIN, three)
        house.paid_once(last, three, COIN)
        assert keys.change(wallet.id, None, new) == "app"
    told = [one.type.partition(".")[2] for one in house.client.events.after(types=("request_key.*",))]
    assert told == ["handed_over", "changed", "given_back"]
    assert count(house.data("app"), "SELECT count(*) FROM request_key WHERE key IS NOT NULL") == 1


def waiting(house: House, payment: str) -> str:
    """What stands with a payment that waits to be signed."""
    with closing(sqlite3.connect(f"file:{house.data('app')}?mode=ro", uri=True, timeout=10)) as reading:
        return str(reading.execute("SELECT problem FROM withdrawal WHERE id = ?", (payment,)).fetchone()[0])


def test_the_keystores_key_is_renewed_while_payments_are_signed(house: House, tmp_path: Path) -> None:
    """Rotated and rewrapped beside a payment, Keeper killed in between. Started without its credential it
    waits; a wrong passphrase leaves it waiting, the right one, said over its control socket, starts it. Then
    the payment arrives, every row lies under the new version, and the old one is gone."""
    wallet, to = house.wallet(3), house.outside()
    keystore(house, "rotate")
    asked = house.client.withdraw(wallet.id, house.eth, COIN, to)
    keystore(house, "rewrap")
    os.kill(house.child("keeper").pid, signal.SIGKILL)
    house.child("keeper").wait(30)
    house.start("keeper", env={}, ready=False)
    eventually(lambda: "waiting for the keystore" in house.child("keeper").log_tail(), "Keeper does not wait")
    right, wrong = house.places.shares(Service.KEEPER) / "keystore-passphrase", tmp_path / "wrong"
    wrong.write_text("not the passphrase of this keystore\n")
    for file, said in ((wrong, "keystore.passphrase"), (right, "open")):
        config = str(house.places.config(Service.KEEPER))
        words = ("keeper", "keystore", "open", "--config", config, "--passphrase-file", str(file))
        run = subprocess.run(commands.argv(*words), capture_output=True, text=True, timeout=90, check=False)
        assert said in run.stdout + run.stderr
    house.installation.wait_ready(90)
    keystore(house, "rewrap")
    keystore(house, "retire")
    assert "under version 1" not in keystore(house, "status")
    house.paid_once(asked, to, COIN)
