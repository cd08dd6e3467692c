"""Bitcoin wallets: App derives every address itself, and watches it from the wallet's making on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked, Stage
from keepcool.app.coins import addresses
from keepcool.app.coins.addresses import Address
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters, Issuer, Outcome, Wallet
from keepcool.chains.bitcoin.bip45 import CHANGE
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import UserId, WalletId
from keepcool.core.registry import WalletRecord
from tests.fixtures.bitcoinrecords import NETWORK, OWN, POOL, bitcoin_record
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import Signers

pytestmark = pytest.mark.usefixtures("both_engines")

USER = UserId("usr_1")
Change = Callable[[WalletRecord], WalletRecord]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(open_books(tmp_path / "app.sqlite"))
    made.create_tables()
    made.transact(lambda tx: people.create_user(tx, user=USER, external_id=None, about={}, now_ms=1))
    yield made
    made.close()


def issue(store: Store, profile: str = OWN, change: Change = lambda one: one) -> Outcome:
    """One wallet from signers that derive as ours do, then change their record and attest it."""
    signers = Signers()

    def tamper(asked: WalletRecord) -> WalletRecord:
        made = bitcoin_record(asked.wallet, profile=profile, owner=asked.owner)
        return change(
            replace(
                asked, **{name: getattr(made, name) for name in ("family", "threshold", "owners", "address")}
            )
        )

    signers.tamper = tamper

    async def run() -> Outcome:
        issuer = Issuer(await signers.start(), store, Attesters(signers.peers), signers.clock, timeout_s=5)
        (outcome,) = await issuer.issue([Asked(WalletId("wal_1"), USER, NETWORK, profile, None, {})])
        return outcome

    return asyncio.run(run())


def watched(store: Store) -> list[Address]:
    return store.transact(lambda tx: addresses.of_source(tx, WalletId("wal_1"), change=0, limit=10))


@pytest.mark.parametrize(("profile", "owner"), [(OWN, "wal_1"), (POOL, None)])
def test_a_wallets_address_is_watched_when_it_is_shown(store: Store, profile: str, owner: str | None) -> None:
    """Its deposits are its owner's; those to a pool's own address are nobody's but the pool's."""
    wallet = issue(store, profile)
    assert isinstance(wallet, Wallet)
    (one,) = watched(store)
    derived = wallet_of(wallet.record)
    assert (one.script, one.wallet, one.index) == (derived.script(derived.place(0, 0)), owner, 0)
    assert (one.cosigner, one.credited) == (derived.hot_branch, "wal_1")


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, address=bitcoin_record("other").address),
        lambda one: replace(one, address=one.address.upper()),
        lambda one: replace(one, owners=one.owners[:2]),
        lambda one: replace(one, owners=(one.owners[1], one.owners[1], one.owners[2])),
        lambda one: replace(one, threshold=1),
        lambda one: replace(one, family="evm", address="0x" + "66" * 20),
        lambda one: replace(
            one, owners=(replace(one.owners[0], origin=one.owners[1].origin), *one.owners[1:])
        ),
    ],
)
def test_what_both_signers_attested_is_derived_again(store: Store, change: Change) -> None:
    """An address that the record's own keys do not give is not stored, watched or shown."""
    outcome = issue(store, change=change)
    assert isinstance(outcome, KeepcoolError)
    assert outcome.code in {"wallet.address_differs", "wallet.record"}
    stored = store.transact(lambda tx: registry.get_wallet(tx, "wal_1"))
    assert (stored.stage, stored.record, watched(store)) == (Stage.ASKED, None, [])


def test_change_addresses_leave_no_gaps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch keeps its addresses however often it asks; what it gave back unused serves the next, what held
    a coin never serves again while there are others."""
    outcome = issue(store)
    assert isinstance(outcome, Wallet)
    wallet = wallet_of(outcome.record)
    source = WalletId("wal_1")

    def reserve(holder: str, count: int) -> list[int]:
        taken = store.transact(lambda tx: addresses.next_change(tx, source, wallet, count, holder))
        assert [one.script for one in taken] == [
            wallet.script(wallet.place(CHANGE, one.index)) for one in taken
        ]
        return [one.index for one in taken]

    assert (reserve("one", 2), reserve("two", 1), reserve("one", 3)) == ([0, 1], [2], [0, 1, 3])
    script = wallet.script(wallet.place(CHANGE, 1))
    store.transact(lambda tx: addresses.mark_used(tx, NETWORK, [script]))
    store.transact(lambda tx: addresses.give_back(tx, "one"))
    assert reserve("three", 3) == [0, 3, 4]
    monkeypatch.setattr(addresses, "CHANGE_END", 5)
    assert reserve("four", 2) == [1]  # where no more are known, what served serves again
