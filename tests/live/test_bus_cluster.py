"""Three brokers in a cluster: one dies and nobody notices for long; none lets a service in as a server."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.nats.bus import NatsBus
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from keepcool.local.brokerhosts import ROUTE, ROUTE_KEY, ROUTES_CA
from keepcool.local.layout import CA, NATS_CONFIG, Layout
from tests.fixtures.broker import LiveBroker, Reports, running_broker
from tests.fixtures.cluster import LiveCluster, running_cluster
from tests.fixtures.processes import own_folder

pytestmark = pytest.mark.live
KILLS = 5


@pytest.fixture(scope="module")
def keys() -> Iterator[LiveBroker]:
    """Whose services, certificates and permissions the cluster has."""
    with running_broker() as live:
        yield live


@pytest.fixture(scope="module")
def cluster(keys: LiveBroker) -> Iterator[LiveCluster]:
    with own_folder("cluster") as folder:
        places = Layout(folder / "kc")
        places.broker.mkdir(parents=True)
        places.root.mkdir()
        shutil.copy(keys.files.config, places.broker / NATS_CONFIG)
        shutil.copy(keys.folder / CA, places.root / CA)
        shutil.copy(keys.folder / "ca.key", places.ca_key)
        with running_cluster(places, folder) as live:
            yield live


def with_both(keys: LiveBroker, url: str, act: Callable[[NatsBus, NatsBus], Awaitable[None]]) -> None:
    """Runs `act` with App's bus and that of a Keeper who answers."""

    async def pong(frame: bytes) -> bytes:
        return b"pong " + frame

    async def run() -> None:
        app, keeper = [
            await NatsBus.start(replace(keys.address(one), url=url), one, Reports())
            for one in (Service.APP, Service.KEEPER)
        ]
        try:
            await keeper.serve("sign.v1", pong)
            await app.ready(30)
            await keeper.ready(30)
            await act(app, keeper)
        finally:
            await app.close()
            await keeper.close()

    asyncio.run(run())


async def until_answered(app: NatsBus, question: bytes) -> None:
    """As App does: asks again while the answer is that something is down."""
    deadline_s = time.monotonic() + 90
    while True:
        try:
            assert await app.request(Service.KEEPER, "sign.v1", question, 5) == b"pong " + question
        except Unavailable:
            assert time.monotonic() < deadline_s, "no answer any more"
            await asyncio.sleep(0.02)
        else:
            return


def server_of(bus: NatsBus) -> str:
    assert bus._link is not None
    connected = bus._link._client.connected_url
    assert connected is not None
    return f"tls://{connected.netloc}"


def test_the_server_of_either_is_killed_and_they_go_on(keys: LiveBroker, cluster: LiveCluster) -> None:
    """kill -9 of the server that App, then Keeper, then App hangs on: asked again, each is answered; how long
    it took is printed."""

    async def act(app: NatsBus, keeper: NatsBus) -> None:
        await until_answered(app, b"before")
        gaps_s = []
        for number in range(KILLS):
            victim = server_of(keeper if number % 2 else app)
            cluster.servers[victim].kill9()
            began_s = time.monotonic()
            await until_answered(app, b"%d" % number)
            gaps_s.append(time.monotonic() - began_s)
            assert victim not in (server_of(app), server_of(keeper))
            await asyncio.sleep(0)  # the loop is free again before the server is started beside it
            cluster.start(victim)
        told = ", ".join(f"{gap * 1000:.0f}" for gap in gaps_s)
        print(f"failover gap, kill -9 of the server in use, {KILLS} times: {told} ms")  # noqa: T201

    with_both(keys, cluster.url, act)


def test_with_one_server_left_they_still_speak(keys: LiveBroker, cluster: LiveCluster) -> None:
    """No quorum is needed: two of three are dead and requests are answered."""
    last, *others = cluster.servers

    async def act(app: NatsBus, _: NatsBus) -> None:
        for url in others:
            cluster.servers[url].kill9()
        await until_answered(app, b"alone")
        assert server_of(app) == last
        for url in others:
            cluster.start(url)

    with_both(keys, cluster.url, act)


def greeted(cluster: LiveCluster, ca: Path, certificate: Path, key: Path) -> bytes:
    """What a server says to whoever knocks at its route port with this certificate; nothing when refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    host = cluster.brokers[0].host
    with socket.create_connection((host, cluster.route_port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) as line:
                return line.recv(4096)
        except (ssl.SSLError, ConnectionError):
            return b""


def test_a_service_is_not_let_in_as_a_server(keys: LiveBroker, cluster: LiveCluster) -> None:
    """A server among servers has no permissions to keep to. App's certificate does not open that door; the
    certificate of a route, which App does not have, does."""
    one = next(iter(cluster.folders.values()))
    app = keys.address(Service.APP)
    assert greeted(cluster, one / ROUTES_CA, app.certificate, app.certificate_key) == b""
    assert greeted(cluster, one / ROUTES_CA, one / ROUTE, one / ROUTE_KEY).startswith(b"INFO ")
