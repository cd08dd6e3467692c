"""keepcool cold: make the cold key, prove that its paper can be read, and sign an evacuation."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import cold_sign_bitcoin, cold_sign_minter

if TYPE_CHECKING:
    from collections.abc import Callable

    from keepcool.cold.main import PublicHalf


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("cold", help="the cold key: made offline, kept on paper")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    new = verbs.add_parser("new", help="make a cold key: a paper sheet and its public half")
    new.add_argument("--out", required=True, type=Path, metavar="DIR", help="an empty folder")
    new.add_argument("--json", action="store_true", help="print as JSON")
    new.set_defaults(run=_run(_new))
    check = verbs.add_parser("check", help="read the words back and print the public keys they give")
    check.add_argument("--json", action="store_true", help="print the public half as JSON")
    check.set_defaults(run=_run(_check))
    sign = verbs.add_parser("sign", help="sign an evacuation to the harbor, and nothing else")
    families = sign.add_subparsers(dest="family", required=True, metavar="FAMILY")
    for family in (cold_sign_bitcoin, cold_sign_minter):
        family.register(families)


def _run(command: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        command(arguments)
        return 0

    return run


def _new(arguments: argparse.Namespace) -> None:
    from keepcool.cold import main

    made = main.make(arguments.out)
    if arguments.json:
        files = {"public": str(made.public), "sheet": str(made.sheet)}
        print(json.dumps(made.half.plain() | files))
        return
    print(f"Paper sheet   {made.sheet}   print it, read it back with `keepcool cold check`, destroy it")
    print(f"Public half   {made.public}   carry it to the installation: keepcool init DIR --cold FILE")
    _print_half(made.half)


def _check(arguments: argparse.Namespace) -> None:
    from keepcool.cold import main

    half = main.check(getpass.getpass("24 words: ") if sys.stdin.isatty() else sys.stdin.read())
    if arguments.json:
        print(json.dumps(half.plain()))
    else:
        _print_half(half)


def _print_half(half: PublicHalf) -> None:
    print(f"Public key    {half.public_key}")
    for pin in half.accounts:
        print(f"{pin.family.capitalize():<13} {pin.expression}")
