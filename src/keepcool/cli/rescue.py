"""keepcool rescue: tokens nobody listed that lie at a wallet, and their way to the harbor."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking, paying

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.payouts import Lying


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("rescue", help="tokens nobody listed, sent to a wallet by mistake")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    show = asking.verb(verbs, "show", "what lies at a wallet, by the node", _show, _shown)
    new = asking.verb(verbs, "new", "send it to the harbor of the signers' policies", _new, paying.shown)
    for parser in (show, new):
        parser.add_argument("--wallet", required=True, metavar="ID", help="where it lies: a wallet's id")
        parser.add_argument("--token", required=True, metavar="ADDRESS", help="the token's contract")
    new.add_argument("--to", required=True, metavar="HARBOR", help="signers refuse any other place")
    new.add_argument("--units", type=int, metavar="UNITS", help="in base units; left out, all")
    new.add_argument("--reason", required=True, metavar="TEXT", help='why, e.g. "ticket 11"')
    new.add_argument("--idempotency-key", help="the same key asked again rescues once")
    paying.wait_option(new)


def _show(client: Client, arguments: argparse.Namespace) -> object:
    return client.payouts.lying(arguments.wallet, arguments.token)


def _new(client: Client, arguments: argparse.Namespace) -> object:
    made = client.payouts.rescue(
        arguments.wallet,
        arguments.token,
        arguments.to,
        arguments.reason,
        units=arguments.units,
        key=arguments.idempotency_key,
    )
    return paying.waited(client, arguments, made)


def _shown(one: Lying) -> str:
    return f"{one.units} base units of {one.contract} lie at {one.address}"
