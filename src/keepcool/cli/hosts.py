"""keepcool hosts: an installation taken apart for hosts of its own, and the systemd units that run it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.core.parties import Service
    from keepcool.local.brokerhosts import Cluster
    from keepcool.local.rewriting import Address

_BROKER_PORT, _KEYSTORE_PORT = 4222, 8200
_PARTS = ("app", "keeper", "cooler", "desk", "broker", "keeper-keystore", "cooler-keystore")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("hosts", help="a folder for each host, and systemd units")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    split = verbs.add_parser("split", help="take an installation apart: a folder for each host")
    split.add_argument("folder", type=Path, metavar="DIR", help="made by `keepcool init`, whole, not running")
    split.add_argument("--into", required=True, type=Path, metavar="OUT", help="a new folder")
    _add_brokers(split)
    split.add_argument(
        "--keystore",
        action="append",
        default=[],
        metavar="SIGNER=HOST[:PORT]",
        help="where keeper's and cooler's keystores will be found (port 8200)",
    )
    split.add_argument("--app-url", default="", metavar="URL", help="how the operator reaches App")
    split.set_defaults(run=_split)
    brokers = verbs.add_parser("brokers", help="brokers' folders alone: more of them, or new certificates")
    brokers.add_argument("folder", type=Path, metavar="DIR", help="with `root` and broker/nats.conf")
    brokers.add_argument("--into", required=True, type=Path, metavar="OUT", help="a new folder")
    _add_brokers(brokers)
    brokers.set_defaults(run=_brokers)
    _add_certificates(verbs)
    units = verbs.add_parser("units", help="write the systemd units, and the users they run as")
    units.add_argument("--into", required=True, type=Path, metavar="DIR", help="a folder that is there")
    units.add_argument("--only", action="append", choices=_PARTS, help="this part's unit; repeatable")
    units.set_defaults(run=_units)


def _add_certificates(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("certificates", help="new certificates for parts that run elsewhere")
    verb.add_argument("folder", type=Path, metavar="DIR", help="with `root`")
    verb.add_argument("--into", required=True, type=Path, metavar="OUT", help="a new folder")
    verb.add_argument(
        "--part",
        action="append",
        required=True,
        metavar="PART[=HOST]",
        help="app, keeper, cooler, desk; keeper-keystore=HOST, cooler-keystore=HOST; repeatable",
    )
    verb.set_defaults(run=_certificates)


def _certificates(arguments: argparse.Namespace) -> int:
    from keepcool.local import start
    from keepcool.local.layout import Layout

    parts = dict(map(_part, arguments.part))
    for file in start.certificates_here(Layout(arguments.folder.absolute()), arguments.into, parts):
        print(file)
    return 0


def _part(text: str) -> tuple[str, str]:
    """A service and nothing, a keystore and its host. Raises Malformed."""
    from keepcool.local import renewing, rewriting

    name, _, host = text.partition("=")
    if name in renewing.KEYSTORES:
        return name, rewriting.address(host, _KEYSTORE_PORT).host
    if name not in renewing.ON_THE_BUS or host:
        raise Malformed("hosts.part", f"--part {text!r}: a service's name, or a keystore's and its host")
    return name, ""


def _add_brokers(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--broker",
        action="append",
        required=True,
        metavar="HOST[:PORT]",
        help="where the broker will be found (port 4222); three times for a cluster",
    )
    verb.add_argument(
        "--route-port", type=int, default=6222, metavar="N", help="where servers of a cluster meet"
    )


def _split(arguments: argparse.Namespace) -> int:
    from keepcool.local import hosts, start
    from keepcool.local.layout import Layout

    keystores = dict(_keystore(text) for text in arguments.keystore)
    wanted = hosts.Hosts(_cluster(arguments), keystores, arguments.app_url)
    places = Layout(arguments.folder.absolute())
    made = start.split_here(places, arguments.into, wanted, lambda text: print(f"  {text}", flush=True))
    _tell(arguments.into, made)
    print(f"{places.root} goes to no host: carry it away. docs/operate/separate-hosts.md goes on from here.")
    return 0


def _brokers(arguments: argparse.Namespace) -> int:
    from keepcool.local import start
    from keepcool.local.layout import Layout

    places = Layout(arguments.folder.absolute())
    _tell(arguments.into, start.brokers_here(places, arguments.into, _cluster(arguments)))
    return 0


def _tell(into: Path, made: Sequence[str]) -> None:
    from keepcool.local.units import HOME

    for name in made:
        print(f"{into / name}  ->  {HOME}/{'broker' if name.startswith('broker-') else name} of its host")


def _cluster(arguments: argparse.Namespace) -> Cluster:
    """Raises Malformed."""
    from keepcool.local import rewriting
    from keepcool.local.brokerhosts import Cluster

    if not 0 < arguments.route_port < 65536:
        raise Malformed("hosts.route_port", "--route-port: between 1 and 65535")
    brokers = tuple(rewriting.address(text, _BROKER_PORT) for text in arguments.broker)
    if len({one.host for one in brokers}) != len(brokers):
        raise Malformed("hosts.broker", "--broker: each server once, on a host of its own")
    return Cluster(brokers, arguments.route_port)


def _keystore(text: str) -> tuple[Service, Address]:
    """From "SIGNER=HOST[:PORT]". Raises Malformed."""
    from keepcool.core.parties import Service
    from keepcool.local import rewriting

    name, _, where = text.partition("=")
    if name not in ("keeper", "cooler"):
        raise Malformed("hosts.keystore", f"--keystore {text!r}: write keeper=HOST or cooler=HOST")
    return Service(name), rewriting.address(where, _KEYSTORE_PORT)


def _units(arguments: argparse.Namespace) -> int:
    from keepcool.local import units

    for file in units.write(arguments.into, [units.UNITS[name] for name in arguments.only or units.UNITS]):
        print(file)
    return 0
