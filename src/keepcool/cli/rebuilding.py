"""keepcool app backup, restore, rescan and recalled: books that come back."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.core.errors import Refused

if TYPE_CHECKING:
    from keepcool.app.rebuilding.rereading import Start
    from keepcool.app.rebuilding.rescanning import Rescanned

_Verbs = argparse._SubParsersAction  # noqa: SLF001 - what add_subparsers gives has no public name
_DIFFERS = 3
_RECALLED_ACTIONS = ("list", "book")


def add_verbs(verbs: _Verbs[argparse.ArgumentParser]) -> None:
    backup = _verb(verbs, "backup", "copy App's database, beside running Apps too", _backup)
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy; FILE.sha256 is written beside it")
    backup.add_argument("--force", action="store_true", help="replace a copy that is there")
    restore = _verb(verbs, "restore", "bring App's database back; App is stopped", _restore)
    restore.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a copy of keepcool app backup")
    restore.add_argument(
        "--from-signers", action="store_true", help="add what both signers know and the database does not"
    )
    restore.add_argument(
        "--given",
        type=Path,
        metavar="FILE",
        help="whose addresses of pools were: a JSON object a line",
    )
    restore.add_argument(
        "--force", action="store_true", help="put the copy in the place of a database that is there"
    )
    _machine(restore)
    rescan = _verb(verbs, "rescan", "read a chain again, and say what the books make of it", _rescan)
    rescan.add_argument("--network", required=True, metavar="NETWORK", help="its id or its name")
    start = rescan.add_mutually_exclusive_group(required=True)
    start.add_argument("--from-height", type=int, metavar="H", help="the first block to read")
    start.add_argument("--from-date", metavar="DATE", help="e.g. 2026-01-31, or 2026-01-31T12:00:00; in UTC")
    _machine(rescan)
    recalled = _verb(verbs, "recalled", "payments signers remember and nobody's books know", _recalled)
    recalled.add_argument(
        "action", choices=_RECALLED_ACTIONS, metavar="list|book", help="show them, or say whose one was"
    )
    recalled.add_argument("number", nargs="?", type=int, metavar="NUMBER", help="of the payment to book")
    recalled.add_argument("--wallet", metavar="ID", help="out of whose balance it was paid")
    recalled.add_argument("--withdrawal", metavar="ID", help="instead, the open withdrawal it has paid")
    recalled.add_argument(
        "--output", type=int, action="append", default=[], metavar="N", help="only this output; repeatable"
    )


def _verb(
    verbs: _Verbs[argparse.ArgumentParser],
    name: str,
    about: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    verb.add_argument("--json", action="store_true", help="print as JSON")
    verb.set_defaults(run=command)
    return verb


def _machine(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--one-machine", action="store_true", help="a trial: readable neighbours are warnings, not errors"
    )


def _backup(arguments: argparse.Namespace) -> int:
    from keepcool.app.rebuilding import main

    digest = main.backup(arguments.config, arguments.file, force=arguments.force)
    if arguments.json:
        print(json.dumps({"file": str(arguments.file), "sha256": digest}))
        return 0
    print(f"{digest}  {arguments.file}")
    print("It is whole. It holds no key, but who has which coins: keep it as you keep the database.")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    if arguments.file is None and not arguments.from_signers:
        raise Refused("restore.what", "name the copy to bring back, or say --from-signers, or both")
    if arguments.given is not None and not arguments.from_signers:
        raise Refused("restore.what", "--given goes with --from-signers")
    said = [] if arguments.file is None else _put_back(arguments)
    refused = False
    if arguments.from_signers:
        from keepcool.app.rebuilding import main, restoring

        told = main.from_signers(
            arguments.config, _tell, given=arguments.given, one_machine=arguments.one_machine
        )
        refused, said = not told.is_whole, said + restoring.sentences(told)
        if arguments.json:
            print(json.dumps(restoring.plain(told)))
            return _DIFFERS if refused else 0
    for sentence in said:
        print(sentence)
    return _DIFFERS if refused else 0


def _put_back(arguments: argparse.Namespace) -> list[str]:
    from keepcool.app.rebuilding import main

    kept = main.put_back(arguments.config, arguments.file, force=arguments.force)
    said = [f"{arguments.file} is App's database now; nothing is paid until each chain was read again."]
    return said if kept is None else [*said, f"What was there lies in {kept}."]


def _rescan(arguments: argparse.Namespace) -> int:
    from keepcool.app.rebuilding import main, rescanning

    done = main.rescan(
        arguments.config, arguments.network, _start(arguments), _tell, one_machine=arguments.one_machine
    )
    _print(arguments, done, rescanning.sentences(done))
    return 0 if done.is_even else _DIFFERS


def _print(arguments: argparse.Namespace, done: Rescanned, sentences: list[str]) -> None:
    from keepcool.app.rebuilding import rescanning

    if arguments.json:
        print(json.dumps(rescanning.plain(done)))
        return
    for sentence in sentences:
        print(sentence)


def _start(arguments: argparse.Namespace) -> Start:
    from keepcool.app.rebuilding.rereading import Start

    if arguments.from_date is None:
        if arguments.from_height < 0:
            raise Refused("rescan.height", "a height is not negative")
        return Start(height=arguments.from_height)
    try:
        at = datetime.fromisoformat(arguments.from_date)
    except ValueError as error:
        raise Refused("rescan.date", "write the date as 2026-01-31 or 2026-01-31T12:00:00") from error
    return Start(at_s=int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))


def _recalled(arguments: argparse.Namespace) -> int:
    from keepcool.app.rebuilding import main, payments

    if arguments.action == "book":
        if arguments.number is None or (arguments.wallet is None) == (arguments.withdrawal is None):
            raise Refused("recalled.what", "say which payment to book, and --wallet or --withdrawal")
        main.book_recalled(
            arguments.config,
            arguments.number,
            arguments.output,
            wallet=arguments.wallet,
            withdrawal=arguments.withdrawal,
        )
        print(f"payment {arguments.number} is booked for {arguments.wallet or arguments.withdrawal}")
        return 0
    listed = main.recalled(arguments.config)
    if arguments.json:
        print(json.dumps([payments.plain(one, outputs) for one, outputs in listed]))
        return 0
    for one, outputs in listed:
        print(f"{one.number}  {one.transaction}  out of {one.source}, intent {one.intent.intent}")
        for out in outputs:
            state = f"booked: {out.wallet}" if out.wallet else "open"
            print(f"    output {out.place}: {out.units} of {out.asset} to {out.recipient}  {state}")
    return 0


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)
