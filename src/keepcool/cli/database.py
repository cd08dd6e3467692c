"""keepcool app upgrade and move-database: the schema of App's books, and where they lie."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

_Verbs = argparse._SubParsersAction  # noqa: SLF001 - what add_subparsers gives has no public name


def add_verbs(verbs: _Verbs[argparse.ArgumentParser]) -> None:
    upgrade = verbs.add_parser(
        "upgrade", help="take the steps of the schema that are missing, Apps running or not"
    )
    upgrade.add_argument(
        "--check", action="store_true", help="only say which are missing; exit 1 when some are"
    )
    move = verbs.add_parser("move-database", help="copy the books into another database; App is stopped")
    move.add_argument(
        "--to", required=True, metavar="DATABASE", help="postgresql://user@host/name, or a file"
    )
    move.add_argument(
        "--to-password", default="", metavar="FILE", help="file of the PostgreSQL user's password"
    )
    for verb, command in ((upgrade, _upgrade), (move, _move)):
        verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
        verb.add_argument("--json", action="store_true", help="print as JSON")
        verb.set_defaults(run=command)


def _upgrade(arguments: argparse.Namespace) -> int:
    from keepcool.app.storage import main

    found = main.upgrade(arguments.config, check=arguments.check)
    if arguments.json:
        print(json.dumps({"at": found.at, "missing": list(found.missing), "taken": not arguments.check}))
    elif not found.missing:
        print(f"The books are at step {found.at}, the last one this program knows.")
    else:
        steps, did = ", ".join(found.missing), "are missing" if arguments.check else "were taken"
        print(f"The books were at step {found.at}; {steps} {did}.")
    return 1 if arguments.check and found.missing else 0


def _move(arguments: argparse.Namespace) -> int:
    from keepcool.app.storage import main

    moved = main.move(arguments.config, arguments.to, arguments.to_password)
    if arguments.json:
        print(json.dumps(moved))
        return 0
    for table, count in moved.items():
        print(f"{count:10}  {table}")
    print(
        f'Copied, counted and balanced. Now say `database = "{arguments.to}"` and start App.', file=sys.stderr
    )
    return 0
