"""The ledger: balanced, posted once, never overdrawn, append-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from keepcool.app.books import ledger
from keepcool.app.books.ledger import Line
from keepcool.app.store import Store
from keepcool.core.errors import Conflict, Malformed
from keepcool.core.ids import AssetId, NetworkId, WalletId
from tests.fixtures.books import open_books

pytestmark = pytest.mark.usefixtures("both_engines")

ETH = AssetId("eip155:31337/slip44:60")
TOKEN = AssetId("eip155:31337/erc20:0x5FbDB2315678afecb367f032d93F642f64180aa3")
NETWORK = NetworkId("eip155:31337")
A, B = WalletId("a"), WalletId("b")
ETHER = 10**18


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(open_books(tmp_path / "app.sqlite"))
    made.create_tables()
    yield made
    made.close()


def units(store: Store, account: str, asset: AssetId = ETH) -> int:
    return store.transact(lambda tx: ledger.balance(tx, account, asset))


def deposit(store: Store, name: str, amount: int, wallet: WalletId = A) -> int:
    return store.transact(
        lambda tx: ledger.credit_deposit(tx, deposit=name, wallet=wallet, asset=ETH, units=amount, at_ms=1)
    )


def reverse(store: Store, name: str, amount: int) -> int:
    return store.transact(
        lambda tx: ledger.reverse_deposit(tx, deposit=name, wallet=A, asset=ETH, units=amount, at_ms=2)
    )


def step(store: Store, what: Callable[..., int], name: str, amount: int) -> int:
    return store.transact(lambda tx: what(tx, withdrawal=name, wallet=A, asset=ETH, units=amount, at_ms=3))


def run(store: Store, statement: str) -> None:
    store.transact(lambda tx: tx.exec_driver_sql(statement))


def page(store: Store, after: int | None, *, newest_first: bool) -> list[int]:
    found = store.transact(
        lambda tx: ledger.entries(tx, limit=3, account="owed:a", after=after, newest_first=newest_first)
    )
    return [one.id for one in found]


def everything(store: Store) -> object:
    def work(tx: Connection) -> object:
        tables = ("posting", "entry", "balance")
        return [tx.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2").all() for table in tables]  # noqa: S608

    return store.transact(work)


def test_a_withdrawal_moves_from_owed_to_held_to_gone(store: Store) -> None:
    """Deposit, hold and payout leave exactly what is on chain, to the unit."""
    deposit(store, "d", 20 * ETHER + 7)
    step(store, ledger.hold, "w", 12 * ETHER)
    assert (units(store, "owed:a"), units(store, "held:a")) == (8 * ETHER + 7, 12 * ETHER)
    step(store, ledger.settle_payout, "w", 12 * ETHER)
    assert (units(store, "owed:a"), units(store, "held:a")) == (8 * ETHER + 7, 0)
    assert units(store, "coins:a") == 8 * ETHER + 7
    assert store.transact(ledger.check_books) == []


def test_a_release_gives_the_whole_reservation_back(store: Store) -> None:
    """Hold and release leave the balances as they were."""
    deposit(store, "d", 10)
    step(store, ledger.hold, "w", 10)
    step(store, ledger.release, "w", 10)
    assert (units(store, "owed:a"), units(store, "held:a")) == (10, 0)


def test_a_withdrawal_is_never_both_released_and_paid(store: Store) -> None:
    """After a release there is nothing held for a payout to take, and nothing changes."""
    deposit(store, "d", 10)
    step(store, ledger.hold, "w", 10)
    step(store, ledger.release, "w", 10)
    before = everything(store)
    with pytest.raises(Conflict, match="balance is 0, 10 needed"):
        step(store, ledger.settle_payout, "w", 10)
    assert everything(store) == before


def test_asking_twice_posts_once(store: Store) -> None:
    """The same key with the same lines gives the same posting and changes nothing."""
    first = deposit(store, "d", 5)
    before = everything(store)
    assert deposit(store, "d", 5) == first
    assert everything(store) == before


def test_a_key_stands_for_one_content(store: Store) -> None:
    """The same key with another amount or wallet is refused and nothing changes."""
    deposit(store, "d", 5)
    before = everything(store)
    for wallet, amount in ((A, 6), (B, 5)):
        with pytest.raises(Conflict, match="other lines") as caught:
            deposit(store, "d", amount, wallet)
        assert caught.value.code == "ledger.key_reused"
    assert everything(store) == before


def test_more_than_there_is_cannot_be_held(store: Store) -> None:
    """Holding one unit more than is owed is refused with both numbers, and nothing changes."""
    deposit(store, "d", 5)
    before = everything(store)
    with pytest.raises(Conflict, match="balance is 5, 6 needed") as caught:
        step(store, ledger.hold, "w", 6)
    assert caught.value.code == "ledger.overdrawn"
    assert everything(store) == before


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("no lines", []),
        ("one line", [Line("coins:a", ETH, 1)]),
        ("sum not zero", [Line("coins:a", ETH, 2), Line("owed:a", ETH, -1)]),
        ("two assets", [Line("coins:a", ETH, 1), Line("owed:a", TOKEN, -1)]),
        ("a line of zero", [Line("coins:a", ETH, 0), Line("owed:a", ETH, 0)]),
        ("above 2**256", [Line("coins:a", ETH, 2**256), Line("owed:a", ETH, -(2**256))]),
        ("unknown account", [Line("gift:a", ETH, 1), Line("owed:a", ETH, -1)]),
        ("nobody's account", [Line("coins:", ETH, 1), Line("owed:a", ETH, -1)]),
    ],
)
def test_what_does_not_balance_is_not_posted(store: Store, name: str, lines: list[Line]) -> None:
    """A posting that is not double entry is Malformed and leaves nothing."""
    before = everything(store)
    with pytest.raises(Malformed):
        store.transact(lambda tx: ledger.post(tx, key=name, kind="test", lines=lines, at_ms=1))
    assert everything(store) == before


def test_a_balance_above_the_limit_is_refused(store: Store) -> None:
    """An account cannot grow beyond 2**256 - 1 base units."""
    deposit(store, "d", 2**256 - 1)
    with pytest.raises(Conflict, match="2\\*\\*256"):
        deposit(store, "e", 1)
    assert units(store, "owed:a") == 2**256 - 1


REWRITING = (
    "UPDATE posting SET at_ms = 9",
    "UPDATE entry SET units = '9'",
    "DELETE FROM posting",
    "DELETE FROM entry",
)
REWRITING_ON = {
    "sqlite": (
        "INSERT OR REPLACE INTO posting SELECT * FROM posting",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry",
        "REPLACE INTO posting (key, kind, at_ms, reference, digest) SELECT key, '', 1, '{}', '' FROM posting",
    ),
    "postgresql": ("TRUNCATE posting CASCADE", "TRUNCATE entry"),
}


def test_postings_cannot_be_rewritten(store: Store, both_engines: str) -> None:
    """The database refuses to change, delete or replace postings and entries, whoever asks."""
    deposit(store, "d", 5)
    before = everything(store)
    for statement in (*REWRITING, *REWRITING_ON[both_engines]):
        with pytest.raises(IntegrityError, match="append-only"):
            run(store, statement)
    assert everything(store) == before


def test_an_edited_balance_is_found(store: Store) -> None:
    """A cached balance that is not the sum of its entries is reported with both numbers."""
    deposit(store, "d", 5)
    run(store, "UPDATE balance SET units = '6' WHERE account = 'owed:a'")
    (found,) = store.transact(ledger.check_books)
    assert (found.what, found.stored, found.computed) == ("owed:a", 6, 5)


def test_a_vanished_deposit_is_taken_back(store: Store) -> None:
    """Reversing an unspent deposit leaves nothing owed, and does so once."""
    deposit(store, "d", 5)
    first = reverse(store, "d", 5)
    assert reverse(store, "d", 5) == first
    assert (units(store, "owed:a"), units(store, "coins:a"), units(store, "short:a")) == (0, 0, 0)


def test_a_deposit_never_credited_is_not_reversed(store: Store) -> None:
    """A reversal without its deposit is refused."""
    with pytest.raises(Conflict, match="never credited"):
        reverse(store, "d", 5)


def test_a_spent_deposit_that_vanishes_freezes_its_wallet(store: Store) -> None:
    """What the owner has reserved of it becomes a shortfall: nothing more is held until it is made up."""
    deposit(store, "old", 10)
    deposit(store, "gone", 10)
    step(store, ledger.hold, "w", 15)
    reverse(store, "gone", 10)
    assert (units(store, "owed:a"), units(store, "held:a")) == (0, 15)
    assert (units(store, "coins:a"), units(store, "short:a")) == (10, 5)
    deposit(store, "small", 3)
    assert (units(store, "owed:a"), units(store, "short:a")) == (0, 2)
    with pytest.raises(Conflict, match="frozen") as caught:
        step(store, ledger.hold, "w2", 1)
    assert caught.value.code == "wallet.short"
    deposit(store, "enough", 4)
    deposit(store, "enough", 4)
    assert (units(store, "owed:a"), units(store, "short:a")) == (2, 0)
    step(store, ledger.hold, "w2", 1)
    assert store.transact(ledger.check_books) == []


def test_the_purse_pays_fees_once_per_transaction(store: Store) -> None:
    """A fee moves from the purse to the expense account, once, and never more than the purse has."""

    def fee(transaction: str, amount: int) -> int:
        return store.transact(
            lambda tx: ledger.purse_fee(
                tx, network=NETWORK, asset=ETH, units=amount, transaction=transaction, at_ms=1
            )
        )

    store.transact(
        lambda tx: ledger.purse_topup(tx, network=NETWORK, asset=ETH, units=100, source="genesis", at_ms=1)
    )
    fee("0x01", 40)
    fee("0x01", 40)
    with pytest.raises(Conflict, match="balance is 60, 61 needed"):
        fee("0x02", 61)
    assert (units(store, f"purse:{NETWORK}"), units(store, f"fees:{NETWORK}")) == (60, 40)


def test_entries_are_listed_in_pages_both_ways(store: Store) -> None:
    """Pages by id follow each other without a gap or a repetition, in either order."""
    for number in range(5):
        deposit(store, str(number), 1 + number)
    for newest_first in (False, True):
        seen: list[int] = []
        while found := page(store, seen[-1] if seen else None, newest_first=newest_first):
            seen += found
        assert len(seen) == 5
        assert seen == sorted(seen, reverse=newest_first)
