"""keepcool app withdrawal and coin: what a person decides about payouts, beside a running App."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

_Verbs = argparse._SubParsersAction  # noqa: SLF001 - what add_subparsers gives has no public name


def add_verbs(verbs: _Verbs[argparse.ArgumentParser]) -> None:
    payout = verbs.add_parser("withdrawal", help="a payout that needs a person")
    actions = payout.add_subparsers(dest="action", required=True, metavar="ACTION")
    settle = _verb(actions, "settle", "book one as paid by a final transaction that paid it", _settle)
    settle.add_argument("withdrawal", metavar="ID")
    settle.add_argument("--txid", required=True, help="the transaction, a draft of ours, that has paid it")
    settle.add_argument("--json", action="store_true", help="print as JSON")
    coin = verbs.add_parser("coin", help="one coin of a Bitcoin network")
    actions = coin.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, about in (("freeze", "leave a coin where it is"), ("thaw", "let a frozen coin go again")):
        one = _verb(actions, name, about, _freeze)
        one.add_argument("outpoint", metavar="TXID:VOUT")
        one.add_argument("--network", required=True, metavar="NETWORK", help="its id or its name")


def _verb(
    verbs: _Verbs[argparse.ArgumentParser],
    name: str,
    about: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    verb.set_defaults(run=command)
    return verb


def _settle(arguments: argparse.Namespace) -> int:
    from keepcool.app.payouts.bitcoin import main

    done = main.settle(arguments.config, arguments.withdrawal, arguments.txid)
    one = done.withdrawal
    if arguments.json:
        told = {"id": one.id, "transaction": one.transaction, "units": str(one.units), "again": done.again}
        print(json.dumps(told))
        return 0
    was = "was booked before" if done.again else "is booked"
    print(f"{one.id} {was} as paid by {one.transaction}: {one.units} base units")
    return 0


def _freeze(arguments: argparse.Namespace) -> int:
    from keepcool.app.payouts.bitcoin import main

    frozen = arguments.action == "freeze"
    main.freeze_coin(arguments.config, arguments.network, arguments.outpoint, frozen=frozen)
    print(f"{arguments.outpoint} {'stays where it is' if frozen else 'may be spent again'}")
    return 0
