"""App's composition root: the only place where its adapters meet its inside.

Started: database (one App only), identity, bus, then everything that runs; stopped in the reverse order.
When one running part fails the whole process stops with its error: it starts again from the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from keepcool.adapters.bitcoinkernel import scripts
from keepcool.adapters.bitcoinnode.agreement import AgreeingBitcoinNodes
from keepcool.adapters.bitcoinnode.news import NodeNews
from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.guard import refuse_fatal, survey
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.identity.sealer import SelfSealer
from keepcool.adapters.minternode.agreement import AgreeingNodes
from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.adapters.minternode.subscription import Heights
from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.nats.watch import CountedBus
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.sqlite.shared import open_beside
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.faults import faults_from
from keepcool.adapters.system.logs import log_to_stderr
from keepcool.adapters.system.metrics import ExchangeWatch
from keepcool.adapters.webhook.poster import HttpPoster
from keepcool.adapters.webhook.targets import Targets
from keepcool.app import config, keys
from keepcool.app.assembly import Assembly, Outside
from keepcool.app.books import postings
from keepcool.app.config import AppSettings, BitcoinSettings, EvmSettings, MinterSettings
from keepcool.app.http import server
from keepcool.app.http.api import make_api
from keepcool.app.keys import ApiKey, Scope
from keepcool.app.reconciling import everything
from keepcool.app.store import Store
from keepcool.core.errors import Breach, KeepcoolError
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Peer, Service
from keepcool.core.reconciliation import Report, SeenHead
from keepcool.wire.exchange import Exchange

_COMPLETE_EVERY_S = 15
T = TypeVar("T")
_log = logging.getLogger("keepcool.app")


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run App until SIGTERM or SIGINT. Raises what keeps it from starting."""
    settings = config.load(file)
    log_to_stderr(Service.APP.value)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, file.resolve().parent, one_machine=one_machine))


async def _run(settings: AppSettings, beside: Path, *, one_machine: bool) -> None:
    peers = peers_of(settings.peers)
    for warning in refuse_fatal(survey(beside, Service.APP, peers, one_machine=one_machine)):
        _log.warning(warning)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = CollectorRegistry()
    async with contextlib.AsyncExitStack() as stack:
        store = stack.enter_context(opened_store(settings, beside))
        bound = stack.enter_context(server.bind(settings.http))
        link = linked(settings, beside, peers, metrics, one_machine=one_machine)
        assembly = Assembly(
            Outside(
                settings=settings,
                peers=peers,
                store=store,
                exchange=await stack.enter_async_context(link),
                nodes=await stack.enter_async_context(spoken_to(settings)),
                minter_nodes=(minter_nodes := await stack.enter_async_context(agreed_nodes(settings))),
                minter_news=await stack.enter_async_context(news_of(settings, minter_nodes)),
                bitcoin_checker=scripts.check,
                bitcoin_nodes=await stack.enter_async_context(bitcoin_nodes_of(settings, beside)),
                bitcoin_news=stack.enter_context(bitcoin_news_of(settings)),
                clock=SystemClock(settings.clock_offset_ms),
                entropy=SystemEntropy(),
                faults=faults_from(settings.fault, os.environ),
                metrics=metrics,
                poster=await stack.enter_async_context(posting(settings)),
                sealer=sealer_of(settings, beside, one_machine=one_machine),
            )
        )
        host, port = bound.getsockname()[:2]
        _log.info("listening", extra={"url": f"http://{host}:{port}", "port": port})
        serving = server.serve(make_api(assembly.parts), bound, stop)
        await together(stop, serving, assembly.issuer.keep_completing(_COMPLETE_EVERY_S), *assembly.work())
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
            await stack.enter_async_context(spoken_to(settings)),
            await stack.enter_async_context(agreed_nodes(settings)),
            await stack.enter_async_context(bitcoin_nodes_of(settings, beside)),
        )
        now_ms = SystemClock(settings.clock_offset_ms).now_ms()
        return await everything.reconciled(settings, store, nodes, heads, now_ms // 1000)


def new_api_key(file: Path, name: str, scopes: frozenset[Scope]) -> tuple[ApiKey, str]:
    """The key and its text, shown once."""
    now_ms, entropy = SystemClock().now_ms(), SystemEntropy()
    return with_books(
        file, lambda tx: keys.create(tx, name=name, scopes=scopes, now_ms=now_ms, entropy=entropy)
    )


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


@contextlib.asynccontextmanager
async def linked(
    settings: AppSettings,
    beside: Path,
    peers: Sequence[Peer],
    metrics: CollectorRegistry,
    *,
    one_machine: bool,
) -> AsyncIterator[Exchange]:
    """The exchange over the bus. The broker may be away: what needs it waits or says so."""
    identity = FileIdentity.load(beside / settings.identity, Service.APP, one_machine=one_machine)
    address = BusAddress.of(settings.bus, beside, one_machine=one_machine)
    bus = await NatsBus.start(address, Service.APP, CountedBus(metrics))
    clock = SystemClock(settings.clock_offset_ms)
    try:
        yield Exchange(identity, peers, bus, clock, SystemEntropy(), watch=ExchangeWatch(metrics))
    finally:
        await bus.close()


def sealer_of(settings: AppSettings, beside: Path, *, one_machine: bool) -> SelfSealer:
    identity = FileIdentity.load(beside / settings.identity, Service.APP, one_machine=one_machine)
    return SelfSealer(identity, SystemEntropy())


@contextlib.asynccontextmanager
async def posting(settings: AppSettings) -> AsyncIterator[HttpPoster]:
    """To the receivers of webhooks."""
    poster = HttpPoster(Targets(settings.events.webhook_networks), settings.events.webhook_timeout_s)
    try:
        yield poster
    finally:
        await poster.close()


@contextlib.asynccontextmanager
async def spoken_to(settings: AppSettings) -> AsyncIterator[dict[NetworkId, list[HttpEvmNode]]]:
    """The nodes of every network. They may be away: what needs them waits or says so."""
    clock = SystemClock(settings.clock_offset_ms)
    nodes = {
        NetworkId(network): [
            HttpEvmNode(
                NetworkId(network),
                url,
                clock,
                timeout_s=table.node_timeout_s,
                tip_age_s_max=table.tip_age_s_max or None,
                name=f"node {number} of {network}",
            )
            for number, url in enumerate(table.node_urls, 1)
        ]
        for network, table in settings.networks.items()
        if isinstance(table, EvmSettings)
    }
    try:
        yield nodes
    finally:
        for node in [one for each in nodes.values() for one in each]:
            await node.close()


@contextlib.asynccontextmanager
async def agreed_nodes(settings: AppSettings) -> AsyncIterator[dict[NetworkId, AgreeingNodes]]:
    """The nodes of every Minter network, as one. They may be away: what needs them waits or says so."""
    clock = SystemClock(settings.clock_offset_ms)
    nodes = {
        NetworkId(network): AgreeingNodes(
            [
                HttpMinterNode(
                    NetworkId(network),
                    url,
                    clock,
                    timeout_s=table.node_timeout_s,
                    tip_age_s_max=table.tip_age_s_max or None,
                    chain_name=table.chain_name or None,
                    name=f"node {number} of {network}",
                )
                for number, url in enumerate(table.node_urls, 1)
            ],
            table.agree or None,
        )
        for network, table in settings.networks.items()
        if isinstance(table, MinterSettings)
    }
    try:
        yield nodes
    finally:
        for node in nodes.values():
            await node.close()


@contextlib.asynccontextmanager
async def bitcoin_nodes_of(
    settings: AppSettings, beside: Path
) -> AsyncIterator[dict[NetworkId, AgreeingBitcoinNodes]]:
    """The nodes of every Bitcoin network, as one. They may be away: what needs them waits or says so."""
    clock = SystemClock(settings.clock_offset_ms)
    nodes = {
        NetworkId(network): AgreeingBitcoinNodes(
            [
                HttpBitcoinNode(
                    config.bitcoin_row(network, table),
                    url,
                    clock,
                    credentials=beside / cookie if cookie else None,
                    timeout_s=table.node_timeout_s,
                    tip_age_s_max=table.tip_age_s_max or None,
                    name=f"node {number} of {network}",
                )
                for number, (url, cookie) in enumerate(table.nodes, 1)
            ],
            table.agree or None,
        )
        for network, table in settings.networks.items()
        if isinstance(table, BitcoinSettings)
    }
    try:
        yield nodes
    finally:
        for node in nodes.values():
            await node.close()


@contextlib.asynccontextmanager
async def news_of(
    settings: AppSettings, nodes: Mapping[NetworkId, AgreeingNodes]
) -> AsyncIterator[dict[NetworkId, Heights]]:
    """New heights of every Minter network, by the first node's socket where it has one."""
    news = {
        network: Heights(node, settings.networks[network].node_urls[0], after=await _height(node))
        for network, node in nodes.items()
    }
    try:
        yield news
    finally:
        for one in news.values():
            await one.close()


@contextlib.contextmanager
def bitcoin_news_of(settings: AppSettings) -> Iterator[dict[NetworkId, NodeNews]]:
    """What nodes announce, of every Bitcoin network that says where. Nodes may be away."""
    with contextlib.ExitStack() as stack:
        yield {
            NetworkId(network): stack.enter_context(contextlib.closing(NodeNews(table.zmq_urls)))
            for network, table in settings.networks.items()
            if isinstance(table, BitcoinSettings) and table.zmq_urls
        }


async def _height(node: AgreeingNodes) -> int:
    """Where news begin; from the chain's first block when nodes are away, which only rings more often."""
    try:
        return (await node.status()).height
    except KeepcoolError:
        return 0


async def together(
    stop: asyncio.Event, serving: Coroutine[Any, Any, None], *working: Coroutine[Any, Any, None]
) -> None:
    """Run all until the server has stopped or one of them failed. Raises the first failure."""
    server_task = asyncio.create_task(serving)
    workers = [asyncio.create_task(one) for one in working]
    await asyncio.wait((server_task, *workers), return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait((server_task,))
    for worker in workers:
        worker.cancel()
    ended = await asyncio.gather(server_task, *workers, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure
