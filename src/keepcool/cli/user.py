"""keepcool user: the people whose coins are kept."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import User


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("user", help="users of the App")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    new = asking.verb(verbs, "new", "make a user", _new, lambda one: one.id)
    new.add_argument("--external-id", help="your own name for the user; asking again gives the same user")
    asking.verb(verbs, "list", "list users", lambda client, _: client.read.users(), _shown)


def _new(client: Client, arguments: argparse.Namespace) -> object:
    return client.make_user(arguments.external_id)


def _shown(users: list[User]) -> str:
    return asking.table([("user", "external id"), *((one.id, one.external_id or "") for one in users)])
