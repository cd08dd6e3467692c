"""App's database is gone: both signers and the chain bring back all it said, to the unit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepcool.client.api import Wallet
from keepcool.local.bitcoinchain import COIN
from keepcool.local.plan import BitcoinPlan
from tests.fixtures.bitcoinhouse import LTC, NETWORK, BitcoinHouse, whole_bitcoin_house
from tests.fixtures.lostbooks import (
    BACKUP,
    FROM_SIGNERS,
    PUT_BACK,
    RECALLED,
    RESCAN,
    alarms,
    books_at,
    connect_anew,
    lose_books,
    run,
    shown,
    told,
)
from tests.fixtures.postgres import LivePostgres

pytestmark = pytest.mark.live
_DEEP = 8  # no credit waits for more
FROM_ZERO = ("rescan", "--network", NETWORK, "--from-height", "0")
OWNERS = 'SELECT id, "user", address, stage FROM wallet ORDER BY number'


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[BitcoinHouse]:
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(lambda: request.session.testsfailed > failed_before, pooled) as made:
        yield made


def pooled(network: BitcoinPlan) -> BitcoinPlan:
    return replace(network, pool=True)


def owned(house: BitcoinHouse, kind: str = "segregated") -> Wallet:
    return house.client.make_wallet(house.client.make_user().id, NETWORK, kind=kind)


def segregated(house: BitcoinHouse, *amounts: int) -> Wallet:
    made = owned(house)
    for sat in amounts:
        house.chain.pay(made.address, sat)
    house.until_available(made, LTC, sum(amounts))
    return made


def test_nothing_is_lost_with_the_database(
    house: BitcoinHouse, tmp_path: Path, postgres: LivePostgres
) -> None:
    """Wallets of their own and a pool, deposits, payments, a payment between two of ours: the database is
    deleted, restored from both signers and read again from the first block. Every owner has what he had, and
    so has the pool's user whose address the shop remembers, once it is said who was paid; the other's coins
    are the pool's own. No address is anybody else's, and payments go on. The same commands bring the same
    back on PostgreSQL."""
    pool = house.client.pools.make(NETWORK, "main")
    alice, bob = owned(house), owned(house)
    carol, dora = owned(house, "pooled"), owned(house, "pooled")
    (further,) = house.client.more_addresses(alice.id)
    coming = [(alice.address, 3), (alice.address, 1), (further, 1), (bob.address, 2), (carol.address, 4)]
    coming.append((dora.address, 3))
    for to, coins in coming:
        house.chain.pay(to, coins * COIN)
    for one, coins in ((alice, 5), (bob, 2), (carol, 4), (dora, 3)):
        house.until_available(one, LTC, coins * COIN)
    asked = [house.withdraw(one, COIN, house.outside()) for one in (alice, carol)]
    for each in [*asked, house.client.transfer(bob.id, alice.id, LTC, COIN)]:
        house.confirmed(each)
    house.confirmed(house.withdraw(alice, COIN // 2, house.outside()))
    house.chain.mine(_DEEP)
    house.agrees(alice, bob)
    before = {one.id: house.available(one, LTC) for one in (alice, bob, carol)}
    level = house.client.pools.show(pool.wallet.id).on_chain
    lose_books(house)

    restored = told(house, "restore", "--from-signers")
    assert (restored["wallets"], restored["pools"], restored["refused"]) == (3, 1, [])
    given = tmp_path / "given"
    word = {"wallet": carol.id, "user": carol.told.user, "address": carol.address}
    given.write_text(json.dumps(word), encoding="utf-8")
    again = told(house, "restore", "--from-signers", "--given", str(given))
    assert (again["found"], again["wallets"], again["addresses"], again["given"]) == (3, 0, 0, 1)
    done = told(house, *FROM_ZERO, status=3)
    assert (done["even"], done["ended"], len(done["differing"]), len(done["open"])) == (False, False, 1, 1)
    same_on_postgres(house, postgres, given, restored | {"given": 1}, done)
    run(house, "recalled", "book", str(done["open"][0]), "--wallet", carol.id)
    done = told(house, *FROM_ZERO)
    assert (done["even"], done["ended"], done["differing"], done["open"]) == (True, True, [], [])
    assert told(house, *FROM_ZERO) == done | {"ended": False}

    house.start("app")
    connect_anew(house)
    assert {one.id: house.available(one, LTC) for one in (alice, bob, carol)} == before
    after = house.client.pools.show(pool.wallet.id)
    assert (after.on_chain, after.booked, after.own) == (level, level, str(3 * COIN))
    assert [house.client.wallet(one.id).address for one in (alice, carol)] == [alice.address, carol.address]
    assert further in house.client.addresses(alice.id)
    house.agrees(alice, bob)
    to = house.outside()
    house.paid_once(house.withdraw(alice, COIN, to), to, COIN)
    fresh = house.client.make_wallet(house.client.make_user().id, NETWORK, kind="pooled")
    assert fresh.address not in (carol.address, dora.address, pool.wallet.address)
    assert alarms(house) <= {"books.restored", "payout.recalled", "deposit.to_nobody"}


def test_a_backup_is_brought_up_to_the_chain(house: BitcoinHouse, tmp_path: Path) -> None:
    """A backup taken beside a running App, put back after wallets, deposits and payments it knows nothing of:
    a withdrawal that was open in it is confirmed and not paid again, what was paid since is booked, and every
    balance is what it was."""
    copy, to, later = tmp_path / "books.backup", house.outside(), house.outside()
    alice = segregated(house, 5 * COIN)
    with held_back(house, alice):
        asked = house.withdraw(alice, COIN, to)
        shown(house, BACKUP, copy=copy)
        assert run(house, "restore", str(copy), "--one-machine", status=2) == ""
    unknown = house.withdraw(alice, COIN, later)
    dave = segregated(house, 2 * COIN)
    for each in (asked, unknown):
        house.confirmed(each)
    house.chain.mine(_DEEP)
    house.agrees(alice, dave)
    before = {one.id: house.available(one, LTC) for one in (alice, dave)}
    house.stop("app")

    assert run(house, "restore", str(copy), "--one-machine", status=2) == ""
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert run(house, "restore", str(copy), "--force", "--one-machine", status=2) == ""
    copy.write_bytes(whole)
    shown(house, PUT_BACK, copy=copy)
    shown(house, FROM_SIGNERS)
    said = shown(house, RESCAN, network=NETWORK)
    assert "The books say what the chain says, to the unit." in said
    assert "Payments go on." in said
    assert shown(house, RECALLED) == ""

    house.start("app")
    assert {one.id: house.available(one, LTC) for one in (alice, dave)} == before
    house.confirmed(asked)
    assert (house.chain.balance(to), house.chain.balance(later)) == (COIN, COIN)
    house.agrees(alice, dave)
    assert "wallet.spent_without_us" not in alarms(house)


def same_on_postgres(
    house: BitcoinHouse, postgres: LivePostgres, given: Path, restored: Any, read: Any
) -> None:
    """Restored and read there as it was in the file, with the same owners and addresses."""
    database = postgres.empty()
    with books_at(house, postgres.server(database).url):
        assert told(house, "restore", "--from-signers", "--given", str(given)) == restored
        assert told(house, *FROM_ZERO, status=3) == read
    with closing(sqlite3.connect(f"file:{house.data('app')}?mode=ro", uri=True, timeout=10)) as books:
        assert postgres.sql(OWNERS, database) == books.execute(OWNERS).fetchall()
    postgres.drop(database)


@contextmanager
def held_back(house: BitcoinHouse, wallet: Wallet) -> Iterator[None]:
    """Nothing is drafted out of this wallet inside."""
    freeze = (
        "INSERT INTO deposit_event (key, at_ms, network, wallet, code, text, freezes)"
        " VALUES ('test', 1, ?, ?, 'test.held', 'held back', 'wallet')"
    )
    house.execute(freeze, NETWORK, wallet.id)
    yield
    house.execute("UPDATE deposit_event SET thawed_at_ms = 1 WHERE key = 'test'")
