"""keepcool user: the people whose coins are kept, and the keys they sign with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import asking, owner_signs

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import User


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("user", help="users of the App, and their own keys")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    new = asking.verb(verbs, "new", "make a user", _new, lambda one: one.id)
    new.add_argument(
        "--external-id",
        metavar="NAME",
        help="your own name for the user; asking again gives the same user",
    )
    asking.verb(verbs, "list", "list users", lambda client, _: client.read.users(), _shown)
    key = verbs.add_parser("new-key", help="make a key to sign withdrawals with, on the owner's own machine")
    key.add_argument("file", type=Path, metavar="FILE", help="a new file, its owner's alone")
    key.set_defaults(run=_new_key)
    owner_signs.register(verbs)


def _new(client: Client, arguments: argparse.Namespace) -> object:
    return client.make_user(arguments.external_id)


def _shown(users: list[User]) -> str:
    return asking.table([("user", "external id"), *((one.id, one.external_id or "") for one in users)])


def _new_key(arguments: argparse.Namespace) -> int:
    from keepcool.client.devicekeys import new_key_file

    print(new_key_file(arguments.file).text)
    return 0
