"""An installation taken apart: a folder for each host, with that host's files and nothing else.

What was made on one machine names 127.0.0.1; here every file that names a server is written anew, and the
servers get certificates for the names they will have. The folders of `keepcool init` are only read; `root` is
copied nowhere.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.local import brokerhosts, keystore, layout, renewing, rewriting, units
from keepcool.local.brokerhosts import ANYWHERE, Cluster
from keepcool.local.layout import SIGNERS, Layout
from keepcool.local.reach import reach_of
from keepcool.local.rewriting import Address
from keepcool.local.sums import write_sums

_OURS = (layout.LOG, "*.sock", "*.health.json", "*.prom", layout.SERVER, layout.SERVER_KEY)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where the servers will be found. `keystores`: of signers whose keystore the installation made.
    `app_url`: App's, as its operator reaches it; empty: as it is."""

    cluster: Cluster
    keystores: Mapping[Service, Address]
    app_url: str = ""


def split(places: Layout, into: Path, hosts: Hosts, now_s: int, say: Say) -> list[str]:
    """The names of the folders in `into`, each for a host. Raises Refused when `into` is not empty, the
    installation runs, or a part of it was carried away already; then nothing is left behind."""
    reach_of(places)
    with rewriting.at_rest(places), _built(into) as building:
        work = _Split(places, building, hosts, now_s, say)
        return work.run()


def brokers(places: Layout, into: Path, cluster: Cluster, now_s: int) -> list[str]:
    """The brokers' folders alone, from `root` and broker/nats.conf. Raises Refused as `split`."""
    with _built(into) as building:
        return brokerhosts.write_brokers(places, building, cluster, now_s)


def certificates(places: Layout, into: Path, parts: Mapping[str, str], now_s: int) -> list[Path]:
    """New certificates alone, from `root`; `parts` as `renewing.renew`. Raises Refused as `split`."""
    with _built(into) as building:
        made = renewing.renew(places, building, parts, now_s)
        return [into / file.relative_to(building) for file in made]


class _Split:
    """The steps, in order."""

    def __init__(self, places: Layout, into: Path, hosts: Hosts, now_s: int, say: Say) -> None:
        self._places, self._into, self._hosts, self._now_s, self._say = places, into, hosts, now_s, say

    def run(self) -> list[str]:
        made = brokerhosts.write_brokers(self._places, self._into, self._hosts.cluster, self._now_s)
        for name, address in zip(made, self._hosts.cluster.brokers, strict=True):
            self._say(f"{name}: for {address}")
        made += [self._keystore(one) for one in SIGNERS if self._places.keystore(one).is_dir()]
        services = (*SIGNERS, Service.APP, Service.DESK)
        made += [self._service(one) for one in services if self._places.config(one).is_file()]
        return [*made, self._operator()]

    def _service(self, service: Service) -> str:
        folder = self._copied(self._places.service(service), service.value)
        config = folder / self._places.config(service).name
        rewriting.bus(config, self._hosts.cluster.brokers)
        if service in self._hosts.keystores:
            rewriting.keystore(config, self._hosts.keystores[service])
        units.write(folder, [units.UNITS[service.value]])
        self._say(f"{service.value}: its keys, certificates and configuration")
        return self._done(folder)

    def _keystore(self, signer: Service) -> str:
        address = self._hosts.keystores.get(signer)
        if address is None:
            raise Refused("hosts.keystore", f"say where {signer}'s keystore will be found (--keystore)")
        name = f"{signer.value}-keystore"
        folder = self._copied(self._places.keystore(signer), name)
        rewriting.listener(folder / keystore.CONFIG, ANYWHERE, address)
        brokerhosts.certify(self._places, folder, address.host, self._now_s)
        units.write(folder, [units.UNITS[name]])
        self._say(f"{name}: sealed, for {address}")
        return self._done(folder)

    def _operator(self) -> str:
        folder = self._copied(self._places.operator, "operator")
        if self._hosts.app_url:
            rewriting.app(folder / "operator.toml", self._hosts.app_url)
        return self._done(folder)

    def _copied(self, source: Path, name: str) -> Path:
        shutil.copytree(source, self._into / name, ignore=shutil.ignore_patterns(*_OURS))
        return self._into / name

    @staticmethod
    def _done(folder: Path) -> str:
        write_sums(folder)
        return folder.name


@contextmanager
def _built(into: Path) -> Iterator[Path]:
    """A folder beside the wanted one, which takes its name when the block ends well."""
    wanted = into.absolute()
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        raise Refused("hosts.exists", f"{wanted} is not empty; choose a new folder")
    building = wanted.with_name(f".{wanted.name}.partial-{os.getpid()}")
    before = os.umask(0o077)
    try:
        building.mkdir(mode=0o700, parents=True)
        yield building
        if wanted.exists():
            wanted.rmdir()
        building.rename(wanted)
    except OSError as error:
        text = f"{error.filename}: {error.strerror}; an installation is taken apart while it is whole"
        raise Refused("hosts.file", text) from error
    finally:
        os.umask(before)
        shutil.rmtree(building, ignore_errors=True)
