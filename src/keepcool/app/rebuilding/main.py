"""Where restoring meets its adapters: backups, signers' registries, a chain read again.

Laws: whatever changes the books here holds the lock of App's database, so no App runs beside it; a backup is
taken beside a running one; what a backup brings back pays nothing before its chains were read again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from keepcool.adapters.postgres import books as on_server
from keepcool.adapters.postgres import dumps
from keepcool.adapters.postgres.server import Server
from keepcool.adapters.site_host import SiteHost
from keepcool.adapters.sqlite import copies
from keepcool.adapters.sqlite.shared import open_beside
from keepcool.adapters.system.clock import SystemClock
from keepcool.app import attestationkeys, config
from keepcool.app import main as app
from keepcool.app.config import AppSettings, native_asset
from keepcool.app.nodes import main as nodes_of
from keepcool.app.payouts import heads
from keepcool.app.pools.stock import Stock
from keepcool.app.rebuilding import booking, members, payments, registries, rereading, standstill
from keepcool.app.rebuilding.payments import PaidOutput, Recalled, Stage
from keepcool.app.rebuilding.ranges import Ranges
from keepcool.app.rebuilding.rereading import Around, Start
from keepcool.app.rebuilding.rescanning import Rescanned
from keepcool.app.rebuilding.restoring import Restored, Restorer
from keepcool.app.storage import main as storage
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.core.errors import Refused
from keepcool.core.ids import NetworkId, wallet_id
from keepcool.core.parties import Service
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Head

_WORDS_AT_ONCE = 500
Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Open:
    """An App's database and its line to the signers, with nobody else at either."""

    settings: AppSettings
    beside: Path
    store: Store
    exchange: Exchange
    attesters: Attesters
    clock: SystemClock


def backup(file: Path, copy: Path, *, force: bool) -> str:
    """The SHA-256 of a copy of the database of the App this configuration is for, running or not."""
    settings = config.load(file)
    server = storage.server_of(settings, file.resolve().parent)
    if server is not None:
        return dumps.take(server, copy, force=force)
    return copies.take(_database(file, settings), copy, force=force)


def put_back(file: Path, copy: Path, *, force: bool) -> Path | str | None:
    """Puts a copy in the place of App's database. Where what was there lies now (a file, a schema), None when
    there was nothing. Raises Refused when the copy is not whole, Conflict when an App runs."""
    settings = config.load(file)
    server = storage.server_of(settings, file.resolve().parent)
    if server is not None:
        return _put_back_on(server, settings, copy, force=force)
    database = _database(file, settings)
    copies.check_copy(copy)

    def prepare(partial: Path) -> None:
        with contextlib.closing(Store(open_beside(partial))) as store:
            _prepare(store, settings)

    with copies.nobody_has(database):
        return copies.put_back(copy, database, prepare, force=force)


def _put_back_on(server: Server, settings: AppSettings, copy: Path, *, force: bool) -> str | None:
    engine = on_server.open_alone(server)
    with contextlib.closing(Store(engine)) as store:
        return dumps.put_back(server, engine, copy, lambda: _prepare(store, settings), force=force)


def _prepare(store: Store, settings: AppSettings) -> None:
    store.create_tables()
    app.refuse_wrong_books(store)
    store.transact(lambda tx: _stand_still(tx, settings))


def from_signers(file: Path, tell: Tell, *, given: Path | None, one_machine: bool) -> Restored:
    """Adds what both signers know and this App's database does not. `given`: a file that says whose a pool's
    addresses were."""
    words = [] if given is None else members.parse(_read(given))

    async def work(opened: _Open) -> Restored:
        ranges = Ranges(
            store=opened.store,
            stock=Stock(
                exchange=opened.exchange,
                store=opened.store,
                attesters=opened.attesters,
                clock=opened.clock,
                timeout_s=opened.settings.signer_timeout_s,
                head_seen=_head_seen(opened.store),
            ),
            attesters=opened.attesters,
            clock=opened.clock,
        )
        restorer = Restorer(
            store=opened.store,
            attesters=opened.attesters,
            ranges=ranges,
            clock=opened.clock,
            tell=tell,
        )
        told = await restorer.restore(registries.both(opened.exchange, opened.settings.signer_timeout_s))
        now_ms = opened.clock.now_ms()
        for start in range(0, len(words), _WORDS_AT_ONCE):
            some = words[start : start + _WORDS_AT_ONCE]
            told.members.add(await opened.store.run(partial(members.claim_all, words=some, now_ms=now_ms)))
        return told

    return asyncio.run(_with_app_stopped(file.resolve(), work, one_machine=one_machine))


def rescan(file: Path, network: str, start: Start, tell: Tell, *, one_machine: bool) -> Rescanned:
    """Reads the chain of `network` again from `start` on."""

    async def work(opened: _Open) -> Rescanned:
        async with contextlib.AsyncExitStack() as stack:
            around = Around(
                settings=opened.settings,
                store=opened.store,
                exchange=opened.exchange,
                clock=opened.clock,
                evm=await stack.enter_async_context(nodes_of.evm(opened.settings)),
                minter=await stack.enter_async_context(nodes_of.minter(opened.settings)),
                bitcoin=await stack.enter_async_context(nodes_of.bitcoin(opened.settings, opened.beside)),
                tell=tell,
            )
            return await rereading.reread(around, rereading.named(opened.settings, network), start)

    return asyncio.run(_with_app_stopped(file.resolve(), work, one_machine=one_machine))


async def _with_app_stopped(file: Path, work: Callable[[_Open], Awaitable[T]], *, one_machine: bool) -> T:
    async with _opened(file, one_machine=one_machine) as opened:
        return await work(opened)


@contextlib.asynccontextmanager
async def _opened(file: Path, *, one_machine: bool) -> AsyncIterator[_Open]:
    settings, beside = config.load(file), file.parent
    site = SiteHost.of(Service.APP, settings, beside, one_machine=one_machine)
    clock = SystemClock(settings.clock_offset_ms)
    files = [beside / one for one in settings.attestation_keys]
    listed = attestationkeys.read(files, settings.root_key, site.peers)
    attesters = Attesters(site.peers, settings.families, listed, lambda: clock.now_ms() // 1000)
    with app.opened_store(settings, beside, alone=True) as store:
        async with site.exchange() as exchange:
            yield _Open(settings, beside, store, exchange, attesters, clock)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused("restore.given", f"{file} cannot be read: {error.strerror}") from error


def _head_seen(store: Store) -> Callable[[Service, Head], Awaitable[None]]:
    async def seen(signer: Service, head: Head) -> None:
        await store.run(lambda tx: heads.seen(tx, signer, head))

    return seen


def _stand_still(tx: Connection, settings: AppSettings) -> None:
    now_ms = SystemClock(settings.clock_offset_ms).now_ms()
    for network in settings.networks:
        standstill.begin(tx, NetworkId(network), now_ms)


def _database(file: Path, settings: AppSettings) -> Path:
    return file.resolve().parent / settings.database


def recalled(file: Path) -> list[tuple[Recalled, list[PaidOutput]]]:
    """Payments that wait for a person, with their outputs."""
    return app.with_books(
        file,
        lambda tx: [(one, payments.outputs_of(tx, one.number)) for one in payments.in_stage(tx, Stage.OPEN)],
    )


def book_recalled(
    file: Path, number: int, places: Sequence[int], *, wallet: str | None, withdrawal: str | None
) -> Recalled:
    """A person knows out of whose balance these outputs of payment `number` went, or which open withdrawal
    they have paid; all that are left where none is named."""
    settings, at_ms = config.load(file), SystemClock().now_ms()

    def work(tx: Connection) -> Recalled:
        one = payments.get(tx, number)
        left = [out.place for out in payments.outputs_of(tx, number) if out.wallet is None]
        asset = native_asset(one.network, settings.networks[one.network])
        chosen = places or left
        if withdrawal is not None:
            return booking.book_withdrawal(tx, number, chosen, withdrawal, asset=asset, at_ms=at_ms)
        return booking.book_open(tx, number, chosen, wallet_id(wallet or ""), asset=asset, at_ms=at_ms)

    return app.with_books(file, work)
