"""keepcool deposit: what came in."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import Deposit


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("deposit", help="deposits")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = asking.verb(verbs, "list", "a wallet's deposits", _list, _shown)
    listing.add_argument("--wallet", required=True, metavar="ID", help="the wallet's id")
    credit = asking.verb(verbs, "credit", "give dust to its owner", _credit, lambda one: _shown([one]))
    credit.add_argument("deposit", metavar="ID", help="the deposit's id")
    credit.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept with the entry")


def _credit(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.credit_dust(arguments.deposit, arguments.reason)


def _list(client: Client, arguments: argparse.Namespace) -> object:
    return client.read.deposits(arguments.wallet)


def _shown(deposits: list[Deposit]) -> str:
    cells = [
        (one.id, one.state, one.amount, one.credited, one.symbol, one.transaction or "") for one in deposits
    ]
    return asking.table([("id", "state", "base units", "credited", "asset", "transaction"), *cells])
