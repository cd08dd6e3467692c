"""The rows of wallets made ahead and of their creators: one spare for one asking, one row for one nonce."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from keepcool.app.spares import rows
from keepcool.app.spares.rows import Errand, Purpose, Sent, Spare, Stage
from keepcool.app.store import Store
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import NetworkId, WalletId
from tests.fixtures.books import open_books

pytestmark = pytest.mark.usefixtures("both_engines")

NETWORK, OTHER = NetworkId("minter:2"), NetworkId("minter:1")
PURSE, SECOND, THIEF = ("Mx" + digits * 20 for digits in ("a1", "b2", "66"))
T = TypeVar("T")


class Books:
    """One App's database, a file."""

    def __init__(self, file: Path) -> None:
        self.file, self.store = file, Store(open_books(file))
        self.store.create_tables()

    def do(self, work: Callable[[Connection], T]) -> T:
        return self.store.transact(work)

    def again(self) -> Books:
        """The same database after a restart."""
        self.store.close()
        return Books(self.file)

    def spare(self, name: str, stage: Stage = Stage.MADE, network: NetworkId = NETWORK) -> None:
        self.do(lambda tx: rows.add_spares(tx, network, [WalletId(name)], 1))
        self.do(lambda tx: rows.update_spare(tx, name, stage=stage.value))

    def given(self, asked_as: str, network: NetworkId = NETWORK) -> Spare:
        return self.do(lambda tx: rows.given(tx, network, WalletId(asked_as), 1))

    def free(self) -> int:
        return self.do(lambda tx: rows.free_count(tx, NETWORK))

    def errand(self, nonce: int, account: str = PURSE, wallet: str | None = None) -> None:
        named = None if wallet is None else WalletId(wallet)
        purpose = Purpose.SPREAD if wallet is None else Purpose.CREATE
        self.do(
            lambda tx: rows.add_errand(
                tx, network=NETWORK, account=account, nonce=nonce, purpose=purpose, gas_price=1, wallet=named
            )
        )

    def errands(self, *stages: Sent) -> list[Errand]:
        return self.do(lambda tx: rows.errands(tx, NETWORK, *(stages or tuple(Sent))))

    def update(self, number: int, **columns: object) -> None:
        self.do(lambda tx: rows.update_errand(tx, number, **columns))


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    found = Books(tmp_path / "app.sqlite")
    yield found
    found.store.close()


def test_one_spare_is_given_to_one_asking(books: Books) -> None:
    """Two askings get two spares, the oldest first, and each leaves the stock by one."""
    for name in ("s-1", "s-2", "s-3"):
        books.spare(name)
    assert [books.given("ask-1").id, books.given("ask-2").id] == ["s-1", "s-2"]
    assert books.free() == 1


def test_the_same_asking_finds_the_same_spare(books: Books) -> None:
    """Asked again, also after a restart, it is told the wallet it was given, and no further one leaves."""
    books.spare("s-1")
    books.spare("s-2")
    first = books.given("ask-1")
    assert books.given("ask-1") == first
    again = books.again()
    assert again.given("ask-1") == first
    assert again.free() == 1
    again.store.close()


def test_what_stands_is_given_before_what_is_on_its_way(books: Books) -> None:
    """Made before making before wanted, whatever their ages."""
    for name, stage in (("wanted", Stage.WANTED), ("making", Stage.MAKING), ("made", Stage.MADE)):
        books.spare(name, stage)
    assert [books.given(f"ask-{n}").id for n in range(3)] == ["made", "making", "wanted"]


def test_without_a_stock_a_spare_of_its_own_is_wanted(books: Books) -> None:
    """Where there is no spare, the asking itself becomes one that is wanted, and stays its own."""
    found = books.given("ask-1")
    assert (found.id, found.stage, found.given_for, found.address) == ("ask-1", Stage.WANTED, "ask-1", None)
    books.spare("s-1")
    assert books.given("ask-1").id == "ask-1"
    assert books.free() == 1


def test_a_spare_of_another_network_is_not_given(books: Books) -> None:
    """A wallet that stands on one chain is no wallet of another."""
    books.spare("elsewhere", network=OTHER)
    assert books.given("ask-1").id == "ask-1"
    assert books.given("ask-2", OTHER).id == "elsewhere"


def test_a_spare_is_never_given_twice_by_force(books: Books) -> None:
    """The database itself refuses a second spare for one asking, and nothing changed."""
    books.spare("s-1")
    books.spare("s-2")
    books.given("ask-1")
    with pytest.raises(IntegrityError):
        books.do(lambda tx: rows.update_spare(tx, "s-2", given_for="ask-1"))
    assert books.free() == 1


def test_those_somebody_waits_for_are_made_first(books: Books) -> None:
    """A spare for the stock is older, and yet waits for the one that a user waits for."""
    books.spare("stock", Stage.WANTED)
    books.do(lambda tx: rows.add_spares(tx, NETWORK, [WalletId("user")], 2))
    books.do(lambda tx: rows.update_spare(tx, "user", given_for="ask-1"))
    found = books.do(lambda tx: rows.in_stage(tx, NETWORK, Stage.WANTED, 2))
    assert [one.id for one in found] == ["user", "stock"]


def test_an_unknown_spare_is_a_conflict(books: Books) -> None:
    """A wallet that nobody made ahead is said to be none."""
    with pytest.raises(Conflict) as caught:
        books.do(lambda tx: rows.get_spare(tx, "wal_nobody"))
    assert caught.value.code == "wallet.not_reserved"


def test_a_nonce_is_given_to_one_row_only(books: Books) -> None:
    """A second row for the same nonce of the same creator is refused and nothing changed; another creator's
    same nonce is its own."""
    books.errand(1, wallet="w-1")
    with pytest.raises(IntegrityError):
        books.errand(1, wallet="w-2")
    books.errand(1, SECOND, "w-2")
    assert [(one.account, one.nonce, one.wallet) for one in books.errands()] == [
        (PURSE, 1, "w-1"),
        (SECOND, 1, "w-2"),
    ]


def test_the_highest_nonce_is_by_creator_and_survives_the_end(books: Books) -> None:
    """What was given out counts also when it is done; an account that never sent has none."""
    for nonce in (1, 2):
        books.errand(nonce)
    books.update(1, stage=Sent.DONE.value)
    books.update(2, stage=Sent.DONE.value)
    again = books.again()
    assert again.do(lambda tx: rows.highest_nonce(tx, NETWORK, PURSE)) == 2
    assert again.do(lambda tx: rows.highest_nonce(tx, NETWORK, SECOND)) == 0
    again.store.close()


def test_a_refused_create_frees_its_nonce_and_its_spare(books: Books) -> None:
    """What Keeper refused before it remembered anything can be asked for anew under the same nonce."""
    books.spare("w-1", Stage.MAKING)
    books.errand(1, wallet="w-1")
    (one,) = books.errands()
    books.do(lambda tx: rows.forget_errand(tx, one))
    assert books.errands() == []
    assert books.do(lambda tx: rows.get_spare(tx, "w-1")).stage is Stage.WANTED
    books.errand(1, wallet="w-1")


def test_what_keeper_has_signed_is_never_forgotten(books: Books) -> None:
    """A row with signed bytes stays, with its nonce, when somebody tries to forget it."""
    books.errand(1, wallet="w-1")
    (one,) = books.errands()
    books.update(one.number, raw=b"signed", hashes="aa" * 32, stage=Sent.SIGNED.value)
    books.do(lambda tx: rows.forget_errand(tx, one))
    (kept,) = books.errands()
    assert (kept.raw, kept.hashes) == (b"signed", (bytes.fromhex("aa" * 32),))


def test_fees_are_due_once_and_up_to_a_block(books: Books) -> None:
    """Only what is done in blocks up to the one that is balanced, and not yet in the ledger."""
    for nonce, block in ((1, 10), (2, 11), (3, 12)):
        books.errand(nonce)
        books.update(nonce, stage=Sent.DONE.value, block=block, fee=7)
    books.errand(4)
    due = books.do(lambda tx: rows.unposted(tx, NETWORK, 11))
    assert [one.nonce for one in due] == [1, 2]
    books.update(1, posted=True)
    assert [one.nonce for one in books.do(lambda tx: rows.unposted(tx, NETWORK, 11))] == [2]


def test_creators_keep_their_places(books: Books) -> None:
    """The purse is the first; more may follow, fewer are used, and nobody's place changes."""
    learnt = books.do(lambda tx: rows.learn_creators(tx, NETWORK, [PURSE]))
    assert [one.address for one in learnt] == [PURSE]
    more = books.do(lambda tx: rows.learn_creators(tx, NETWORK, [PURSE, SECOND]))
    assert [(one.address, one.place) for one in more] == [(PURSE, 0), (SECOND, 1)]
    assert books.do(lambda tx: rows.learn_creators(tx, NETWORK, [PURSE])) == more[:1]
    assert books.do(lambda tx: rows.creators(tx, NETWORK)) == more


def test_another_purse_is_a_breach(books: Books) -> None:
    """Who names another first creator than before is not believed, and nothing changed."""
    before = books.do(lambda tx: rows.learn_creators(tx, NETWORK, [PURSE, SECOND]))
    with pytest.raises(Breach) as caught:
        books.do(lambda tx: rows.learn_creators(tx, NETWORK, [THIEF, SECOND]))
    assert caught.value.code == "purse.changed"
    assert books.do(lambda tx: rows.creators(tx, NETWORK)) == before
