"""Many postings at once: the same books as one after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from keepcool.app.books import accounts, dust, ledger, postings
from keepcool.app.books.tables import balance_row, entry, posting
from keepcool.app.store import Store
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, WalletId
from tests.fixtures.books import open_books

pytestmark = pytest.mark.usefixtures("both_engines")

ASSET = AssetId("bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:1")
ALICE, BOB = WalletId("alice"), WalletId("bob")
LOT = [("d1", ALICE, 10), ("d2", BOB, 20), ("d3", ALICE, 30), ("d1", ALICE, 10)]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    made = [Store(open_books(tmp_path / name)) for name in ("one.sqlite", "other.sqlite")]
    for one in made:
        one.create_tables()
    yield made[0], made[1]
    for one in made:
        one.close()


def everything(store: Store) -> list[list[tuple[object, ...]]]:
    tables = (posting, entry, balance_row)
    return store.transact(lambda tx: [sorted(map(tuple, tx.execute(select(one)))) for one in tables])


def one_by_one(store: Store) -> None:
    def work(tx: Connection) -> None:
        for name, wallet, units in LOT:
            ledger.credit_deposit(tx, deposit=name, wallet=wallet, asset=ASSET, units=units, at_ms=5)

    store.transact(work)


def test_a_lot_is_what_its_postings_are(stores: tuple[Store, Store]) -> None:
    """Postings, entries with their running balances, and balances are the same to the last row."""
    one_by_one(stores[0])
    stores[1].transact(lambda tx: ledger.credit_deposits(tx, LOT, ASSET, 5))
    assert everything(stores[0]) == everything(stores[1])
    stores[1].transact(lambda tx: ledger.credit_deposits(tx, LOT, ASSET, 9))
    assert everything(stores[0]) == everything(stores[1])
    assert stores[1].transact(postings.check_books) == []


def test_a_short_wallet_makes_up_first_in_a_lot_too(stores: tuple[Store, Store]) -> None:
    """What a wallet owes after a reversal is taken from the first deposits of the lot."""
    store = stores[0]

    def owing(tx: Connection) -> None:
        given: dict[str, Any] = {"wallet": ALICE, "asset": ASSET, "at_ms": 1}
        ledger.credit_deposit(tx, deposit="gone", units=50, **given)
        ledger.hold(tx, withdrawal="w", units=50, **given)
        ledger.settle_payout(tx, withdrawal="w", units=50, **given)
        ledger.credit_deposit(tx, deposit="other", units=50, **given)
        ledger.hold(tx, withdrawal="v", units=45, **given)
        ledger.reverse_deposit(tx, deposit="other", units=50, **given)
        ledger.credit_deposits(tx, LOT, ASSET, 5)

    store.transact(owing)
    owed = store.transact(lambda tx: ledger.balance(tx, accounts.owed(ALICE), ASSET))
    assert (owed, store.transact(lambda tx: ledger.wallet_short(tx, ALICE))) == (0, {ASSET: 5})
    assert store.transact(postings.check_books) == []


def test_a_key_with_other_lines_is_refused_and_nothing_changed(stores: tuple[Store, Store]) -> None:
    """One wrong posting of a lot leaves all of it out."""
    store = stores[0]
    store.transact(lambda tx: ledger.credit_deposits(tx, LOT[:1], ASSET, 5))
    before = everything(store)
    with pytest.raises(Conflict, match=r"ledger\.key_reused"):
        store.transact(lambda tx: ledger.credit_deposits(tx, [LOT[1], ("d1", ALICE, 11)], ASSET, 5))
    assert everything(store) == before


def test_dust_comes_goes_and_is_gathered(stores: tuple[Store, Store]) -> None:
    """On chain all the while, the owner's once it was gathered, a shortfall when it vanishes after that."""
    store = stores[0]
    given: dict[str, Any] = {"wallet": ALICE, "asset": ASSET, "at_ms": 5}

    def balances(*names: str) -> list[int]:
        kinds = {
            "coins": accounts.coins,
            "dust": accounts.dust,
            "owed": accounts.owed,
            "short": accounts.short,
        }
        return store.transact(lambda tx: [ledger.balance(tx, kinds[name](ALICE), ASSET) for name in names])

    store.transact(lambda tx: dust.credit_dust(tx, [("a", ALICE, 7), ("b", ALICE, 8)], ASSET, 5))
    assert balances("coins", "dust", "owed") == [15, 15, 0]
    store.transact(lambda tx: dust.reverse_dust(tx, deposit="a", units=7, **given))
    store.transact(lambda tx: dust.gather_dust(tx, key="b", units=8, **given))
    assert balances("coins", "dust", "owed") == [8, 0, 8]
    store.transact(lambda tx: dust.reverse_dust(tx, deposit="b", units=8, **given))
    assert balances("coins", "dust", "owed", "short") == [0, 0, 8, 8]
    assert store.transact(postings.check_books) == []
