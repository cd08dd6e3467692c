"""keepcool token add, keepcool networks add: an installation's files changed, shown, taken up by what runs.

Signers first, App last: nobody is asked to pay what the signers do not know yet.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.core.errors import KeepcoolError, Refused, Unavailable

if TYPE_CHECKING:
    from keepcool.local.layout import Layout
    from keepcool.local.plan import AssetPlan, EvmPlan

_SIGNERS = ("keeper", "cooler")


@dataclass(frozen=True, slots=True)
class Change:
    """One file. `service`: who takes it up."""

    service: str
    file: Path
    before: str
    after: str

    def diff(self) -> str:
        lines = (self.before.splitlines(keepends=True), self.after.splitlines(keepends=True))
        return "".join(difflib.unified_diff(*lines, str(self.file), str(self.file)))


def add_token(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("token", help="tokens of an installation, added while it runs")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("add", help="show what an ERC-20 token changes; with --yes change it")
    verb.add_argument("dir", type=Path, metavar="DIR", help="the installation's folder")
    verb.add_argument("contract", metavar="ADDRESS", help="its contract")
    verb.add_argument("--network", required=True, metavar="ID", help="e.g. eip155:1")
    verb.add_argument(
        "--symbol", metavar="TEXT", help="must be what the contract says; read from it, if left out"
    )
    verb.add_argument(
        "--decimals",
        type=int,
        metavar="N",
        help="must be what the contract says; read from it, if left out",
    )
    _common(verb)
    verb.set_defaults(run=_token)


def add_networks(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("networks", help="networks of an installation, added while it runs")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("add", help="show what an EVM network changes; with --yes change it")
    verb.add_argument("dir", type=Path, metavar="DIR", help="the installation's folder")
    verb.add_argument("network", metavar="ID", help="e.g. eip155:10")
    verb.add_argument("--node-url", action="append", required=True, metavar="URL", help="a node; repeatable")
    verb.add_argument(
        "--start-block",
        type=int,
        metavar="N",
        help="deposits are followed from here on; the newest, if left out",
    )
    verb.add_argument(
        "--profile", default="", metavar="NAME", help="Safe contracts of new wallets, e.g. safe-1.5.0-l2"
    )
    verb.add_argument(
        "--poll-ms", type=int, default=1000, metavar="N", help="its nodes are asked every N ms (default 1000)"
    )
    _common(verb)
    verb.set_defaults(run=_network)


def _common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--cap",
        metavar="SYMBOL=TX,HOUR,DAY",
        help="most that may leave at once, per hour and per day, over all wallets; in whole coins",
    )
    verb.add_argument(
        "--yes", action="store_true", help="write the files, sign the policies, and take them up"
    )


def _token(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from keepcool.app.reloading import main
    from keepcool.chains.evm.address import parse_address
    from keepcool.local import adding, plan

    places = _places(arguments)
    contract = parse_address(arguments.contract)
    said = main.token_of(places.app, arguments.network, contract)
    symbol, decimals = arguments.symbol or said.symbol, arguments.decimals
    if decimals not in (None, said.decimals):
        raise Refused("token.decimals", f"the contract has {said.decimals} decimals, not {decimals}")
    if not symbol or (said.symbol and symbol != said.symbol):
        raise Refused(
            "token.symbol", f"the contract is called {said.symbol[:40]!r}; --symbol must say the same"
        )
    asset = plan.token_plan(arguments.network, f"{contract}:{symbol}:{said.decimals}")
    (asset,) = _capped([asset], arguments.cap)
    whole = plan.network_plan(arguments.network, ["-"])
    only = replace(whole, assets=(asset,))
    changes = [
        _change(service, places.policy(service), lambda text: adding.token_in_policy(text, only))
        for service in _SIGNERS
    ]
    changes.append(
        _change("app", places.app, lambda text: adding.token_in_app(text, arguments.network, asset))
    )
    return _done(arguments, places, changes)


def _network(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from keepcool.app.reloading import main
    from keepcool.core.parties import Service
    from keepcool.local import adding, plan

    places = _places(arguments)
    heights = [main.height_of(arguments.network, url) for url in arguments.node_url]
    start = min(heights) if arguments.start_block is None else arguments.start_block
    network: EvmPlan = plan.network_plan(arguments.network, arguments.node_url, profile=arguments.profile)
    network = replace(
        network,
        start_block=start,
        poll_ms=arguments.poll_ms,
        assets=tuple(_capped(network.assets, arguments.cap)),
    )
    print(f"{network.name} ({network.id}): deposits are followed from block {start} on")
    changes = [
        _change(
            signer.value,
            places.policy(signer.value),
            partial(adding.network_in_policy, service=signer, network=network),
        )
        for signer in (Service.KEEPER, Service.COOLER)
    ]
    changes.append(_change("app", places.app, lambda text: adding.network_in_app(text, network)))
    return _done(arguments, places, changes)


@dataclass(frozen=True, slots=True)
class _Places:
    """The files of an installation in one folder. What went to a host of its own is not here."""

    layout: Layout

    @property
    def app(self) -> Path:
        from keepcool.core.parties import Service

        return self.layout.config(Service.APP)

    def policy(self, signer: str) -> Path:
        return self.layout.folder / signer / "policy.toml"

    def config(self, service: str) -> Path:
        return self.layout.folder / service / f"{service}.toml"


def _places(arguments: argparse.Namespace) -> _Places:
    from keepcool.local.layout import Layout

    places = _Places(Layout(arguments.dir.absolute()))
    missing = [file for file in (places.app, *map(places.policy, _SIGNERS)) if not file.is_file()]
    if missing:
        raise Refused(
            "adding.place", f"{missing[0]} is not here: on hosts of their own, change each file by hand"
        )
    return places


def _capped(assets: Sequence[AssetPlan], cap: str | None) -> tuple[AssetPlan, ...]:
    from keepcool.local import plan

    return tuple(assets) if cap is None else plan.with_caps(assets, cap)


def _change(service: str, file: Path, edit: Callable[[str], str]) -> Change:
    before = file.read_text(encoding="utf-8")
    return Change(service, file, before, edit(before))


def _done(arguments: argparse.Namespace, places: _Places, changes: Sequence[Change]) -> int:
    for one in changes:
        print(one.diff(), end="")
    _check(changes)
    if not arguments.yes:
        print("Nothing was written. The same with --yes writes it, signs the policies and has them taken up.")
        return 0
    root_key = _root_key(places)
    taken: list[Change] = []
    try:
        for one in changes:
            taken.append(one)
            _write(one.file, one.after)
            if one.service != "app":
                _sign(one.file, one.after, root_key)
            print(f"{one.service}: {_reloaded(places, one.service)}")
    except KeepcoolError:
        for one in reversed(
            taken[-1:]
        ):  # signers' policies stay wider: nothing asks for what App does not know
            _write(one.file, one.before)
            if one.service != "app":
                _sign(one.file, one.before, root_key)
        raise
    return 0


def _check(changes: Sequence[Change]) -> None:
    """Raises Refused or Malformed before anything is written."""
    from keepcool.app import config
    from keepcool.cosigner.policies import governed
    from keepcool.policy.document import parse_policy

    for one in changes:
        if one.service == "app":
            beside = one.file.with_name(f".{one.file.name}.{os.getpid()}")
            _write(beside, one.after)
            try:
                config.load(beside)
            finally:
                beside.unlink()
        elif governed(parse_policy(one.before.encode())):
            raise Refused(
                "policy.governed",
                f"{one.service}'s policy has administrators: they order the one shown above "
                "(`keepcool admin order policy`); then add to App's file and `keepcool app reload`",
            )


def _root_key(places: _Places) -> bytes:
    file = places.layout.root_key
    try:
        return bytes.fromhex(file.read_text(encoding="ascii"))
    except OSError as error:
        raise Refused("adding.root_key", f"{file} is not here: sign the policies where it is kept") from error


def _sign(file: Path, text: str, root_key: bytes) -> None:
    from keepcool.local.policies import signature

    _write(file.with_name(f"{file.name}.sig"), signature(root_key, text.encode()).decode("ascii"))


def _write(file: Path, text: str) -> None:
    """In one step."""
    beside = file.with_name(f".{file.name}.new-{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o600)
    beside.replace(file)


def _reloaded(places: _Places, service: str) -> str:
    """What the running service said; a stopped one takes it up when it starts."""
    try:
        if service == "app":
            from keepcool.app.reloading import main

            return "; ".join(main.reload(places.config(service))) or "nothing has changed"
        hosted = importlib.import_module(f"keepcool.{service}.main").hosted(places.config(service))
        return str(hosted.reload())
    except Unavailable as error:
        if error.code != "control.absent":
            raise
        return "does not run; it is taken up at the next start"
