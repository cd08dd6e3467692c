"""keepcool cooler: the signer with the cool key."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from keepcool.cli import signer


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = signer.register(subparsers, "cooler", "the signer with the cool key")
    new = signer.configured(verbs, "new-key", "make the cool key: on paper, and sealed here", _new_key)
    new.add_argument("--paper", required=True, type=Path, metavar="DIR", help="where the paper sheet goes")
    new.add_argument("--one-machine", action="store_true", help="a trial: see `keepcool cooler run --help`")
    new.add_argument("--json", action="store_true", help="print as JSON")


def _new_key(arguments: argparse.Namespace) -> int:
    from keepcool.cooler import main

    sheet, public_key = main.new_key(arguments.config, arguments.paper, one_machine=arguments.one_machine)
    if arguments.json:
        print(json.dumps({"public_key": public_key, "sheet": str(sheet)}))
        return 0
    print(f"Paper sheet   {sheet}   print it, read it back with `keepcool cold check`, destroy it")
    print(f"Public key    {public_key}   pin it as cool_public_key on Keeper and Cooler")
    return 0
