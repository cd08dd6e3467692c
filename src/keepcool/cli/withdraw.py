"""keepcool withdraw: quote, request, follow and cancel payments out of a wallet."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking, paying

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import Quote


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("withdraw", help="withdrawals")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, about, work, show in (
        ("quote", "what a withdrawal would cost", _quote, _quoted),
        ("new", "pay out of a wallet", _new, paying.shown),
    ):
        parser = asking.verb(verbs, name, about, work, show)
        parser.add_argument("--wallet", required=True, metavar="ID", help="out of this wallet")
        parser.add_argument(
            "--to", required=True, metavar="ADDRESS", help="who is paid; with its checksum where it has one"
        )
        asking.money(parser)
        if name == "new":
            parser.add_argument(
                "--to-again", metavar="ADDRESS", help="the same, entered again: Minter's have no checksum"
            )
            asking.owner_key(parser)
            paying.wait_option(parser)
    show_verb = asking.verb(verbs, "show", "one withdrawal, and why", _show, paying.shown)
    show_verb.add_argument("withdrawal", metavar="ID", help="the withdrawal's id")
    paying.wait_option(show_verb)
    cancel = asking.verb(verbs, "cancel", "cancel before it is signed", _cancel, paying.shown)
    cancel.add_argument("withdrawal", metavar="ID", help="the withdrawal's id")
    listing = asking.verb(verbs, "list", "a wallet's withdrawals", _list, paying.listed)
    listing.add_argument("--wallet", required=True, metavar="ID", help="the wallet's id")


def _quote(client: Client, arguments: argparse.Namespace) -> object:
    asset, units = paying.sum_of(client, arguments, arguments.wallet)
    return client.quote(arguments.wallet, asset, units, arguments.to)


def _quoted(quote: Quote) -> str:
    return f"expected {quote.fee_expected}, at most {quote.fee_max} base units of {quote.fee_asset}"


def _new(client: Client, arguments: argparse.Namespace) -> object:
    asset, units = paying.sum_of(client, arguments, arguments.wallet)
    again = arguments.to_again or ("" if arguments.to.startswith("Mx") else None)
    made = client.withdraw(
        arguments.wallet,
        asset,
        units,
        arguments.to,
        key=arguments.idempotency_key,
        to_again=again,
        fee_max=asking.fee_max(arguments),
        sign_with=paying.key_of(arguments),
    )
    return paying.waited(client, arguments, made)


def _show(client: Client, arguments: argparse.Namespace) -> object:
    return paying.waited(client, arguments, client.withdrawal(arguments.withdrawal))


def _cancel(client: Client, arguments: argparse.Namespace) -> object:
    return client.cancel(arguments.withdrawal)


def _list(client: Client, arguments: argparse.Namespace) -> object:
    return client.read.withdrawals(arguments.wallet)
