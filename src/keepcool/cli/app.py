"""keepcool app: run it, see what its configuration lets it do, and its API keys."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from keepcool.cli import bitcoin_networks, descriptors, payouts, rebuilding, reconcile, statement

Command = Callable[[argparse.Namespace], int]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("app", help="the service that keeps the books; it holds no coin key")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = _configured(verbs, "run", "run App until it is told to stop", _run)
    run.add_argument(
        "--one-machine", action="store_true", help="a trial: readable neighbours are warnings, not errors"
    )
    _configured(verbs, "check-config", "say what this App may do, whom it hears, what it refuses", _check)
    kept = _configured(verbs, "descriptors", "write the file wallets come back from; it is public", _kept)
    descriptors.add_options(kept)
    rebuilding.add_verbs(verbs)
    payouts.add_verbs(verbs)
    statement.add_verbs(verbs)
    reconcile.add_options(_configured(verbs, "reconcile", reconcile.ABOUT, reconcile.match))
    key = verbs.add_parser("api-key", help="keys of the HTTP API")
    actions = key.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = _configured(actions, "new", "make a key; it is printed once and kept nowhere", _new_key)
    new.add_argument("--name", required=True, help="what the key is for")
    new.add_argument(
        "--scopes", required=True, help="some of read,users,wallets,withdraw,admin; comma-separated"
    )
    new.add_argument("--json", action="store_true", help="print as JSON")
    listing = _configured(actions, "list", "list the keys, without their texts", _list_keys)
    listing.add_argument("--json", action="store_true", help="print as JSON")
    revoke = _configured(actions, "revoke", "make a key worthless, at once", _revoke_key)
    revoke.add_argument("--name", required=True)


def _configured(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, command: Command
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=about)
    verb.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    verb.set_defaults(run=command)
    return verb


def _run(arguments: argparse.Namespace) -> int:
    from keepcool.app import main

    main.run(arguments.config, one_machine=arguments.one_machine)
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


def _new_key(arguments: argparse.Namespace) -> int:
    from keepcool.app import keys, main

    key, text = main.new_api_key(
        arguments.config, arguments.name, keys.parse_scopes(arguments.scopes.split(","))
    )
    if arguments.json:
        print(json.dumps({"id": key.id, "name": key.name, "scopes": sorted(key.scopes), "key": text}))
    else:
        print(text)
        print(f"{key.id} may: {', '.join(sorted(key.scopes))}. It is not shown again.", file=sys.stderr)
    return 0


def _list_keys(arguments: argparse.Namespace) -> int:
    from keepcool.app import keys, main

    listed = main.with_books(arguments.config, keys.listed)
    if arguments.json:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "scopes": sorted(key.scopes),
                "created_at_ms": key.created_at_ms,
                "revoked_at_ms": key.revoked_at_ms,
            }
            for key in listed
        ]
        print(json.dumps(rows))
        return 0
    for key in listed:
        state = "revoked" if key.revoked_at_ms is not None else "in use"
        print(f"{key.id}  {state:8}  {','.join(sorted(key.scopes)):32}  {key.name}")
    return 0


def _revoke_key(arguments: argparse.Namespace) -> int:
    from keepcool.app import main

    key = main.revoke_api_key(arguments.config, arguments.name)
    print(f"{key.id} ({key.name}) is worthless now")
    return 0
