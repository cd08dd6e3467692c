"""App's API as it runs: real uvicorn on loopback, a real SQLite file, signers behind real envelopes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.web import server
from keepcool.app import keys
from keepcool.app.config import AppSettings, AssetSettings, EvmSettings
from keepcool.app.events.settings import EventSettings
from keepcool.app.http.api import make_api
from keepcool.app.http.health import Health
from keepcool.app.http.orders import Purse
from keepcool.app.http.parts import Parts
from keepcool.app.http.settings import HttpSettings
from keepcool.app.keys import Scope
from keepcool.app.payouts.requests import PayoutDesk
from keepcool.app.pools.office import Around, PoolOffice
from keepcool.app.probes import database
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters, Issuer
from keepcool.core.errors import Refused
from keepcool.core.ids import AssetId
from keepcool.core.parties import Service
from keepcool.ports.settings import BusSettings
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Head
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import NETWORK, Signers
from tests.unit.app.events.office import LOOPBACK, event_office
from tests.unit.app.http.engines import IdleEngine

ETH = f"{NETWORK}/slip44:60"
TOKEN = f"{NETWORK}/erc20:0x5FbDB2315678afecb367f032d93F642f64180aa3"
BODY_BYTES_MAX = 32_768


def settings(folder: Path, events: EventSettings = LOOPBACK) -> AppSettings:
    network = EvmSettings(
        name="test chain",
        profile="safe-1.5.0-l2",
        node_urls=["http://127.0.0.1:1"],
        assets=[
            AssetSettings(id=ETH, symbol="ETH", decimals=18),
            AssetSettings(id=TOKEN, symbol="TST", decimals=6, deposit_min="1000"),
        ],
    )
    bus = BusSettings(url="tls://127.0.0.1:1", nkey_seed="", ca="", certificate="", certificate_key="")
    return AppSettings(
        identity="identity",
        database=str(folder / "app.sqlite"),
        bus=bus,
        peers={},
        networks={NETWORK: network},
        http=HttpSettings(port=0, body_bytes_max=BODY_BYTES_MAX),
        events=events,
    )


@dataclass
class Running:
    """`client()` speaks with a key of the scopes asked for. `halt` ends what runs beside the API."""

    url: str
    store: Store
    signers: Signers
    parts: Parts
    engine: IdleEngine
    halt: Callable[[], None]
    clients: list[httpx.Client] = field(default_factory=list)

    def key(self, *scopes: Scope) -> str:
        name = f"{'-'.join(scopes)}-{len(self.clients)}"
        wanted = frozenset(scopes)
        return self.store.transact(
            lambda tx: keys.create(tx, name=name, scopes=wanted, now_ms=1, entropy=SystemEntropy())
        )[1]

    def client(self, *scopes: Scope) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key(*scopes)}"} if scopes else {}
        self.clients.append(httpx.Client(base_url=self.url, headers=headers, timeout=20))
        return self.clients[-1]


async def _one_purse() -> list[Purse]:
    return [Purse(NETWORK, "0x" + "11" * 20, AssetId(ETH), 5, None, 2)]


async def _heard(signer: Service, head: Head) -> None: ...


async def _ready(network: str) -> None: ...


def _pools(
    chosen: AppSettings, store: Store, exchange: Exchange, desk: PayoutDesk, signers: Signers
) -> PoolOffice:
    attesters = Attesters(signers.peers)
    return PoolOffice(
        Around(
            settings=chosen,
            store=store,
            exchange=exchange,
            attesters=attesters,
            issuer=Issuer(exchange, store, attesters, signers.clock, timeout_s=5),
            payouts=desk,
            clock=signers.clock,
            metrics=CollectorRegistry(),
            head_seen=_heard,
            wake=lambda: None,
            ready=_ready,
        )
    )


def _halting(
    loop: asyncio.AbstractEventLoop, work: Iterable[Coroutine[Any, Any, None]]
) -> Callable[[], None]:
    """Starts this work, and gives what ends it from another thread."""
    workers = [loop.create_task(one) for one in work]

    async def halted() -> None:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def halt() -> None:
        asyncio.run_coroutine_threadsafe(halted(), loop).result(20)

    return halt


@contextmanager
def running(
    folder: Path, chosen: AppSettings | None = None, signers: Signers | None = None
) -> Iterator[Running]:
    chosen, signers = chosen or settings(folder), signers or Signers()
    store = Store(open_books(Path(chosen.database)))
    store.create_tables()
    stop, loop, metrics = asyncio.Event(), asyncio.new_event_loop(), CollectorRegistry()
    bound = server.bind(chosen.http.host, chosen.http.port)
    exchange = loop.run_until_complete(signers.start())
    desk = PayoutDesk(chosen.networks, Attesters(signers.peers), signers.clock)
    engine, networks = IdleEngine(desk, store), chosen.networks
    pools = _pools(chosen, store, exchange, desk, signers)
    office, poster = event_office(chosen.events, store, SystemClock(), metrics)

    async def known(network: str) -> None:
        if network not in networks:
            raise Refused("network.unknown", f"network {network} is not configured here")

    parts = Parts(
        settings=chosen,
        store=store,
        attesters=pools.desk.attesters,
        issuer=pools.desk.issuer,
        pools=pools.desk,
        clock=signers.clock,
        entropy=SystemEntropy(),
        health=Health({"database": database(store)}),
        payouts=desk,
        engine=engine,
        onboarded=known,
        purses=_one_purse,
        metrics=metrics,
        events=office,
    )
    halt = _halting(loop, (*pools.work(), office.run()))
    api = make_api(parts)
    api.state.stop = stop
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(api, bound, stop),))
    thread.start()
    host, port = bound.getsockname()[:2]
    app = Running(f"http://{host}:{port}", store, signers, parts, engine, halt)
    try:
        yield app
    finally:
        for client in app.clients:
            client.close()
        halt()
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=20)
        loop.run_until_complete(poster.close())
        loop.close()
        store.close()
        bound.close()
