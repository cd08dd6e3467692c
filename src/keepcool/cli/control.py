"""keepcool control: what is suspended, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.controls import Suspension

_KINDS = ("user", "asset", "network")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("control", help="suspend and resume users, assets and networks")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    suspend = asking.verb(verbs, "suspend", "nothing is paid out; what was asked for waits", _suspend, _one)
    resume = asking.verb(verbs, "resume", "what waited goes on", _resume, _one)
    for parser in (suspend, resume):
        parser.add_argument("kind", choices=_KINDS, help="what is meant")
        parser.add_argument(
            "subject", metavar="ID", help="a user's id; an asset's or a network's id, or its name"
        )
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept and told")
    suspend.add_argument(
        "--hold-deposits", action="store_true", help="what comes in of it stays pending until it is resumed"
    )
    listing = asking.verb(verbs, "list", "what is suspended", _list, _many)
    listing.add_argument("--all", action="store_true", help="also what was resumed")


def _suspend(client: Client, arguments: argparse.Namespace) -> object:
    deposits = "hold" if arguments.hold_deposits else "credit"
    return client.controls.suspend(
        arguments.kind, _subject(client, arguments), arguments.reason, deposits=deposits
    )


def _resume(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.resume(arguments.kind, _subject(client, arguments), arguments.reason)


def _subject(client: Client, arguments: argparse.Namespace) -> str:
    text: str = arguments.subject
    if arguments.kind == "asset":
        return asking.asset_anywhere(client, text)
    return asking.network_named(client, text) if arguments.kind == "network" else text


def _list(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.suspensions(active=not arguments.all)


def _one(one: Suspension) -> str:
    if one.ended_at_ms is not None:
        return f"{one.kind} {one.subject} is resumed: {one.ended_reason}"
    return f"{one.kind} {one.subject} is suspended, deposits: {one.deposits}: {one.reason}"


def _many(some: list[Suspension]) -> str:
    rows = [
        (one.kind, one.subject, one.deposits, one.by, one.ended_by or "", one.ended_reason or one.reason)
        for one in some
    ]
    return asking.table([("kind", "subject", "deposits", "by", "resumed by", "reason"), *rows])
