"""Events: into the log with their changes, and out again through the stream's tail and a webhook.

`python -m bench.events`. Everything is real but the receiver, which does nothing: the disk (fsync with every
commit), sealing, signing, HTTP over loopback. The receiver runs in the same process and shares its one core.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from bench.measure import Figure, printed, rate
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.sealer import SelfSealer
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.webhook.poster import HttpPoster
from keepcool.adapters.webhook.targets import Targets
from keepcool.app.books import registry
from keepcool.app.events import log
from keepcool.app.events.log import News, Subject
from keepcool.app.events.office import EventOffice
from keepcool.app.events.settings import EventSettings
from keepcool.app.store import Store, metadata
from keepcool.core.parties import Service

EVENTS = 4000
BEYOND = 500  # commits of one event each, for what a commit costs
NEWS = News(
    "withdrawal.confirmed",
    Subject(network="eip155:1", user="usr_1", wallet="wal_1", withdrawal="wd_1"),
    dict.fromkeys(("wallet", "user", "asset", "amount", "to", "transaction", "block_hash"), "x" * 24),
)


async def events() -> list[Figure]:
    """Events per second on each leg, and from a commit to the receiver."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(open_books(Path(folder) / "app.sqlite"))
        if registry.wallet.metadata is not metadata:
            raise RuntimeError("withdrawals refer to wallets")
        store.create_tables()
        try:
            return [*_written(store), *await _delivered(store)]
        finally:
            store.close()


def _written(store: Store) -> list[Figure]:
    def one() -> int:
        store.transact(lambda tx: log.append(tx, NEWS, 1))
        return 1

    def hundred() -> int:
        store.transact(lambda tx: log.append_all(tx, [NEWS] * 100, 1))
        return 100

    def bare() -> int:
        store.transact(lambda tx: tx.exec_driver_sql("PRAGMA user_version = 1"))
        return 1

    def each_of_hundred() -> int:
        store.transact(_hundred_changes)
        return 100

    return [
        Figure("commits without an event", rate(bare), "/s"),
        Figure("told, one in each commit", rate(one), "/s"),
        Figure("told, a hundred changes in each commit", rate(each_of_hundred), "/s"),
        Figure("told, a hundred at once in each commit", rate(hundred), "/s"),
    ]


def _hundred_changes(tx: Connection) -> None:
    for _ in range(100):
        log.append(tx, NEWS, 1)


@dataclass
class Receiver:
    """Counts what it is sent."""

    url: str = ""
    got: int = 0
    wanted: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def want(self, count: int) -> None:
        self.wanted = self.got + count
        self.reached.clear()

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.got += 1
        if self.got == self.wanted:
            self.reached.set()
        return web.Response(status=204)


async def _delivered(store: Store) -> list[Figure]:
    async with _receiver() as receiver, _office(store) as office:
        await office.add(receiver.url, (), "", None)
        many = await _through(store, receiver, EVENTS, at_once=100)
        single = await _through(store, receiver, BEYOND, at_once=1)
        waits = [1 / await _through(store, receiver, 1, at_once=1) for _ in range(100)]
    return [
        Figure("through log and webhook, a hundred in each commit", many, "/s"),
        Figure("through log and webhook, one in each commit", single, "/s"),
        Figure("from the change to the receiver, one at a time", sorted(waits)[50] * 1000, "ms"),
    ]


async def _through(store: Store, receiver: Receiver, count: int, *, at_once: int) -> float:
    """Events per second, from the first commit until the last has arrived."""
    receiver.want(count)
    begin = time.perf_counter()
    for _ in range(count // at_once):
        await store.run(lambda tx: log.append_all(tx, [NEWS] * at_once, 1))
    await receiver.reached.wait()
    return count / (time.perf_counter() - begin)


@asynccontextmanager
async def _receiver() -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _office(store: Store) -> AsyncIterator[EventOffice]:
    settings = EventSettings(webhook_networks=("127.0.0.0/8",))
    poster = HttpPoster(Targets(settings.webhook_networks), settings.webhook_timeout_s)
    identity = FileIdentity(Service.APP, os.urandom(32), os.urandom(32))
    office = EventOffice(
        settings,
        store,
        poster,
        SelfSealer(identity, SystemEntropy()),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        metrics=CollectorRegistry(),
    )
    running = asyncio.create_task(office.run())
    try:
        yield office
    finally:
        running.cancel()
        await asyncio.wait([running])
        await poster.close()


def main() -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        printed("Events", runner.run(events()), "SQLite on this disk; sender and receiver share a core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
