"""App's composition root: the only place where its adapters meet its inside.

Started: database (one App only), identity, bus, then everything that runs; stopped in the reverse order.
When one running part fails the whole process stops with its error: it starts again from the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from keepcool.adapters import site_host
from keepcool.adapters.bitcoinkernel import scripts
from keepcool.adapters.identity.sealer import SelfSealer
from keepcool.adapters.site_host import SiteHost
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.sqlite.shared import open_beside
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.faults import faults_from
from keepcool.adapters.web import server
from keepcool.app import config, keys
from keepcool.app.assembly import Assembly, Outside
from keepcool.app.books import postings
from keepcool.app.config import AppSettings
from keepcool.app.http.api import make_api
from keepcool.app.keys import ApiKey, Former, Scope
from keepcool.app.nodes import main as nodes_of
from keepcool.app.reconciling import everything
from keepcool.app.store import Store
from keepcool.core.errors import Breach
from keepcool.core.parties import Service
from keepcool.core.reconciliation import Report, SeenHead

_COMPLETE_EVERY_S = 15
T = TypeVar("T")
_log = logging.getLogger("keepcool.app")


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run App until SIGTERM or SIGINT. Raises what keeps it from starting."""
    settings = config.load(file)
    site_host.run(Service.APP, _run(settings, file.resolve().parent, one_machine=one_machine))


async def _run(settings: AppSettings, beside: Path, *, one_machine: bool) -> None:
    site = SiteHost.of(Service.APP, settings, beside, one_machine=one_machine)
    stop, told = site.begun(), settings.events
    async with contextlib.AsyncExitStack() as stack:
        store = stack.enter_context(opened_store(settings, beside))
        bound = stack.enter_context(server.bind(settings.http.host, settings.http.port))
        exchange = await stack.enter_async_context(site.exchange())
        posting = site_host.posting(told.webhook_networks, told.webhook_timeout_s)
        assembly = Assembly(
            Outside(
                settings=settings,
                peers=site.peers,
                store=store,
                exchange=exchange,
                nodes=await stack.enter_async_context(nodes_of.evm(settings)),
                minter_nodes=(minter := await stack.enter_async_context(nodes_of.minter(settings))),
                minter_news=await stack.enter_async_context(nodes_of.minter_news(settings, minter)),
                bitcoin_checker=scripts.check,
                bitcoin_nodes=await stack.enter_async_context(nodes_of.bitcoin(settings, beside)),
                bitcoin_news=stack.enter_context(nodes_of.bitcoin_news(settings)),
                clock=SystemClock(settings.clock_offset_ms),
                entropy=SystemEntropy(),
                faults=faults_from(settings.fault, os.environ),
                metrics=site.metrics,
                poster=await stack.enter_async_context(posting),
                sealer=SelfSealer(site.identity(), SystemEntropy()),
            )
        )
        host, port = bound.getsockname()[:2]
        _log.info("listening", extra={"url": f"http://{host}:{port}", "port": port})
        api = make_api(assembly.parts)
        api.state.stop = stop  # what has no end of its own ends with it
        working = (assembly.issuer.keep_completing(_COMPLETE_EVERY_S), *assembly.work())
        await site_host.together(stop, server.serve(api, bound, stop), *working)
    _log.info("stopped")


def with_books(file: Path, work: Callable[[Connection], T]) -> T:
    """One transaction in the database of the App this configuration is for, running or not."""
    settings = config.load(file)
    database = file.resolve().parent / settings.database
    store = Store(open_beside(database) if database.is_file() else open_books(database))
    try:
        store.create_tables()
        return store.transact(work)
    finally:
        store.close()


def reconcile(file: Path, heads: Mapping[str, SeenHead]) -> Report:
    """Ledger against chain, App running or not. `heads`: of signers' journals, newer than App was told."""
    with contextlib.closing(Store(open_beside(file.resolve().parent / config.load(file).database))) as store:
        return asyncio.run(_reconciled(config.load(file), file.resolve().parent, store, heads))


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


def new_api_key(file: Path, name: str, scopes: frozenset[Scope]) -> tuple[ApiKey, str]:
    """The key and its text, shown once."""
    now_ms, entropy = SystemClock().now_ms(), SystemEntropy()
    return with_books(
        file, lambda tx: keys.create(tx, name=name, scopes=scopes, now_ms=now_ms, entropy=entropy)
    )


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


def revoke_api_key(file: Path, name: str) -> ApiKey:
    now_ms = SystemClock().now_ms()
    return with_books(file, lambda tx: keys.revoke(tx, name=name, now_ms=now_ms))


@contextlib.contextmanager
def opened_store(settings: AppSettings, beside: Path) -> Iterator[Store]:
    """Raises Conflict `books.locked` when another App has the database."""
    store = Store(open_books(beside / settings.database))
    try:
        store.create_tables()
        refuse_wrong_books(store)
        yield store
    finally:
        store.close()


def refuse_wrong_books(store: Store) -> None:
    """Raises Breach when a balance is not the sum of its entries: somebody has edited the database."""
    for one in store.transact(postings.check_books)[:1]:
        raise Breach(
            "books.differ",
            f"the ledger's {one.what} ({one.asset}) says {one.stored}, its entries {one.computed}; App does "
            "not start on edited books: restore the last backup",
        )
