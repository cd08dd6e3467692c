"""keepcool cooler: the signer with the cool key."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import signer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepcool.chains.accounts import AccountPin


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = signer.register(subparsers, "cooler", "the signer with the cool key")
    new = signer.configured(verbs, "new-key", "make the cool key: on paper, and sealed here", _new_key)
    new.add_argument("--paper", required=True, type=Path, metavar="DIR", help="where the paper sheet goes")
    add = signer.configured(
        verbs, "add-accounts", "seal what newer families need, from the words of the cool key", _add_accounts
    )
    for verb in (new, add):
        verb.add_argument(
            "--one-machine", action="store_true", help="a trial: see `keepcool cooler run --help`"
        )
        verb.add_argument("--json", action="store_true", help="print as JSON")


def _new_key(arguments: argparse.Namespace) -> int:
    from keepcool.cooler import main

    sheet, made = main.new_key(arguments.config, arguments.paper, one_machine=arguments.one_machine)
    if arguments.json:
        print(json.dumps({"public_key": made.public_key, "sheet": str(sheet)} | _plain(made.accounts)))
        return 0
    print(f"Paper sheet   {sheet}   print it, read it back with `keepcool cold check`, destroy it")
    print(f"Public key    {made.public_key}   pin it as cool_public_key on Keeper and Cooler")
    _print_accounts(made.accounts)
    return 0


def _add_accounts(arguments: argparse.Namespace) -> int:
    from keepcool.cooler import main

    words = getpass.getpass("24 words: ") if sys.stdin.isatty() else sys.stdin.read()
    pins = main.add_accounts(arguments.config, words, one_machine=arguments.one_machine)
    if arguments.json:
        print(json.dumps(_plain(pins)))
    else:
        _print_accounts(pins)
    return 0


def _plain(pins: Sequence[AccountPin]) -> dict[str, object]:
    from keepcool.chains import accounts

    return {"accounts": [accounts.plain(pin) for pin in pins]}


def _print_accounts(pins: Sequence[AccountPin]) -> None:
    for pin in pins:
        print("\nPin this account at the end of keeper.toml and cooler.toml:\n\n[[cool_accounts]]")
        print(f'family = "{pin.family}"\norigin = "{pin.origin}"\nxpub = "{pin.xpub}"')
