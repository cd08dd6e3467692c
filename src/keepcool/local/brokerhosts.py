"""The folders of brokers on hosts of their own: one, or several that are a cluster.

All that is needed is `root`, which can issue certificates, and one nats.conf, which names every service's
public nkey. So brokers are added, moved and certified anew without a service's folder. Routes between servers
have an authority of their own: with a service's certificate nobody becomes a server among servers.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keepcool.local import certificates, configs, layout, units
from keepcool.local.broker import Seat, configuration, users_in
from keepcool.local.layout import Layout
from keepcool.local.rewriting import Address
from keepcool.local.sums import write_sums

ANYWHERE = "0.0.0.0"  # noqa: S104 - a server on a host of its own; who may reach it is the firewall's
ROUTES_CA, ROUTES_CA_KEY, ROUTE, ROUTE_KEY = "routes-ca.pem", "routes-ca.key", "route.pem", "route.key"
ROUTE_PORT = 6222
_HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Cluster:
    """`brokers`: where they will be found. `route_port`: where they find each other."""

    brokers: tuple[Address, ...]
    route_port: int = ROUTE_PORT


def write_brokers(places: Layout, into: Path, cluster: Cluster, now_s: int) -> list[str]:
    """The folders `into` holds afterwards: broker, or broker-1, broker-2 and so on. Raises OSError when root
    or nats.conf is not there, FileExistsError when a folder is."""
    text = (places.broker / layout.NATS_CONFIG).read_text(encoding="utf-8")
    names = []
    for number, address in enumerate(cluster.brokers, 1):
        name = "broker" if len(cluster.brokers) == 1 else f"broker-{number}"
        folder = into / name
        folder.mkdir(mode=0o700)
        certify(places, folder, address.host, now_s)
        seat = _seat(places, folder, number, cluster, now_s) if len(cluster.brokers) > 1 else None
        if seat is None:
            (folder / layout.JETSTREAM).mkdir(mode=0o700)
        config = folder / layout.NATS_CONFIG
        users, provision = users_in(text)
        made = configuration(
            configs.broker_files(config), address.port, users, provision, host=ANYWHERE, seat=seat
        )
        config.write_text(made, encoding="utf-8")
        units.write(folder, [units.UNITS["broker"]])
        write_sums(folder)
        names.append(name)
    return names


def certify(places: Layout, folder: Path, host: str, now_s: int) -> None:
    """A server's certificate for this host, from the installation's authority."""
    authority = certificates.read_authority(places.root / layout.CA, places.ca_key)
    certificate, key = folder / layout.SERVER, folder / layout.SERVER_KEY
    certificates.issue_server(authority, _named(host), certificate, key, now_s)
    shutil.copyfile(places.root / layout.CA, folder / layout.CA)


def _seat(places: Layout, folder: Path, number: int, cluster: Cluster, now_s: int) -> Seat:
    own = cluster.brokers[number - 1]
    authority = _routes_authority(places, now_s)
    shutil.copyfile(places.root / ROUTES_CA, folder / ROUTES_CA)
    certificates.issue_route(authority, own.host, folder / ROUTE, folder / ROUTE_KEY, now_s)
    return Seat(
        name=f"keepcool-{number}",
        listen=f"{ANYWHERE}:{cluster.route_port}",
        routes=tuple(f"{one.host}:{cluster.route_port}" for one in cluster.brokers if one != own),
        ca=Path(ROUTES_CA),
        certificate=Path(ROUTE),
        certificate_key=Path(ROUTE_KEY),
    )


def _routes_authority(places: Layout, now_s: int) -> certificates.Authority:
    """Made once, and kept in `root` beside the other."""
    certificate, key = places.root / ROUTES_CA, places.root / ROUTES_CA_KEY
    if not certificate.is_file():
        made = certificates.make_authority("keepcool routes", now_s)
        certificates.write_authority(made, certificate, key)
    return certificates.read_authority(certificate, key)


def _named(host: str) -> Sequence[str]:
    return (host, *(one for one in _HERE if one != host))
