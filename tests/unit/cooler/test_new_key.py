"""The cool key and its accounts: made once, sealed apart, and what is pinned is what is sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.chains.accounts import NO_ACCOUNTS, AccountPins, account_pins
from keepcool.cooler.new_key import COOL_PLACE, Desk, MadeKey, add_accounts, check_sealed, new_key
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.core.secret import Secret
from keepcool.cosigner import keyring
from keepcool.cosigner.keyring import NewKey, SealedKeyring, account_place
from keepcool.cosigner.underway import Hands
from keepcool.hazmat import papers
from keepcool.hazmat.innerseal import InnerKey
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import Change, SealedKey
from tests.unit.cosigner.house import Shelf, random
from tests.unit.hazmat.test_papers import ABANDON_ART, LETTERS

ACCOUNT_PLACE = account_place(Service.COOLER, Role.COOL, "minter")


@dataclass
class Room:
    """A Cooler's desk over a real database."""

    desk: Desk
    store: SqliteSignerStore

    def make(self) -> MadeKey:
        return asyncio.run(new_key(self.desk, "2026-11-21"))

    def add(self, words: str) -> AccountPins:
        return account_pins(asyncio.run(add_accounts(self.desk, words)))

    def row(self, place: Bound) -> SealedKey | None:
        return self.store.keys([(place.wallet, place.network, place.purpose)])[0]

    def opened(self, place: Bound) -> Secret:
        ring = SealedKeyring(
            self.store,
            self.desk.keystore,
            self.desk.inner,
            Role.COOL,
            keyring.one_key(Service.COOLER, Role.COOL),
        )
        return asyncio.run(ring.open([place], "test"))[0]

    def seal_leaf_alone(self, words: str) -> str:
        """As a Cooler of a release before accounts left it; the public key."""
        paper = papers.opened(words, Role.COOL)

        async def seal() -> None:
            rows = await keyring.sealed(
                [NewKey(COOL_PLACE, paper.leaf, paper.public)],
                self.desk.keystore,
                self.desk.inner,
                self.desk.entropy,
                Hands(),
            )
            await self.store.commit(Change(keys=tuple(rows)))

        asyncio.run(seal())
        return paper.public.hex()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    store = open_store(tmp_path / "cooler.db")
    yield Room(Desk(store, Shelf(), InnerKey(bytearray(range(32))), random), store)
    store.close()


def words_on(text: Secret) -> str:
    with text.opened() as raw:
        rows = [line.split() for line in raw.decode("ascii").splitlines() if line[:3].strip().isdigit()]
    return " ".join(word for row in rows for word in row[1::2])


def test_the_paper_gives_back_what_was_sealed(room: Room) -> None:
    """The words on the sheet lead to the leaf key and the account that lie sealed, and to the pins."""
    made = room.make()
    paper = papers.opened(words_on(made.text), Role.COOL)
    assert (paper.public.hex(), tuple(one.pin for one in paper.accounts)) == (made.public_key, made.accounts)
    for place, expected in ((COOL_PLACE, paper.leaf), (ACCOUNT_PLACE, paper.accounts[0].secret)):
        with room.opened(place).opened() as sealed, expected.opened() as again:
            assert sealed == again
    check_sealed(room.store, made.public_key, account_pins(made.accounts))


def test_the_sheet_names_its_accounts(room: Room) -> None:
    """Whoever holds the paper reads from it where the wallets' keys lie."""
    made = room.make()
    with made.text.opened() as raw:
        text = raw.decode("ascii")
    assert [pin.family for pin in made.accounts] == ["minter", "bitcoin"]
    for pin in made.accounts:
        assert pin.origin in text
        assert pin.xpub in text


def test_the_account_is_sealed_with_a_purpose_of_its_own(room: Room) -> None:
    """It lies under its family and purpose, and beside it stands its key expression, no secret."""
    made = room.make()
    assert Bound("cooler", "*", "minter", "cool-account") == ACCOUNT_PLACE
    row = room.row(ACCOUNT_PLACE)
    assert row is not None
    assert row.public_key == made.accounts[0].expression


def test_refuses_a_second_key(room: Room) -> None:
    """A key is never replaced: the second asking is a conflict, and both rows stay."""
    room.make()
    before = [room.row(COOL_PLACE), room.row(ACCOUNT_PLACE)]
    with pytest.raises(Conflict, match=r"cooler\.key_exists"):
        room.make()
    assert [room.row(COOL_PLACE), room.row(ACCOUNT_PLACE)] == before


def test_an_older_cooler_starts_and_gains_its_account(room: Room) -> None:
    """Without accounts it starts when none is pinned, refuses a pin it cannot serve, and after the words
    were read once it serves that pin; reading them again changes nothing."""
    public = room.seal_leaf_alone(ABANDON_ART)
    check_sealed(room.store, public, NO_ACCOUNTS)
    pins = account_pins([one.pin for one in papers.opened(ABANDON_ART, Role.COOL).accounts])
    with pytest.raises(Refused, match=r"cooler\.no_account.*add-accounts"):
        check_sealed(room.store, public, pins)
    assert room.add(ABANDON_ART) == pins
    check_sealed(room.store, public, pins)
    before = room.row(ACCOUNT_PLACE)
    assert room.add(ABANDON_ART) == pins
    assert room.row(ACCOUNT_PLACE) == before


@pytest.mark.parametrize("words", [LETTERS, "abandon " * 24])
def test_refuses_accounts_of_other_words(room: Room, words: str) -> None:
    """Words of another key, or of none, seal nothing."""
    room.seal_leaf_alone(ABANDON_ART)
    with pytest.raises((Refused, Malformed), match=r"cooler\.other_words|paper\.checksum"):
        room.add(words)
    assert room.row(ACCOUNT_PLACE) is None


def test_refuses_accounts_before_there_is_a_key(room: Room) -> None:
    """An empty Cooler takes no words: its key is made with `new-key`."""
    with pytest.raises(Refused, match=r"cooler\.other_words"):
        room.add(ABANDON_ART)
    with pytest.raises(Refused, match=r"cooler\.no_key"):
        check_sealed(room.store, "", NO_ACCOUNTS)


def test_refuses_pins_that_are_not_sealed_here(room: Room) -> None:
    """Another public key, another account, or another fingerprint is not what lies here."""
    made = room.make()
    own, other = made.accounts[0], papers.opened(LETTERS, Role.COOL)
    with pytest.raises(Refused, match=r"cooler\.other_key"):
        check_sealed(room.store, other.public.hex(), NO_ACCOUNTS)
    for wrong in (other.accounts[0].pin, replace(own, origin="[00000000/44h/60h/1h]")):
        with pytest.raises(Refused, match=r"cooler\.other_account"):
            check_sealed(room.store, made.public_key, account_pins([wrong]))
