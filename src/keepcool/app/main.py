"""App's composition root: the only place where its adapters meet its inside.

Started: database (one App only), identity, bus, then everything that runs; stopped in the reverse order.
When one running part fails the whole process stops with its error: it starts again from the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from keepcool.adapters import site_host
from keepcool.adapters.site_host import SiteHost
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.web import server
from keepcool.app import config, keys
from keepcool.app.books import postings
from keepcool.app.config import AppSettings
from keepcool.app.keys import ApiKey, Former
from keepcool.app.nodes import main as nodes_of
from keepcool.app.reconciling import everything
from keepcool.app.reloading import main as reloading
from keepcool.app.reloading.main import Lasting
from keepcool.app.storage import main as storage
from keepcool.app.store import Store
from keepcool.core.errors import Breach
from keepcool.core.parties import Service
from keepcool.core.reconciliation import Report, SeenHead

T = TypeVar("T")
_log = logging.getLogger("keepcool.app")


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run App until SIGTERM or SIGINT. Raises what keeps it from starting."""
    settings = config.load(file)
    site_host.run(Service.APP, _run(settings, file.resolve(), one_machine=one_machine))


async def _run(settings: AppSettings, file: Path, *, one_machine: bool) -> None:
    beside = file.parent
    site = SiteHost.of(Service.APP, settings, beside, one_machine=one_machine)
    stop, rung, told = site.begun(), asyncio.Event(), settings.events
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rung.set)
    async with contextlib.AsyncExitStack() as stack:
        store = stack.enter_context(opened_store(settings, beside))
        seated = await stack.enter_async_context(storage.seated(settings, beside, store))
        bound = stack.enter_context(server.bind(settings.http.host, settings.http.port))
        exchange = await stack.enter_async_context(site.exchange())
        posting = site_host.posting(told.webhook_networks, told.webhook_timeout_s)
        poster = await stack.enter_async_context(posting)
        lasting = Lasting(file=file, site=site, store=store, seated=seated, exchange=exchange, poster=poster)
        running = reloading.generations(lasting)
        await running.begin(settings)
        stack.push_async_callback(running.close)
        host, port = bound.getsockname()[:2]
        _log.info("listening", extra={"url": f"http://{host}:{port}", "port": port})
        beginning = (running.run(stop), running.on_signal(rung), reloading.serve(lasting, running))
        await site_host.together(stop, server.serve(running, bound, stop), *seated.sitting, *beginning)
    _log.info("stopped")


def with_books(file: Path, work: Callable[[Connection], T]) -> T:
    """One transaction in the database of the App this configuration is for, running or not."""
    store = storage.shared(config.load(file), file.resolve().parent, made=True)
    try:
        store.create_tables()
        return store.transact(work)
    finally:
        store.close()


def reconcile(file: Path, heads: Mapping[str, SeenHead]) -> Report:
    """Ledger against chain, App running or not. `heads`: of signers' journals, newer than App was told."""
    settings, beside = config.load(file), file.resolve().parent
    with contextlib.closing(storage.shared(settings, beside)) as store:
        return asyncio.run(_reconciled(settings, beside, store, heads))


async def _reconciled(
    settings: AppSettings, beside: Path, store: Store, heads: Mapping[str, SeenHead]
) -> Report:
    async with contextlib.AsyncExitStack() as stack:
        nodes = everything.Reading(
            await stack.enter_async_context(nodes_of.evm(settings)),
            await stack.enter_async_context(nodes_of.minter(settings)),
            await stack.enter_async_context(nodes_of.bitcoin(settings, beside)),
        )
        now_ms = SystemClock(settings.clock_offset_ms).now_ms()
        return await everything.reconciled(settings, store, nodes, heads, now_ms // 1000)


def rotate_api_key(file: Path, name: str, overlap_ms: int) -> tuple[ApiKey, str]:
    """The key and its new text, shown once; the text before counts for so long."""
    now_ms, entropy = SystemClock().now_ms(), SystemEntropy()
    return with_books(
        file,
        lambda tx: keys.rotate(tx, name=name, overlap_ms=overlap_ms, now_ms=now_ms, entropy=entropy),
    )


def api_keys(file: Path) -> tuple[list[ApiKey], list[Former]]:
    """All keys, and the texts that still count beside them."""
    now_ms = SystemClock().now_ms()
    return with_books(file, lambda tx: (keys.listed(tx), keys.formers(tx, now_ms)))


@contextlib.contextmanager
def opened_store(settings: AppSettings, beside: Path, *, alone: bool = False) -> Iterator[Store]:
    """Raises Conflict `books.locked` when another App has the file; `alone`: when any has the database."""
    store = storage.alone(settings, beside) if alone else storage.own(settings, beside)
    try:
        store.create_tables()
        refuse_wrong_books(store)
        yield store
    finally:
        store.close()


def refuse_wrong_books(store: Store) -> None:
    """Raises Breach when a balance is not the sum of its entries: somebody has edited the database."""
    for one in store.look(postings.check_books)[:1]:
        raise Breach(
            "books.differ",
            f"the ledger's {one.what} ({one.asset}) says {one.stored}, its entries {one.computed}; App does "
            "not start on edited books: restore the last backup",
        )
