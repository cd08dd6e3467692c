"""A cluster of three brokers: whichever dies, is restarted or comes back, each withdrawal is paid once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from keepcool.client.api import Wallet
from keepcool.client.models import Withdrawal
from keepcool.core.parties import Service
from keepcool.local import rewriting
from keepcool.local.rewriting import address
from tests.fixtures.cluster import LiveCluster, linked_to, running_cluster
from tests.fixtures.installation import COIN, House, eventually
from tests.fixtures.processes import own_folder

pytestmark = pytest.mark.live
ON_THE_BUS = (Service.KEEPER, Service.COOLER, Service.APP)
WALLETS = 3


@pytest.fixture(scope="module")
def cluster(house: House) -> Iterator[LiveCluster]:
    """In the place of the installation's own broker, for this file."""
    names = [one.value for one in ON_THE_BUS]
    with (
        own_folder("clustered") as folder,
        running_cluster(house.places, folder) as live,
        ExitStack() as edits,
    ):
        for service in ON_THE_BUS:
            edits.enter_context(house.edited(service, lambda text: text))  # as it was, afterwards
            servers = [address(url.removeprefix("tls://"), 0) for url in live.servers]
            rewriting.bus(house.places.config(service), servers)
        house.stop("broker")
        house.restart(*names)
        try:
            yield live
        finally:
            edits.close()
            house.start("broker", ready=False)
            house.restart(*names)


@pytest.fixture(scope="module")
def payers(house: House, cluster: LiveCluster) -> list[Wallet]:
    return [house.deployed(50) for _ in range(WALLETS)]


def asked_of(house: House, payers: list[Wallet]) -> list[tuple[Withdrawal, str]]:
    to = [house.outside() for _ in payers]
    each = zip(payers, to, strict=True)
    return [(house.client.withdraw(one.id, house.eth, COIN, there), there) for one, there in each]


def server_of(house: House, service: Service) -> str:
    return linked_to(house.child(service.value).log)


@pytest.mark.parametrize("whose", ON_THE_BUS)
def test_the_server_in_use_is_killed(
    house: House, cluster: LiveCluster, payers: list[Wallet], whose: Service
) -> None:
    """kill -9 of the server a service hangs on, with withdrawals open: each is paid exactly once, and the
    service is linked to another server."""
    asked = asked_of(house, payers)
    first = asked[0][0].id
    eventually(lambda: house.client.withdrawal(first).state != "requested", "no step")
    victim = server_of(house, whose)
    cluster.servers[victim].kill9()
    for one, there in asked:
        house.paid_once(one, there, COIN)
    eventually(lambda: server_of(house, whose) != victim, "still linked to the dead server")
    cluster.start(victim)


def test_servers_are_restarted_in_turn(house: House, cluster: LiveCluster, payers: list[Wallet]) -> None:
    """A rolling restart under open withdrawals: each is paid exactly once."""
    asked = []
    for url, server in cluster.servers.items():
        asked += asked_of(house, payers)
        server.terminate()
        cluster.start(url)
    for one, _ in asked:
        house.confirmed(one)
    for one, there in asked:
        house.paid_once(one, there, COIN)


def test_all_servers_die_and_one_comes_back(house: House, cluster: LiveCluster, payers: list[Wallet]) -> None:
    """Without any server withdrawals wait and no journal grows; with one of three they are paid."""
    for server in cluster.servers.values():
        server.kill9()
    rows = house.rows("keeper"), house.rows("cooler")
    asked = asked_of(house, payers)
    eventually(lambda: house.client.withdrawal(asked[0][0].id).state == "drafted", "not drafted")
    assert (house.rows("keeper"), house.rows("cooler")) == rows
    first, *others = cluster.servers
    cluster.start(first)
    for one, there in asked:
        house.paid_once(one, there, COIN)
    for url in others:
        cluster.start(url)
