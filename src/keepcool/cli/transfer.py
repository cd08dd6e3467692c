"""keepcool transfer: from one of our wallets to another, on chain."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking, paying

if TYPE_CHECKING:
    from keepcool.client.api import Client


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("transfer", help="transfers between wallets, on chain")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    new = asking.verb(verbs, "new", "pay from one wallet to another", _new, paying.shown)
    new.add_argument("--from", required=True, dest="source", metavar="ID", help="the wallet that pays")
    new.add_argument("--to", required=True, dest="target", metavar="ID", help="the wallet that is paid")
    asking.money(new)
    asking.owner_key(new)
    paying.wait_option(new)


def _new(client: Client, arguments: argparse.Namespace) -> object:
    asset, units = paying.sum_of(client, arguments, arguments.source)
    made = client.transfer(
        arguments.source,
        arguments.target,
        asset,
        units,
        key=arguments.idempotency_key,
        fee_max=asking.fee_max(arguments),
        sign_with=paying.key_of(arguments),
    )
    return paying.waited(client, arguments, made)
