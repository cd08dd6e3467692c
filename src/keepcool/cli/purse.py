"""keepcool purse: the account that pays network fees."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking, paying

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import Purse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("purse", help="the account that pays network fees")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    asking.verb(
        verbs,
        "show",
        "address and balance of each network's purse",
        lambda client, _: client.read.purses(),
        _shown,
    )
    topup = asking.verb(verbs, "topup", "pay into the purse from a wallet", _topup, paying.shown)
    topup.add_argument("--wallet", required=True, metavar="ID", help="the wallet that pays it")
    asking.money(topup)
    paying.wait_option(topup)


def _purses(client: Client, _: argparse.Namespace) -> object:
    return client.read.purses()


def _topup(client: Client, arguments: argparse.Namespace) -> object:
    asset, units = paying.sum_of(client, arguments, arguments.wallet)
    made = client.top_up(arguments.wallet, asset, units, key=arguments.idempotency_key)
    return paying.waited(client, arguments, made)


def _shown(purses: list[Purse]) -> str:
    cells = [(one.network, one.address, one.on_chain or "?", one.booked, one.fees_paid) for one in purses]
    return asking.table([("network", "address", "on chain", "booked", "fees paid"), *cells])
