"""`keepcool app reconcile` beside a running App: clean at every moment of a payout, on all three families."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepcool.client.api import Wallet
from keepcool.client.models import Withdrawal
from keepcool.core.parties import Service
from keepcool.local.bitcoinchain import COIN as LITE
from tests.fixtures.bitcoinhouse import BitcoinHouse, whole_bitcoin_house
from tests.fixtures.installation import COIN, WAIT_S, House, Parts
from tests.fixtures.minterhouse import MNT, MinterHouse

pytestmark = pytest.mark.live
KEEPCOOL = Path(sys.executable).parent / "keepcool"


@pytest.fixture(scope="module")
def bitcoin(request: pytest.FixtureRequest) -> Iterator[BitcoinHouse]:
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(keep=lambda: request.session.testsfailed > failed_before) as made:
        yield made


def reconciled(parts: Parts) -> tuple[int, dict[str, Any]]:
    config = parts.places.config(Service.APP)
    argv = [str(KEEPCOOL), "app", "reconcile", "--config", str(config), "--json"]
    run = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert run.stdout, run.stderr
    return run.returncode, json.loads(run.stdout)


def followed(parts: Parts, asked: Withdrawal, payer: Wallet) -> None:
    """Until it is confirmed, and once more after."""
    end, states = time.monotonic() + WAIT_S, list[str]()
    while not states or states[-1] != "confirmed":
        assert time.monotonic() < end, states
        states.append(parts.client.withdrawal(asked.id).state)
        code, report = reconciled(parts)
        assert (code, report["differences"]) == (0, []), states
    parts.agrees(payer)
    assert set(report["heads"]) == {"keeper", "cooler"}
    assert all(int(total["wallets"]) for total in report["totals"])


def test_on_ethereum(house: House) -> None:
    """A payout of a Safe, from drafting to its finality."""
    payer = house.wallet()
    followed(house, house.client.withdraw(payer.id, house.eth, COIN, house.outside()), payer)


def test_on_minter(minter: MinterHouse) -> None:
    """A payout that pays its own fee."""
    payer = minter.wallet()
    followed(minter, minter.client.withdraw(payer.id, MNT, COIN, minter.outside()), payer)


def test_on_bitcoin(bitcoin: BitcoinHouse) -> None:
    """A payout with change, its fee, and its confirmations."""
    payer = bitcoin.wallet()
    followed(bitcoin, bitcoin.withdraw(payer, LITE // 4, bitcoin.outside()), payer)
