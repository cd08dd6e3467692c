"""keepcool alarm: what App found wrong on a chain or in its nodes, and the end of a freeze by it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.controls import Alarm


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("alarm", help="what App found wrong on a chain, and what is frozen by it")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = asking.verb(verbs, "list", "what nobody has looked at yet", _list, _many)
    listing.add_argument("--all", action="store_true", help="also what was looked at")
    thaw = asking.verb(verbs, "thaw", "a person has looked: what it froze goes on", _thaw, _one)
    thaw.add_argument("number", type=int, metavar="NUMBER", help="as `keepcool alarm list` shows it")


def _list(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.alarms(active=not arguments.all)


def _thaw(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.thaw_alarm(arguments.number)


def _many(some: list[Alarm]) -> str:
    return "\n".join(map(_one, some)) or "There is no alarm."


def _one(one: Alarm) -> str:
    at = datetime.fromtimestamp(one.at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
    held = {"wallet": f"freezes wallet {one.wallet}", "network": f"freezes {one.network}"}.get(
        one.freezes, "freezes nothing"
    )
    state = "was looked at" if one.thawed_at_ms is not None else held
    return f"{one.number}  {at}  {one.code}  {state}\n    {one.text}"
