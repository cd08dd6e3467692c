"""After a restore: what may be somebody's is given to nobody, watched, and told when coins come there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemClock
from keepcool.app.books import accounts
from keepcool.app.books.postings import balance, check_books
from keepcool.app.coins import addresses
from keepcool.app.coins.tables import address
from keepcool.app.deposits import events
from keepcool.app.deposits.bitcoin.follower import Follower, Plan
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.deposits.events import Event
from keepcool.app.pools import books, rows, skipped
from keepcool.chains.bitcoin.listing import POOL_END, listing_of
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from tests.fixtures.bitcoinrecords import NETWORK
from tests.unit.app.deposits.paperbitcoin import PaperBitcoin, payment
from tests.unit.app.http.running import Running, running
from tests.unit.app.pools.house import ASSET, PoolSigners, settings
from tests.unit.app.pools.test_pools_api import (
    awaited,
    change,
    client,
    good,
    make_pool,
    make_user,
    make_wallet,
    signers_of,
)

pytestmark = pytest.mark.slow

BEYOND = 2_500  # more than two lots
PAID = 70_000


@dataclass
class Restored:
    """A pool whose signers attested `BEYOND` addresses that this database does not know, from `known` on."""

    app: Running
    pool: WalletId
    known: int

    def script(self, index: int) -> bytes:
        return listing_of(signers_of(self.app).records[self.pool], 0).scripts([index])[0]

    def learnt(self) -> None:
        """App has asked for addresses, and heard how far the signers went."""
        api = client(self.app)
        user = make_user(api, "later")
        awaited(lambda: make_wallet(api, user)["proof"]["index"] > self.known + BEYOND)

    def deposit(self, index: int) -> list[Event]:
        """One paid to this address and followed until it is deep. What was found wrong."""
        node, row = PaperBitcoin(), SHIPPED.of(NETWORK)
        follower = Follower(Plan(Terms(row, 1_000), 1), node, self.app.store, SystemClock())
        node.mine(payment([(self.script(index), PAID)]))
        node.mine(blocks=10)
        for _ in range(50):
            if not asyncio.run(follower.step()).busy:
                break
        return self.app.store.transact(lambda tx: events.list_events(tx, limit=10))

    def own(self) -> tuple[int, int]:
        """What is the pool's own, and what lies on chain."""
        assert change(self.app, check_books) == []
        stands = self.app.store.transact(lambda tx: books.standing(tx, self.pool, ASSET))
        assert stands.booked == stands.on_chain
        return stands.own, stands.on_chain


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[Restored]:
    with running(tmp_path, settings(tmp_path), PoolSigners()) as app:
        api = client(app)
        pool = WalletId(make_pool(api))
        awaited(lambda: good(api.get(f"/v1/pools/{pool}"))["addresses_in_stock"] >= 12)
        known = change(app, lambda tx: rows.next_index(tx, pool, 0))
        for service in (Service.KEEPER, Service.COOLER):
            signers_of(app).highest[service, pool] = known + BEYOND
        change(app, lambda tx: rows.burn_stock(tx, pool))
        change(app, lambda tx: tx.execute(address.delete().where(address.c.leaf > 0)))
        yield Restored(app, pool, known)


def test_coins_at_an_address_passed_over_are_the_pools_and_told(restored: Restored) -> None:
    """Whoever pays to an address that was given out after the backup is seen: ledger and chain agree, the
    coins are the pool's own, and one finding says which index and how much. A transfer gives them to him."""
    restored.learnt()
    index = restored.known + BEYOND - 1
    (found,) = restored.deposit(index)
    assert (found.code, found.wallet, found.freezes.value) == ("deposit.to_nobody", restored.pool, "")
    assert f"{PAID} satoshi" in found.text
    assert f"address {index} of pool" in found.text
    assert restored.own() == (PAID, PAID)
    api = client(restored.app)
    mine = WalletId(make_wallet(api, make_user(api, "theirs"))["id"])
    body = {"from_wallet": restored.pool, "to_wallet": mine, "asset": ASSET, "amount": str(PAID)}
    good(api.post("/v1/transfers", json=body, headers={"Idempotency-Key": "t"}))
    assert change(restored.app, lambda tx: balance(tx, accounts.owed(mine), ASSET)) == PAID
    assert restored.own() == (0, PAID)


def test_twin_an_address_that_is_not_watched_is_not_seen(restored: Restored) -> None:
    """Before App has heard how far the signers went, the same payment is nothing to it."""
    assert restored.deposit(restored.known + BEYOND - 1) == []
    assert restored.own() == (0, 0)


def test_all_that_was_passed_over_is_watched_as_the_pools_own(restored: Restored) -> None:
    """Every index from the first unknown one to the last attested one, without an owner."""
    restored.learnt()
    indices = range(restored.known, restored.known + BEYOND + 1)
    scripts = listing_of(signers_of(restored.app).records[restored.pool], 0).scripts(indices)
    found = change(restored.app, lambda tx: addresses.at_scripts(tx, NETWORK, scripts))
    assert [found[script].index for script in scripts] == list(indices)
    assert {one.wallet for one in found.values()} == {None}


def test_watching_goes_on_where_it_was_interrupted_and_ends_where_signers_end(restored: Restored) -> None:
    """What is watched already is where the next range is asked beyond; done twice it is done once, and no
    index is watched that no signer hands out."""
    record, store = signers_of(restored.app).records[restored.pool], restored.app.store
    restored.app.halt()
    networks = restored.app.parts.attesters.families.networks
    last = POOL_END - 1
    for _ in range(2):
        asyncio.run(skipped.watch(store, record, last - 4, last + BEYOND, networks))
    assert change(restored.app, lambda tx: skipped.beyond(tx, record, networks)) == POOL_END
    own = addresses.of_source
    found = change(restored.app, lambda tx: own(tx, restored.pool, change=0, limit=100, after=last - 5))
    assert [one.index for one in found] == list(range(last - 4, POOL_END))


def test_stock_burnt_at_a_start_is_watched(tmp_path: Path) -> None:
    """What lay in stock in the backup may have been given since: a payment there is seen and told."""
    chosen, signers = settings(tmp_path), PoolSigners()
    with running(tmp_path, chosen, signers) as first:
        api = client(first)
        pool, user = WalletId(make_pool(api)), make_user(api, "u1")
        given = make_wallet(api, user)["proof"]["index"]
    with running(tmp_path, chosen, signers) as second:
        again = Restored(second, pool, given)
        (found,) = again.deposit(given + 1)
        assert found.code == "deposit.to_nobody"
        assert again.own() == (PAID, PAID)
