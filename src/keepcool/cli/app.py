"""keepcool app: run it, see what its configuration lets it do, and its API keys."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from keepcool.cli import (
    api_keys,
    bitcoin_networks,
    database,
    descriptors,
    payouts,
    rebuilding,
    reconcile,
    safes,
    statement,
)

Command = Callable[[argparse.Namespace], int]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("app", help="the service that keeps the books; it holds no coin key")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = _configured(verbs, "run", "run App until it is told to stop", _run)
    run.add_argument(
        "--one-machine", action="store_true", help="a trial: readable neighbours are warnings, not errors"
    )
    _configured(verbs, "reload", "have the running App take its configuration up", _reload)
    _configured(verbs, "check-config", "say what this App may do, whom it hears, what it refuses", _check)
    kept = _configured(verbs, "descriptors", "write the file wallets come back from; it is public", _kept)
    descriptors.add_options(kept)
    safes.add_options(_configured(verbs, "safes", safes.ABOUT, safes.of_app))
    rebuilding.add_verbs(verbs)
    database.add_verbs(verbs)
    payouts.add_verbs(verbs)
    statement.add_verbs(verbs)
    reconcile.add_options(_configured(verbs, "reconcile", reconcile.ABOUT, reconcile.match))
    api_keys.add_verbs(verbs)


def _configured(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    verb.set_defaults(run=command)
    return verb


def _run(arguments: argparse.Namespace) -> int:
    import gc

    gc.disable()  # what is imported stays: to search it for garbage again and again is a quarter of the start
    from keepcool.app.serving import main

    gc.freeze()
    gc.enable()
    main.run(arguments.config, one_machine=arguments.one_machine)
    return 0


def _reload(arguments: argparse.Namespace) -> int:
    from keepcool.app.reloading import main

    for sentence in main.reload(arguments.config) or ["nothing has changed"]:
        print(sentence)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from keepcool.app import config

    for sentence in config.sentences(config.load(arguments.config)):
        print(sentence)
    return 0


def _kept(arguments: argparse.Namespace) -> int:
    from keepcool.app import descriptors as kept
    from keepcool.app import main

    network = bitcoin_networks.chosen(arguments)
    found = main.with_books(arguments.config, lambda tx: kept.backup(tx, network, arguments.harbor))
    return descriptors.write(arguments, found)
