"""keepcool init: a complete installation in a folder, each service's files in a folder of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli.networks import add_options, planned
from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.local.layout import Layout
    from keepcool.local.people import People
    from keepcool.local.plan import Plan

_NO_COLD = """\
WARNING: the cold key was made on this machine and its words lie in {paper}.
         Whoever has read this disk has it. For coins that matter: run `keepcool cold new` on a machine
         without network, and `keepcool init DIR --cold cold.pub.json` with the public half it writes."""

_POOL_SMALL = """\
NOTE: no owner signs what leaves a pool: a tenth of the caps may leave it, and nothing beyond. Name an
      --approver, say --user-signatures off, or choose amounts under [[tiers]] in both policies."""
_POOL_APPROVED = """\
NOTE: no owner signs what leaves a pool: what is beyond a tenth of the caps waits for an approver."""
_POOL_FIRST = """\
NOTE: users of {network} get addresses once it has a pool: keepcool pool create --network {network}"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("init", help="make a complete installation in a folder")
    noun.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    noun.add_argument("--cold", type=Path, metavar="FILE", help="cold.pub.json from `keepcool cold new`")
    add_options(noun)
    noun.add_argument(
        "--cap",
        action="append",
        default=[],
        metavar="SYMBOL=TX,HOUR,DAY",
        help="most that may leave at once, an hour and a day, over all wallets, in whole coins; repeatable",
    )
    noun.add_argument(
        "--profile",
        action="append",
        default=[],
        dest="profiles",
        metavar="NAME",
        help="Safe contracts of new wallets, e.g. safe-1.5.0-l1; or a departure from the design:"
        " keeper-with-app, request-keys (docs/explain/profiles.md); repeatable",
    )
    _add_keystore(noun)
    noun.add_argument(
        "--depth", type=int, metavar="N", help="credit N blocks deep (EVM: instead of at the finalized block)"
    )
    noun.add_argument(
        "--port",
        type=int,
        default=8480,
        metavar="N",
        help="first of six ports (default 8480); 0 takes free ones",
    )
    noun.add_argument(
        "--shares", type=int, default=3, metavar="N", help="unseal shares of each keystore (default 3)"
    )
    noun.add_argument(
        "--threshold", type=int, default=2, metavar="N", help="shares needed to unseal (default 2)"
    )
    noun.add_argument(
        "--keystore-cidr",
        action="append",
        metavar="CIDR",
        help="addresses from which a signer may reach its keystore (default: this machine)",
    )
    _add_people(noun)
    noun.set_defaults(run=_init)


def _add_keystore(noun: argparse.ArgumentParser) -> None:
    noun.add_argument(
        "--keystore",
        choices=("openbao", "local", "outside", "cloud"),
        default="openbao",
        help="what seals keys: OpenBao (default), a file under a passphrase where that is too much, an"
        " OpenBao or Vault that others run (docs/operate/outside-vault.md), or the KMS of AWS or Google,"
        " unverified (docs/operate/keystore.md)",
    )
    noun.add_argument(
        "--keystore-entry",
        action="append",
        default=[],
        metavar="SIGNER=WHERE",
        help="for each signer; outside: URL,FOLDER with ca.pem, role.id, secret.id; cloud: KEY,FILE with the"
        " access keys or the account",
    )


def _add_people(noun: argparse.ArgumentParser) -> None:
    noun.add_argument(
        "--user-signatures",
        choices=("on", "off"),
        default="on",
        help="on: a wallet with a user key pays what its owner signed, up to the caps; one without pays a"
        " tenth of them, and more if an approver says so (default). off: caps alone decide",
    )
    noun.add_argument(
        "--users-url",
        default="",
        metavar="URL",
        help="where owners touch passkeys (default: App's own page)",
    )
    for option, whom in (("--approver", "approves payments"), ("--administrator", "changes policies, thaws")):
        noun.add_argument(
            option,
            action="append",
            default=[],
            metavar="NAME=KEY",
            help=f"who {whom}; ,credential=ID of a passkey, ,groups=A+B, ,owner=USER behind it; repeatable",
        )
    noun.add_argument("--desk-url", default="", metavar="URL", help="where the desk is found; makes one")


def _init(arguments: argparse.Namespace) -> int:
    from keepcool.core.profiles import given_up
    from keepcool.local import start

    plan = _plan(arguments)
    places = start.install_here(plan, lambda text: print(f"  {text}", flush=True))
    print(_summary(places, plan))
    for sentence in given_up(plan.profiles):
        print(sentence, file=sys.stderr)
    if plan.cold is None:
        print(_NO_COLD.format(paper=places.paper / "cold"), file=sys.stderr)
    pooled = [network.id for network in plan.networks if getattr(network, "pool", False)]
    if pooled and plan.people.user_signatures:
        print(_POOL_APPROVED if plan.people.approvers else _POOL_SMALL, file=sys.stderr)
    for network in pooled:
        print(_POOL_FIRST.format(network=network), file=sys.stderr)
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    from keepcool.core.profiles import is_named, profiles
    from keepcool.local import plan as plans
    from keepcool.local.cloudkeystores import cloud_keystore
    from keepcool.local.outsidekeystores import outside_keystore
    from keepcool.local.provision import LOOPBACK

    designs = [one for one in arguments.profiles if is_named(one) or not one.startswith("safe-")]
    chosen = profiles(designs)
    arguments.profile = "".join([one for one in arguments.profiles if one not in designs][-1:])
    ports = plans.Ports.following(arguments.port)
    return plans.Plan(
        folder=arguments.folder,
        networks=planned(arguments),
        ports=ports,
        cold=arguments.cold,
        shares=arguments.shares,
        threshold=arguments.threshold,
        keystore_cidrs=tuple(arguments.keystore_cidr or LOOPBACK),
        people=_people(arguments, ports.app),
        keystore=arguments.keystore,
        outside=tuple(map(outside_keystore, _entries(arguments, "outside"))),
        cloud=tuple(map(cloud_keystore, _entries(arguments, "cloud"))),
        profiles=chosen,
    )


def _entries(arguments: argparse.Namespace, kind: str) -> list[str]:
    """Raises Malformed where the installation makes its keystores itself."""
    given: list[str] = arguments.keystore_entry
    if given and arguments.keystore not in ("outside", "cloud"):
        text = f"--keystore-entry is not for --keystore {arguments.keystore}; say outside, or cloud"
        raise Malformed("init.keystore_entry", text)
    return given if arguments.keystore == kind else []


def _people(arguments: argparse.Namespace, app_port: int) -> People:
    """Raises Malformed on a person or a place that is written wrong."""
    from keepcool.local import people

    for url in filter(None, (arguments.users_url, arguments.desk_url)):
        people.site(url)
    return people.People(
        user_signatures=arguments.user_signatures == "on",
        users_url=arguments.users_url or f"http://localhost:{app_port}",
        approvers=tuple(people.person(text, "--approver") for text in arguments.approver),
        administrators=tuple(people.person(text, "--administrator") for text in arguments.administrator),
        desk_url=arguments.desk_url,
    )


def _summary(places: Layout, plan: Plan) -> str:
    named = ", ".join(f"{network.name} ({network.id})" for network in plan.networks)
    return f"""\
{places.folder} is ready for {named}.
  root             offline: root key, CA key, unseal shares, paper. Carry it away; `up` needs the shares
  broker           carries messages and can read none
{_keystores(plan)}  keeper, cooler   the signers, each with its signed policy.toml
  app              the books and the API, http://127.0.0.1:{plan.ports.app}
  operator         your first API key and the keys that vouch for addresses
{_desk(plan)}{_own_nodes(places)}Next: keepcool doctor {places.folder}   then   keepcool up {places.folder}"""


def _keystores(plan: Plan) -> str:
    if plan.keystore == "local":
        return "  (keystores)      a file in each signer's folder; their passphrases are in root\n"
    if plan.keystore == "outside":
        return "  (keystores)      run by others; what each signer enters with lies in its folder\n"
    if plan.keystore == "cloud":
        return "  (keystores)      the cloud's, UNVERIFIED here: try it with coins you can lose\n"
    return "  *-keystore       one for each signer, never on one host in earnest\n"


def _desk(plan: Plan) -> str:
    url = plan.people.desk_url
    return f"  desk             where people approve, {url}\n" if url else ""


def _own_nodes(places: Layout) -> str:
    return "".join(f"  {folder.name:<16}  a regtest node of its own\n" for folder in places.own_nodes())
