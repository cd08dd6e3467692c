"""keepcool wallet key: a wallet's own key, from its user's password."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import asking, passphrases

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.core.secret import Secret

_CODE = "request_key.password_file"


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = (
        ("lend-key", "lend a wallet's own key for 15 minutes: payments are signed meanwhile", _lend),
        ("set-key", "another password for a wallet's own key, or the first one", _set),
        ("give-key", "leave a wallet's own key to App again", _give),
    )
    for name, text, deed in about:
        verb = asking.verb(verbs, name, text, deed, str)
        verb.add_argument("wallet", metavar="ID", help="the wallet's id")
        verb.add_argument(
            "--password-file",
            type=Path,
            metavar="FILE",
            help="its lines, instead of the terminal: the password now, and a new one after it",
        )
        if deed is _set:
            verb.add_argument(
                "--first", action="store_true", help="App has the key now; there is no password"
            )


def _lend(client: Client, arguments: argparse.Namespace) -> str:
    (key,) = _keys(arguments, ["Password"])
    with key:
        return f"lent until {client.request_keys.lend(arguments.wallet, key) // 1000}"


def _set(client: Client, arguments: argparse.Namespace) -> str:
    if arguments.first:
        (new,) = _keys(arguments, ["New password"])
        with new:
            return f"kept by {client.request_keys.change(arguments.wallet, new)} alone"
    old, new = _keys(arguments, ["Password now", "New password"])
    with old, new:
        return f"kept by {client.request_keys.change(arguments.wallet, new, old)} alone"


def _give(client: Client, arguments: argparse.Namespace) -> str:
    (key,) = _keys(arguments, ["Password"])
    with key:
        return f"kept by {client.request_keys.change(arguments.wallet, None, key)}"


def _keys(arguments: argparse.Namespace, questions: list[str]) -> list[Secret]:
    from keepcool.client.requestkeys import derived
    from keepcool.core.secret import Secret

    keys: list[Secret] = []
    for given in passphrases.asked(arguments.password_file, questions, _CODE, twice=False):
        with Secret(given) as password:
            keys.append(derived(password, arguments.wallet))
    return keys
