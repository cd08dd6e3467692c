"""Keeper's database in a thief's hands: the file holds no seed that opens without Keeper's keystore and
Keeper's own inner key, and a key that is moved to another wallet's row does not open there.

What else belongs to such a theft stands elsewhere: an old copy put back under a signer
(test_restored_journal.py), a row of the journal edited (test_insiders.py)."""

from __future__ import annotations

import asyncio
import base64
import math
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.signer import open_store
from keepcool.chains import publickeys
from keepcool.core.errors import Breach, KeepcoolError, Malformed
from keepcool.core.parties import Service
from keepcool.core.registry import Role, WalletRecord
from keepcool.cosigner.keyring import SealedKeyring, own_key_of
from keepcool.hazmat import curve
from keepcool.hazmat.innerseal import InnerKey
from keepcool.local.running import Installation
from keepcool.ports.keystore import Bound
from keepcool.wire.messages import Signed, SignItem
from tests.fixtures.red_app import SIGNERS, RedApp, is_owners, payment, signers_alone, taken_over
from tests.fixtures.stolen import REFERENCE, Loot, copy_of, database_of, stolen

pytestmark = pytest.mark.live
Theft = Callable[[RedApp, Loot, list[WalletRecord]], Awaitable[None]]
_SEED = 32


@pytest.fixture(scope="module")
def house() -> Iterator[Installation]:
    with signers_alone("1,5,20") as made:
        yield made


def robbed(house: Installation, folder: Path, work: Theft) -> None:
    """Some wallets that have paid, then the theft."""

    async def whole() -> None:
        async with taken_over(house) as red:
            await red.ready()
            records = await red.wallets(4)
            items = [payment(red, one, 0, 1000) for one in records]
            assert all(isinstance(one, Signed) for one in await red.sign(Service.KEEPER, items))
            async with stolen(house, Service.KEEPER, folder) as loot:
                await work(red, loot, records)

    asyncio.run(whole())


def faces(secret: bytes) -> list[bytes]:
    """As a careless program would have written it."""
    text = secret.hex()
    return [
        *(secret, secret[::-1], text.encode(), text.upper().encode(), str(int(text, 16)).encode()),
        *(base64.b64encode(secret).rstrip(b"="), base64.urlsafe_b64encode(secret).rstrip(b"=")),
    ]


def files_of(database: Path) -> bytes:
    """The database, and what SQLite keeps beside it."""
    return b"".join(one.read_bytes() for one in sorted(database.parent.glob(f"{database.name}*")))


def test_no_seed_can_be_read_from_the_file(house: Installation, tmp_path: Path) -> None:
    """In no usual writing does any hot key stand in Keeper's database or its log of writes. The same search
    finds each of them in a database to which one was added unsealed."""

    async def searched(_: RedApp, loot: Loot, records: list[WalletRecord]) -> None:
        keys = [await loot.key(one) for one in records]
        live = files_of(database_of(house, Service.KEEPER))
        whole = live + files_of(loot.database)
        assert [face for key in keys for face in faces(key) if face in whole] == []
        for number, key in enumerate(keys):
            for place, face in enumerate(faces(key)):
                assert face in files_of(_careless(tmp_path / f"careless-{number}-{place}", face))

    robbed(house, tmp_path, searched)


def _careless(file: Path, face: bytes) -> Path:
    with closing(sqlite3.connect(file)) as writing:
        writing.execute("CREATE TABLE sealed_key (sealed BLOB)")
        writing.execute("INSERT INTO sealed_key VALUES (?)", (face,))
        writing.commit()
    return file


def test_nothing_in_the_file_is_a_key_of_any_wallet(house: Installation, tmp_path: Path) -> None:
    """Every 32 bytes of high entropy in the file, at every offset, are tried as a key: none gives the public
    key of any wallet; a file with one key in it is found out by the same scan."""

    async def scanned(_: RedApp, loot: Loot, records: list[WalletRecord]) -> None:
        wanted = {bytes.fromhex(one.key(Role.HOT).public_key) for one in records}
        with closing(sqlite3.connect(loot.database)) as reading:
            rows = reading.execute("SELECT sealed FROM sealed_key").fetchall()
        sealed = b"".join(bytes(one) for (one,) in rows)
        assert len(rows) >= len(records)
        assert _keys_in(sealed) & wanted == set()
        key = await loot.key(records[0])
        assert _keys_in(sealed[:500] + key + sealed[500:1000]) & wanted == {
            bytes.fromhex(records[0].key(Role.HOT).public_key)
        }

    robbed(house, tmp_path, scanned)


def _keys_in(data: bytes) -> set[bytes]:
    """Public keys of whatever looks like a secret."""
    found = set()
    for start in range(len(data) - _SEED + 1):
        part = data[start : start + _SEED]
        if _entropy(part) > 3.5 and curve.is_key(bytearray(part)):
            found.add(curve.public_key_of(bytearray(part)))
    return found


def _entropy(part: bytes) -> float:
    """Bits per byte."""
    return -sum(times / len(part) * math.log2(times / len(part)) for times in Counter(part).values())


def test_it_opens_with_both_seals_and_with_neither_alone(house: Installation, tmp_path: Path) -> None:
    """Without the keystore, with a guessed inner key, and with the keystore alone there is no key; with the
    keystore and the inner key (the twin) there is."""

    async def opened(_: RedApp, loot: Loot, records: list[WalletRecord]) -> None:
        record = records[0]
        bound = Bound("keeper", record.wallet, record.network, "hot")
        [row] = loot.store.keys([(bound.wallet, bound.network, bound.purpose)])
        assert row is not None
        with pytest.raises(Malformed, match=r"hazmat\.sealed_form"):
            loot.inner.unseal(row.sealed, bound)
        [half] = await loot.keystore.unseal([(bound, row.sealed)], REFERENCE)
        for guess in range(100):
            with pytest.raises(Breach, match=r"hazmat\.sealed_elsewhere"):
                InnerKey(bytearray(guess.to_bytes(32, "big"))).unseal(half, bound)
        wanted = bytes.fromhex(record.key(Role.HOT).public_key)
        assert wanted not in _keys_in(half)
        assert curve.public_key_of(bytearray(await loot.key(record))) == wanted

    robbed(house, tmp_path, opened)


def test_keys_moved_to_other_rows_do_not_open(house: Installation, tmp_path: Path) -> None:
    """Two wallets' sealed keys change places: neither opens, by the keystore and, past it, by the inner seal.
    In their own places (the twin) both open."""

    async def swapped(_: RedApp, loot: Loot, records: list[WalletRecord]) -> None:
        one, other = records[:2]
        mixed = _swapped(copy_of(loot.database, tmp_path / "mixed.sqlite"), one.wallet, other.wallet)
        place = own_key_of(Service.KEEPER, Role.HOT)
        with closing(open_store(mixed)) as store:
            ring = SealedKeyring(store, loot.keystore, loot.inner, Role.HOT, place)
            for record in (one, other):
                with pytest.raises(Breach, match=r"keystore\.binding"):
                    await ring.unseal([record], REFERENCE)
        [row] = loot.store.keys([(one.wallet, one.network, "hot")])
        assert row is not None
        [half] = await loot.keystore.unseal([(place(one), row.sealed)], REFERENCE)
        with pytest.raises(Breach, match=r"hazmat\.sealed_elsewhere"):
            loot.inner.unseal(half, place(other))
        for record in (one, other):
            assert len(await loot.key(record)) == _SEED

    robbed(house, tmp_path, swapped)


def test_a_running_keeper_signs_with_no_key_of_another_row(house: Installation) -> None:
    """Swapped under Keeper itself: nothing is signed for either wallet, and others sign on; put back (the
    twin), the very same requests are signed."""

    async def asked(red: RedApp, record: WalletRecord, item: SignItem) -> str:
        try:
            [said] = await red.sign(Service.KEEPER, [item])
        except KeepcoolError as error:
            return error.code
        assert isinstance(said, Signed), said
        assert is_owners(record, SIGNERS[Service.KEEPER], item, said)
        return "signed"

    async def whole() -> None:
        async with taken_over(house) as red:
            await red.ready()
            one, other, third = await red.wallets(3)
            items = [(each, payment(red, each, 0, 1000)) for each in (one, other)]
            for nonce, expected in enumerate(("keystore.binding", "signed")):
                house.children["keeper"].terminate()
                _swapped(database_of(house, Service.KEEPER), one.wallet, other.wallet)
                house.start("keeper")
                await red.ready()
                assert [await asked(red, *each) for each in items] == [expected, expected]
                assert await asked(red, third, payment(red, third, nonce, 1000)) == "signed"

    asyncio.run(whole())


def _swapped(database: Path, one: str, other: str) -> Path:
    with closing(sqlite3.connect(database)) as writing:
        query = "SELECT sealed FROM sealed_key WHERE wallet = ?"
        rows = [writing.execute(query, (wallet,)).fetchone()[0] for wallet in (one, other)]
        for wallet, sealed in zip((other, one), rows, strict=True):
            writing.execute("UPDATE sealed_key SET sealed = ? WHERE wallet = ?", (sealed, wallet))
        writing.commit()
    return database


def test_public_keys_are_what_the_file_gives_away(house: Installation, tmp_path: Path) -> None:
    """What a thief does learn: which wallets there are, their owners' references and public keys."""

    async def read(_: RedApp, loot: Loot, records: list[WalletRecord]) -> None:
        for one in records:
            assert one.address.encode() in files_of(loot.database)
            publickeys.parse_public_key(one.key(Role.HOT).public_key)

    robbed(house, tmp_path, read)
