"""keepcool cold: make the cold key, and prove that its paper can be read."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("cold", help="the cold key: made offline, kept on paper")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    new = verbs.add_parser("new", help="make a cold key: a paper sheet and its public half")
    new.add_argument("--out", required=True, type=Path, metavar="DIR", help="an empty folder")
    new.add_argument("--json", action="store_true", help="print as JSON")
    new.set_defaults(run=_run(_new))
    check = verbs.add_parser("check", help="read the words back and print the public key they give")
    check.set_defaults(run=_run(_check))


def _run(command: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        command(arguments)
        return 0

    return run


def _new(arguments: argparse.Namespace) -> None:
    from keepcool.cold import main

    made = main.make(arguments.out)
    if arguments.json:
        print(
            json.dumps({"public": str(made.public), "public_key": made.public_key, "sheet": str(made.sheet)})
        )
        return
    print(f"Paper sheet   {made.sheet}   print it, read it back with `keepcool cold check`, destroy it")
    print(f"Public half   {made.public}   carry it to the installation: keepcool init DIR --cold FILE")
    print(f"Public key    {made.public_key}")


def _check(_: argparse.Namespace) -> None:
    from keepcool.cold import main

    words = getpass.getpass("24 words: ") if sys.stdin.isatty() else sys.stdin.read()
    print(main.check(words))
