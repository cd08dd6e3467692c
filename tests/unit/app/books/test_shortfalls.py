"""What the chain has done is booked even where a wallet has no coins for it: they are absent meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger, undone
from keepcool.app.store import Store
from keepcool.core.ids import AssetId, WalletId
from tests.fixtures.books import open_books

pytestmark = pytest.mark.usefixtures("both_engines")

COIN = AssetId("bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2")
A = WalletId("a")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(open_books(tmp_path / "app.sqlite"))
    made.create_tables()
    yield made
    made.close()


def standing(tx: Connection) -> tuple[int, int, int, int]:
    """coins, owed, short, absent."""
    names = (accounts.coins(A), accounts.owed(A), accounts.short(A), accounts.absent(A))
    coins, owed, short, absent = (ledger.balance(tx, name, COIN) for name in names)
    return coins, owed, short, absent


def credit(tx: Connection, name: str, units: int) -> None:
    ledger.credit_deposits(tx, [(name, A, units)], COIN, 1)


def late(tx: Connection, occasion: str, units: int) -> None:
    ledger.late_payout(tx, withdrawal="w", wallet=A, asset=COIN, units=units, at_ms=1, occasion=occasion)


def test_a_payment_nobody_has_coins_for_is_booked_and_made_good(store: Store) -> None:
    """Others of its pool have paid for it: the wallet is short by it, once however often it is told; what
    comes in next makes it good, and only what is left is its owner's."""

    def work(tx: Connection) -> list[tuple[int, int, int, int]]:
        credit(tx, "one", 3)
        late(tx, "x", 10)
        late(tx, "x", 10)
        seen = [standing(tx)]
        credit(tx, "two", 4)
        seen.append(standing(tx))
        credit(tx, "three", 5)
        return [*seen, standing(tx)]

    assert store.transact(work) == [(0, 0, 7, 7), (0, 0, 3, 3), (2, 2, 0, 0)]
    assert not store.transact(ledger.check_books)


def test_what_was_never_paid_makes_it_good_as_well(store: Store) -> None:
    """The payment is taken back: nothing is short or absent; taken back again, or for another occasion that
    never was, nothing changes."""

    def work(tx: Connection) -> tuple[int, int, int, int]:
        credit(tx, "one", 3)
        late(tx, "x", 10)
        for occasion in ("x", "x", "y"):
            undone.late_payout(tx, withdrawal="w", wallet=A, asset=COIN, units=10, at_ms=1, occasion=occasion)
        return standing(tx)

    assert store.transact(work) == (3, 3, 0, 0)
    assert not store.transact(ledger.check_books)


def test_two_payments_of_one_withdrawal_are_two(store: Store) -> None:
    """Two transactions have paid it after it had ended: each is on the books."""

    def work(tx: Connection) -> tuple[int, int, int, int]:
        credit(tx, "one", 9)
        late(tx, "x", 2)
        late(tx, "y", 2)
        return standing(tx)

    assert store.transact(work) == (5, 5, 0, 0)
