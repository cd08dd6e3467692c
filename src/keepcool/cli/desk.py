"""keepcool desk: run it; or read what waits and decide without a browser, believing no summary."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

Command = Callable[[argparse.Namespace], int]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("desk", help="where people read what waits; it holds no coin key")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    serve = _configured(verbs, "serve", "run the desk until it is told to stop", _serve)
    serve.add_argument(
        "--one-machine", action="store_true", help="a trial: readable neighbours are warnings, not errors"
    )
    _configured(verbs, "check-config", "say what this desk may do, whom it asks, what it refuses", _check)


def _configured(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="the desk's TOML")
    verb.set_defaults(run=command)
    return verb


def _serve(arguments: argparse.Namespace) -> int:
    from keepcool.desk import main

    main.run(arguments.config, one_machine=arguments.one_machine)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from keepcool.desk import main, settings

    for sentence in settings.sentences(main.load(arguments.config)):
        print(sentence)
    return 0
