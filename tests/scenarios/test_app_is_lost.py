"""App's database is gone: both signers and the chain bring back all it said, to the unit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from keepcool.client import profile
from keepcool.client.api import Client, Wallet
from keepcool.client.models import PoolAnswer
from keepcool.core.parties import Service
from keepcool.local import commands
from keepcool.local.bitcoinchain import COIN
from keepcool.local.plan import BitcoinPlan
from tests.fixtures.bitcoinhouse import LTC, NETWORK, BitcoinHouse, whole_bitcoin_house

pytestmark = pytest.mark.live
_DEEP = 8  # no credit waits for more


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[BitcoinHouse]:
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(lambda: request.session.testsfailed > failed_before, pooled) as made:
        yield made


def pooled(network: BitcoinPlan) -> BitcoinPlan:
    return replace(network, pool=True)


def segregated(house: BitcoinHouse, *amounts: int) -> Wallet:
    made = house.client.make_wallet(house.client.make_user().id, NETWORK, kind="segregated")
    for sat in amounts:
        house.chain.pay(made.address, sat)
    house.until_available(made, LTC, sum(amounts))
    return made


def run(house: BitcoinHouse, *words: str, status: int = 0) -> str:
    config = str(house.places.config(Service.APP).absolute())
    command = [*commands.argv("app", words[0]), *words[1:], "--config", config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@contextmanager
def connected_anew(house: BitcoinHouse) -> Iterator[Client]:
    """API keys are in no signer's registry: a new one."""
    key = run(house, "api-key", "new", "--name", "again", "--scopes", "read,users,wallets,withdraw,admin")
    (house.places.operator / "api.key").write_text(key, encoding="ascii")
    with profile.connect(house.places.operator / "operator.toml") as client:
        yield client


def test_nothing_is_lost_with_the_database(house: BitcoinHouse) -> None:
    """Wallets of their own and a pool, deposits, payments, a payment between two of ours: the database is
    deleted, restored from both signers and read again from the first block. Every owner has what he had, the
    pool lies where it lay, no address is anybody else's, and payments go on."""
    pool = house.client.pools.make(NETWORK, "main")
    alice, bob = segregated(house, 3 * COIN, COIN), segregated(house, 2 * COIN)
    (further,) = house.client.more_addresses(alice.id)
    house.chain.pay(further, COIN)
    house.until_available(alice, LTC, 5 * COIN)
    carol = house.client.make_wallet(house.client.make_user().id, NETWORK, kind="pooled")
    house.chain.pay(carol.address, 4 * COIN)
    house.until_available(carol, LTC, 4 * COIN)
    house.confirmed(house.withdraw(alice, COIN, house.outside()))
    house.confirmed(house.withdraw(alice, COIN // 2, house.outside()))
    house.confirmed(house.client.transfer(bob.id, alice.id, LTC, COIN))
    house.confirmed(house.withdraw(carol, COIN, house.outside()))
    house.chain.mine(_DEEP)
    house.agrees(alice, bob)
    before = {one.id: house.available(one, LTC) for one in (alice, bob, carol)}
    level = house.client.pools.show(pool.wallet.id).on_chain
    house.stop("app")
    for file in house.data("app").parent.iterdir():
        file.unlink()

    told = json.loads(run(house, "restore", "--from-signers", "--one-machine", "--json"))
    assert (told["wallets"], told["pools"], told["refused"]) == (3, 1, [])
    again = json.loads(run(house, "restore", "--from-signers", "--one-machine", "--json"))
    assert (again["found"], again["wallets"], again["users"], again["addresses"]) == (3, 0, 0, 0)
    rescan = ("rescan", "--network", NETWORK, "--from-height", "0", "--one-machine", "--json")
    done = json.loads(run(house, *rescan))
    assert (done["even"], done["ended"], done["differing"], done["open"]) == (True, True, [], [])
    assert json.loads(run(house, *rescan)) == done | {"ended": False}

    house.start("app", ready=False)
    with connected_anew(house) as client:
        house.client = client
        assert {one.id: house.available(one, LTC) for one in (alice, bob)} == {
            one.id: before[one.id] for one in (alice, bob)
        }
        restored = client.pools.show(pool.wallet.id)
        assert (restored.on_chain, restored.booked, restored.own) == (level, level, level)
        assert client.wallet(alice.id).address == alice.address
        assert further in client.addresses(alice.id)
        house.agrees(alice, bob)
        to = house.outside()
        house.paid_once(house.withdraw(alice, COIN, to), to, COIN)
        fresh = client.make_wallet(client.make_user().id, NETWORK, kind="pooled")
        assert fresh.address not in (carol.address, pool.wallet.address)
        codes = {str(code) for (code,) in house.ask_books("SELECT code FROM deposit_event")}
        assert codes <= {"books.restored", "payout.recalled", "deposit.to_nobody"}
