"""keepcool balance: what a wallet's owner has."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import Balance


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("balance", help="balances")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    show = asking.verb(verbs, "show", "a wallet's balances", _show, _shown)
    show.add_argument("wallet", metavar="ID", help="the wallet's id")


def _show(client: Client, arguments: argparse.Namespace) -> object:
    return client.read.balances(arguments.wallet)


def _shown(balances: list[Balance]) -> str:
    cells = [
        (one.symbol, *(asking.written(units, one.decimals) for units in (one.available, one.held, one.total)))
        for one in balances
    ]
    return asking.table([("asset", "available", "held", "total"), *cells])
