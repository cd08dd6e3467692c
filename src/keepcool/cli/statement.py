"""keepcool app statement: a statement of account, straight from App's books, App running or not."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.core.errors import Conflict, Malformed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from keepcool.app.statements.making import Closing
    from keepcool.app.statements.scope import Scope


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "opening, every entry, closing, and proof; exit 1 when the sums do not hold"
    verb = verbs.add_parser("statement", help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    whose = verb.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", metavar="ID", help="of all wallets of a user")
    whose.add_argument("--wallet", metavar="ID", help="of one wallet")
    whose.add_argument("--pool", metavar="ID", help="of every account of a pool")
    whose.add_argument("--network", metavar="NETWORK", help="of every account of a network")
    whose.add_argument("--house", action="store_true", help="of every account there is, for the accounting")
    verb.add_argument(
        "--from", dest="since", metavar="TIME", help="2026-01-31, or 2026-01-31T12:00:00; UTC unless it says"
    )
    verb.add_argument("--to", dest="until", metavar="TIME", help="before this time; now, if left out")
    verb.add_argument("--format", choices=("csv", "json"), default="csv", help="default csv")
    verb.add_argument("--out", type=Path, metavar="FILE", help="a new file, instead of printing it")
    verb.set_defaults(run=_state)


def _state(arguments: argparse.Namespace) -> int:
    from keepcool.app.statements import main

    asked = main.Asked(
        lambda tx: _scope(tx, arguments),
        time_ms(arguments.since) if arguments.since else 0,
        time_ms(arguments.until) if arguments.until else None,
        arguments.format,
    )
    if arguments.out is None:
        return _told(main.state(arguments.config, asked, sys.stdout.write))
    try:
        with arguments.out.open("x", encoding="utf-8", newline="") as file:
            return _told(main.state(arguments.config, asked, file.write))
    except FileExistsError as error:
        raise Conflict("statement.file", f"{arguments.out} is there already; name another") from error


def _scope(tx: Connection, arguments: argparse.Namespace) -> Scope:
    from keepcool.app.statements import scope

    if arguments.user is not None:
        return scope.of_user(tx, arguments.user)
    if arguments.wallet is not None:
        return scope.of_wallet(tx, arguments.wallet)
    if arguments.pool is not None:
        return scope.of_pool(tx, arguments.pool)
    if arguments.network is not None:
        return scope.of_network(arguments.network)
    return scope.of_everything()


def _told(closing: Closing) -> int:
    for asset, kind, computed, stored in closing.differences:
        print(f"DIFFERENCE  {asset}  {kind}: computed {computed}, stored {stored}", file=sys.stderr)
    for asset, units in closing.unbalanced:
        print(f"UNBALANCED  {asset}: debits less credits {units:+}", file=sys.stderr)
    said = "opening and entries make the closing" if closing.is_proven else "the sums do not hold"
    print(f"{closing.entries} entries; {said}.", file=sys.stderr)
    return 0 if closing.is_proven else 1


def time_ms(text: str) -> int:
    """Unix milliseconds of an ISO 8601 date or time. Raises Malformed."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        form = "2026-01-31 or 2026-01-31T12:00:00Z"
        raise Malformed("statement.time", f"{text[:40]!r} is no date or time; write {form}") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    since = at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return since // datetime.timedelta(milliseconds=1)
