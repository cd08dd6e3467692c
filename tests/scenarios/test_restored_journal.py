"""A signer brought back to yesterday's journal has forgotten what it signed: it notices, signs nothing."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from keepcool.client.api import Wallet
from keepcool.core.errors import Breach, KeepcoolError
from keepcool.core.parties import Service
from keepcool.wire.messages import Head, Signed
from tests.fixtures.installation import COIN, House, count, eventually
from tests.fixtures.red_app import SIGNERS, Outcome, RedApp, payment, taken_over

pytestmark = pytest.mark.live
ALL = ("keeper", "cooler", "app")


def test_a_restored_keeper_signs_nothing_until_today_is_back(house: House, tmp_path: Path) -> None:
    """Yesterday's journal under Keeper: it refuses by name, what was asked waits unpaid, and is paid once
    when the newest copy is back."""
    payer, to = house.deployed(), house.outside()
    with yesterday(house, ("keeper",), tmp_path):
        _pay_today(house, payer)
        with restored(house, ("keeper",), tmp_path):
            before = house.log_size("keeper")
            house.start(*ALL, ready=False)
            eventually(lambda: "rolled_back" in house.log_since("keeper", before), "no breach was logged")
            eventually(lambda: house.installation.health() is not None, "App does not answer")
            asked = house.client.withdraw(payer.id, house.eth, COIN, to)
            eventually(lambda: "restored from an old copy" in _reason(house, asked.id), "not told to App")
            assert isinstance(_asked(house, payer, Service.KEEPER), Breach)
            assert house.chain.balance(to) == 0
    house.paid_once(asked, to, COIN)


def test_both_signers_restarted_at_once_find_each_other(house: House) -> None:
    """Nobody waits for ever for the other: both killed and started together, they sign again."""
    payer, to = house.wallet(), house.outside()
    for name in ("keeper", "cooler"):
        house.child(name).kill9()
    house.start("keeper", "cooler")
    house.paid_once(house.client.withdraw(payer.id, house.eth, COIN, to), to, COIN)


def test_both_restored_are_caught_by_what_app_has_seen(house: House, tmp_path: Path) -> None:
    """Both signers from yesterday know no better of each other; the heads App shows convict each."""
    payer, to = house.deployed(), house.outside()
    with yesterday(house, ("keeper", "cooler"), tmp_path):
        _pay_today(house, payer)
        heads = _heads_app_has_seen(house)
        with restored(house, ("keeper", "cooler"), tmp_path):
            house.start("keeper", "cooler", ready=False)
            for signer in SIGNERS:
                said = _asked(house, payer, signer, heads[signer])
                assert isinstance(said, Breach), said
                assert said.code == "journal.rolled_back"
    house.paid_once(house.client.withdraw(payer.id, house.eth, COIN, to), to, COIN)


def test_without_heads_and_witness_both_would_sign_twice(house: House, tmp_path: Path) -> None:
    """Control off: both restored and no head shown, each gives a second signature for a nonce that was
    paid at already."""
    payer = house.deployed()
    with yesterday(house, ("keeper", "cooler"), tmp_path):
        _pay_today(house, payer)
        with restored(house, ("keeper", "cooler"), tmp_path):
            house.start("keeper", "cooler", ready=False)
            for signer in SIGNERS:
                assert isinstance(_asked(house, payer, signer), Signed)


def test_without_the_peers_memory_a_restored_keeper_would_sign_twice(house: House, tmp_path: Path) -> None:
    """Control off: Cooler's memory of Keeper wiped and no head shown, the restored Keeper signs again."""
    payer = house.deployed()
    with yesterday(house, ("keeper",), tmp_path):
        _pay_today(house, payer)
        with restored(house, ("keeper",), tmp_path), _forgetful(house, "cooler", tmp_path):
            house.start("keeper", "cooler", ready=False)
            assert isinstance(_asked(house, payer, Service.KEEPER), Signed)


@contextmanager
def yesterday(house: House, names: tuple[str, ...], folder: Path) -> Iterator[None]:
    """Copies these signers' databases as they are now. At the end everything runs on the newest again."""
    house.stop(*ALL)
    for name in names:
        _copied(house.data(name), folder / f"{name}-yesterday.sqlite")
    house.start(*ALL)
    try:
        yield
    finally:
        house.stop(*ALL)
        house.start(*ALL)


@contextmanager
def restored(house: House, names: tuple[str, ...], folder: Path) -> Iterator[None]:
    """Nothing runs, and these signers' databases are yesterday's; afterwards the newest are back."""
    house.stop(*ALL)
    for name in names:
        _copied(house.data(name), folder / f"{name}-newest.sqlite")
        _copied(folder / f"{name}-yesterday.sqlite", house.data(name))
    try:
        yield
    finally:
        house.stop(*ALL)
        for name in names:
            _copied(folder / f"{name}-newest.sqlite", house.data(name))


@contextmanager
def _forgetful(house: House, name: str, folder: Path) -> Iterator[None]:
    """This signer has never heard of its peer; afterwards its newest database is back."""
    kept = folder / f"{name}-kept.sqlite"
    _copied(house.data(name), kept)
    with closing(sqlite3.connect(house.data(name))) as writing:
        writing.execute("DELETE FROM witness")
        writing.commit()
    try:
        yield
    finally:
        house.stop(*ALL)
        _copied(kept, house.data(name))


def _copied(source: Path, target: Path) -> None:
    """A database whose process has ended, its log of writes folded in."""
    with closing(sqlite3.connect(source)) as reading:
        reading.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for leftover in target.parent.glob(f"{target.name}-*"):
        leftover.unlink()
    shutil.copy(source, target)


def _pay_today(house: House, payer: Wallet) -> None:
    """What yesterday's copy does not know of: both signers sign for the wallet's next nonce."""
    to = house.outside()
    house.paid_once(house.client.withdraw(payer.id, house.eth, COIN, to), to, COIN)


def _asked(house: House, payer: Wallet, signer: Service, *heads: Head) -> Outcome | KeepcoolError:
    """Another payment at the nonce that was paid today, straight from App's place on the bus."""

    async def asking() -> Outcome | KeepcoolError:
        async with taken_over(house.installation) as red:
            await _answering(red, signer)
            try:
                [said] = await red.sign(signer, [payment(red, payer.record, 1, COIN)], heads)
            except KeepcoolError as error:
                return error
            return said

    return asyncio.run(asking())


async def _answering(red: RedApp, signer: Service) -> None:
    for _ in range(100):
        try:
            await red.status(signer)
        except KeepcoolError:
            await asyncio.sleep(0.1)
        else:
            await asyncio.sleep(1)  # time to meet its peer
            return
    raise AssertionError(f"{signer} does not answer")


def _heads_app_has_seen(house: House) -> dict[Service, Head]:
    with closing(sqlite3.connect(f"file:{house.data('app')}?mode=ro", uri=True)) as reading:
        rows = reading.execute("SELECT signer, sequence, hash, signature FROM journal_head").fetchall()
    assert count(house.data("app"), "SELECT count(*) FROM journal_head") == 2
    return {
        Service(signer): Head(service=signer, sequence=sequence, hash=hash_, signature=signature)
        for signer, sequence, hash_, signature in rows
    }


def _reason(house: House, withdrawal: str) -> str:
    return house.client.withdrawal(withdrawal).reason
