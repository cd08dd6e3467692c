"""A signer with an account: each wallet is signed for with its own child, opened once for the batch."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.chains.accounts import AccountPin, child_key
from keepcool.core.errors import Breach, KeepcoolError, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import OwnerKey, Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.cosigner import keyring
from keepcool.cosigner.keyring import NewKey, SealedKeyring, account_place
from keepcool.cosigner.underway import Hands
from keepcool.hazmat import accounts, coinkeys, derivation, papers
from keepcool.hazmat.innerseal import InnerKey
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import Change
from tests.unit.cosigner.house import Shelf, random, wallet_record
from tests.unit.hazmat.test_papers import ABANDON_ART, LETTERS

PLACE = account_place(Service.COOLER, Role.COOL, "minter")
LEAF = keyring.one_key(Service.COOLER, Role.COOL)(wallet_record("leaf", 1))


@dataclass
class Desk:
    """Cooler's keyring over a real database, and the account that lies in it."""

    ring: SealedKeyring
    shelf: Shelf
    store: SqliteSignerStore
    pin: AccountPin
    file: Path

    def unseal(self, *records: WalletRecord) -> list[Secret]:
        return asyncio.run(self.ring.unseal(records, "journal:1-9"))

    def public(self, *records: WalletRecord) -> list[str]:
        return [coinkeys.public_key(secret).hex() for secret in self.unseal(*records)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store, shelf, inner = open_store(tmp_path / "cooler.db"), Shelf(), InnerKey(bytearray(range(32)))
    paper = papers.opened(ABANDON_ART, Role.COOL)
    account = paper.accounts[0]
    new = [
        NewKey(LEAF, paper.leaf, paper.public),
        NewKey(PLACE, account.secret, account.pin.key.public_key, account.pin.expression),
    ]

    async def fill() -> None:
        rows = await keyring.sealed(new, shelf, inner, random, Hands())
        await store.commit(Change(keys=tuple(rows)))

    asyncio.run(fill())
    place = keyring.one_key(Service.COOLER, Role.COOL)
    ring = SealedKeyring(store, shelf, inner, Role.COOL, place)
    yield Desk(ring, shelf, store, account.pin, tmp_path / "cooler.db")
    store.close()


def record_with(cool: OwnerKey, name: str = "w1", family: str = "minter") -> WalletRecord:
    record = wallet_record(name, 5)
    return replace(record, family=family, owners=(record.owners[0], cool, record.owners[2]))


def records_of(pin: AccountPin, numbers: Sequence[int]) -> list[WalletRecord]:
    return [record_with(child_key(pin, number), f"w{number}") for number in numbers]


def test_each_record_gets_its_own_child_from_one_opening(desk: Desk) -> None:
    """A hundred wallets: a hundred keys, those on record, and one item asked of the keystore."""
    records = records_of(desk.pin, range(100))
    assert desk.public(*records) == [record.key(Role.COOL).public_key for record in records]
    assert desk.shelf.openings == [("journal:1-9", 1)]


def test_shared_and_own_keys_open_in_one_call(desk: Desk) -> None:
    """A batch of EVM and Minter wallets is one keystore call for two items, and each gets its key; the
    same wallet twice gets one object."""
    leaf = OwnerKey(Role.COOL, papers.opened(ABANDON_ART, Role.COOL).public.hex(), papers.EVM_ORIGIN_PATH)
    own = records_of(desk.pin, [4])[0]
    batch = [record_with(leaf, "e1", "evm"), own, record_with(leaf, "e2", "evm"), own]
    secrets = desk.unseal(*batch)
    expected = [record.key(Role.COOL).public_key for record in batch]
    assert [coinkeys.public_key(secret).hex() for secret in secrets] == expected
    assert secrets[0] is secrets[2]
    assert secrets[1] is secrets[3]
    assert desk.shelf.openings == [("journal:1-9", 2)]


def test_evm_wallets_do_not_open_the_account(desk: Desk) -> None:
    """For shared keys alone the account stays sealed."""
    leaf = OwnerKey(Role.COOL, papers.opened(ABANDON_ART, Role.COOL).public.hex(), papers.EVM_ORIGIN_PATH)
    [secret] = desk.unseal(record_with(leaf, "e1", "evm"))
    with secret.opened() as raw:
        assert len(raw) == 32
    assert desk.shelf.openings == [("journal:1-9", 1)]


@dataclass(frozen=True)
class Attack:
    """A record that asks for a key that is not its own, and what stops it."""

    cool: OwnerKey
    kind: type[KeepcoolError]
    code: str


def attacks(pin: AccountPin) -> list[Attack]:
    mine, other = child_key(pin, 7), child_key(pin, 8)
    stranger = papers.opened(LETTERS, Role.COOL).accounts[0].pin
    return [
        Attack(replace(mine, public_key=other.public_key), Breach, r"hazmat\.wrong_child"),
        Attack(replace(mine, origin=other.origin), Breach, r"hazmat\.wrong_child"),
        Attack(child_key(stranger, 7), Refused, r"keys\.account"),
        Attack(child_key(replace(stranger, origin=pin.origin), 7), Breach, r"hazmat\.wrong_child"),
        Attack(replace(mine, origin="[00000000/44h/60h/1h]/0/7"), Refused, r"keys\.account"),
        Attack(replace(mine, origin="[5436d724/44h/60h/0h]/0/7"), Refused, r"keys\.account"),
    ]


@pytest.mark.parametrize("which", range(6))
def test_a_record_with_a_foreign_cool_key_opens_nothing(desk: Desk, which: int) -> None:
    """Another wallet's child, another account's, or a false origin: no key of the whole batch is handed
    out; the record as it should be opens."""
    attack = attacks(desk.pin)[which]
    honest = records_of(desk.pin, [1])[0]
    with pytest.raises(attack.kind, match=attack.code):
        desk.unseal(honest, record_with(attack.cool))
    twin = record_with(child_key(desk.pin, 7))
    assert desk.public(honest, twin) == [one.key(Role.COOL).public_key for one in (honest, twin)]


def test_without_the_check_a_foreign_child_is_handed_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without hazmat's comparison, a record with another wallet's origin gets its key."""

    def unchecked(account: Secret, wanted: Sequence[tuple[tuple[int, ...], bytes]]) -> list[Secret]:
        return [derivation.below(accounts._node(account), steps).secret for steps, _ in wanted]

    mine, other = child_key(desk.pin, 7), child_key(desk.pin, 8)
    attack = record_with(replace(mine, origin=other.origin))
    monkeypatch.setattr(accounts, "children", unchecked)
    assert desk.public(attack) == [other.public_key]
    monkeypatch.undo()
    with pytest.raises(Breach, match=r"hazmat\.wrong_child"):
        desk.public(attack)


def test_an_account_row_in_anothers_place_does_not_open(desk: Desk) -> None:
    """The ciphertext of the leaf key, put where the account lies, is a breach."""
    with sqlite3.connect(desk.file) as connection:
        connection.execute(
            "UPDATE sealed_key SET sealed = (SELECT sealed FROM sealed_key WHERE network = '*')"
            " WHERE network = 'minter'"
        )
    connection.close()
    with pytest.raises(Breach, match=r"keystore\.binding"):
        desk.unseal(*records_of(desk.pin, [1]))


def test_a_missing_account_is_refused_by_name(desk: Desk) -> None:
    """A Cooler without the account says so and opens nothing."""
    with sqlite3.connect(desk.file) as connection:
        connection.execute("DELETE FROM sealed_key WHERE network = 'minter'")
    connection.close()
    with pytest.raises(Refused, match=r"keys\.missing.*cool-account"):
        desk.unseal(*records_of(desk.pin, [1]))
    assert desk.shelf.openings == []


@pytest.mark.parametrize("honest", [True, False])
def test_the_account_is_wiped_before_anything_is_signed(
    desk: Desk, honest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the children come out or not, the account and the leaf of a refused batch are gone."""
    seen: list[Secret] = []
    unseal = InnerKey.unseal

    def watched(self: InnerKey, sealed: bytes, bound: Bound) -> Secret:
        seen.append(unseal(self, sealed, bound))
        return seen[-1]

    monkeypatch.setattr(InnerKey, "unseal", watched)
    if honest:
        desk.unseal(*records_of(desk.pin, [1]))
    else:
        with pytest.raises(Breach):
            desk.unseal(record_with(attacks(desk.pin)[0].cool))
    [account] = seen
    with pytest.raises(ValueError, match="wiped"), account.opened():
        pass
