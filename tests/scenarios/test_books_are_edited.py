"""The registry row in App's database edited under a running App, and an App that serves the thief's address
outright: App serves nothing that both signers did not attest, and a client with pinned keys takes nothing
else. Its twin: a reader without pins believes the address."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from keepcool.client.api import Client, Wallet
from keepcool.core.errors import Breach, KeepcoolError
from keepcool.core.parties import Service
from tests.fixtures.chain import address_number
from tests.fixtures.hostile_app import rewriting
from tests.fixtures.installation import COIN, House

pytestmark = pytest.mark.live
THIEF = address_number(666)
Row = dict[str, bytes | str | None]
COLUMNS = ("address", "record", "keeper_attestation", "cooler_attestation", "user_key", "user")


def with_address(row: Row, _: Row) -> Row:
    """The address alone."""
    return {**row, "address": THIEF}


def with_record(row: Row, _: Row) -> Row:
    """The record's bytes as well, so that they agree."""
    record, address = row["record"], row["address"]
    assert isinstance(record, bytes)
    assert isinstance(address, str)
    return {**row, "address": THIEF, "record": record.replace(address.encode(), THIEF.encode())}


def of_another(_: Row, other: Row) -> Row:
    """Another wallet's record with its genuine attestations: the thief's own wallet, say."""
    return {**other, "address": THIEF}


def of_another_whole(row: Row, other: Row) -> Row:
    """The same, and the other's address, with the columns that name the owner left alone."""
    return {**other, "user": row["user"], "user_key": row["user_key"]}


def without_cooler(row: Row, _: Row) -> Row:
    """Keeper's word for both."""
    return {**row, "cooler_attestation": row["keeper_attestation"]}


EDITS: dict[str, Callable[[Row, Row], Row]] = {
    "address": with_address,
    "record": with_record,
    "another's record": of_another,
    "another's row": of_another_whole,
    "one attestation": without_cooler,
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_row_serves_no_address(house: House, name: str) -> None:
    """App answers with an error that is no address; the client has none either; nothing can be asked to be
    paid from the wallet; put back (the twin) it is served as before."""
    made, other = house.make_wallet(), house.make_wallet()
    with edited(house, made, other, EDITS[name]):
        answer = asked(house, made.id)
        assert answer.status_code >= 500, answer.text
        assert THIEF not in answer.text
        assert other.address not in answer.text
        with pytest.raises(KeepcoolError):
            house.client.wallet(made.id)
        with pytest.raises(KeepcoolError):
            house.client.withdraw(made.id, house.eth, COIN, house.outside())
    assert house.client.wallet(made.id).address == made.address


@contextmanager
def edited(house: House, made: Wallet, other: Wallet, edit: Callable[[Row, Row], Row]) -> Iterator[None]:
    """The other row gives way, because an address stands in one row only; both are back afterwards."""
    before, others = row_of(house, made.id), row_of(house, other.id)
    write(house, other.id, {**others, "address": None})
    write(house, made.id, edit(before, others))
    try:
        yield
    finally:
        write(house, made.id, before)
        write(house, other.id, others)


def row_of(house: House, wallet: str) -> Row:
    with closing(sqlite3.connect(house.data("app"), timeout=30)) as reading:
        columns = ", ".join(f'"{one}"' for one in COLUMNS)
        found = reading.execute(f"SELECT {columns} FROM wallet WHERE id = ?", (wallet,)).fetchone()  # noqa: S608
    return dict(zip(COLUMNS, found, strict=True))


def write(house: House, wallet: str, row: Row) -> None:
    with closing(sqlite3.connect(house.data("app"), timeout=30)) as writing:
        places = ", ".join(f'"{one}" = ?' for one in COLUMNS)
        writing.execute(f"UPDATE wallet SET {places} WHERE id = ?", (*row.values(), wallet))  # noqa: S608
        writing.commit()


def asked(house: House, wallet: str, url: str = "") -> httpx.Response:
    """As somebody with a key and no pins reads it."""
    key = (house.places.operator / "api.key").read_text(encoding="ascii").strip()
    base = url or house.installation.reach.app_url
    return httpx.get(f"{base}/v1/wallets/{wallet}", headers={"Authorization": f"Bearer {key}"}, timeout=30)


def test_an_app_that_serves_the_thiefs_address_is_not_believed(house: House) -> None:
    """Every answer of a taken-over App names the thief's address: the client refuses them. Read without pins
    (the twin), the address is there to be paid to."""
    made = house.make_wallet()
    key = (house.places.operator / "api.key").read_text(encoding="ascii").strip()

    def lie(content: bytes) -> bytes:
        return content.replace(made.address.encode(), THIEF.encode())

    with rewriting(house.installation.reach.app_url, lie) as url:
        with Client(url, key, house.client._pins) as client, pytest.raises(Breach, match=r"client\."):
            client.wallet(made.id)
        assert asked(house, made.id, url).json()["address"] == THIEF
    assert house.client.wallet(made.id).address == made.address


def test_what_the_signers_hold_is_not_what_the_books_say(house: House) -> None:
    """The edited row moves no signer: their own registry decides whose keys sign for which address."""
    made, other = house.make_wallet(), house.make_wallet()
    with edited(house, made, other, of_another_whole):
        for signer in (Service.KEEPER, Service.COOLER):
            with closing(sqlite3.connect(f"file:{house.data(signer.value)}?mode=ro", uri=True)) as reading:
                query = "SELECT record FROM record WHERE wallet = ?"
                [record] = reading.execute(query, (made.id,)).fetchone()
            assert made.address.encode() in bytes(record)
