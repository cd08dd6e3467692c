"""Giving a wallet made ahead, and taking back one that Keeper has given to somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked
from keepcool.app.spares import giving, rows
from keepcool.app.store import Store
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId, UserId, WalletId
from tests.fixtures.books import open_books

pytestmark = pytest.mark.usefixtures("both_engines")

NETWORK = NetworkId("minter:2")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(open_books(tmp_path / "app.sqlite"))
    opened.create_tables()
    opened.transact(
        lambda tx: people.create_user(tx, user=UserId("u1"), external_id=None, about={}, now_ms=1)
    )
    yield opened
    opened.close()


def asked(name: str, external_id: str | None = None) -> Asked:
    return Asked(WalletId(name), UserId("u1"), NETWORK, "multisig-v2", external_id, {})


def stock(store: Store, *names: str) -> None:
    store.transact(lambda tx: rows.add_spares(tx, NETWORK, [WalletId(name) for name in names], 1))

    def stand(tx: Connection) -> None:
        for name in names:
            rows.update_spare(tx, name, stage=rows.Stage.MADE.value)

    store.transact(stand)


def test_one_that_is_taken_is_replaced_when_asked_again(store: Store) -> None:
    """The same asking, by its external id too, is given another wallet, and the taken one to nobody."""
    stock(store, "first", "second")
    wanted = asked("asked", "shop-1")
    given = store.transact(lambda tx: giving.asked(tx, wanted, 1)).asked.id
    assert given == "first"
    assert store.transact(lambda tx: giving.asked(tx, wanted, 1)).asked.id == "first"
    store.transact(lambda tx: giving.retire_all(tx, [given]))
    assert store.transact(lambda tx: giving.asked(tx, wanted, 1)).asked.id == "second"
    assert store.transact(lambda tx: rows.free_count(tx, NETWORK)) == 0
    with pytest.raises(Conflict):
        store.transact(lambda tx: registry.get_wallet(tx, "first"))


def test_one_that_is_attested_is_never_taken_back(store: Store) -> None:
    """A wallet somebody may have seen stays whose it is."""
    stock(store, "first")
    given = store.transact(lambda tx: giving.asked(tx, asked("asked"), 1)).asked.id
    address = "Mx" + 20 * "a1"
    store.transact(
        lambda tx: registry.store_record(tx, given, record=b"r", address=address, keeper=b"k", cooler=b"c")
    )
    store.transact(lambda tx: giving.retire_all(tx, [given]))
    assert store.transact(lambda tx: registry.get_wallet(tx, given)).address == address
