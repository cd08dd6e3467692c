"""keepcool app api-key: keys of the HTTP API; `keepcool app key` is the same."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.app.keys import ApiKey, Former

_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,6})([mhd])")


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = verbs.add_parser("api-key", aliases=["key"], help="keys of the HTTP API")
    actions = noun.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = _action(actions, "new", "make a key; it is printed once and kept nowhere", _new)
    new.add_argument("--name", required=True, help="what the key is for")
    new.add_argument(
        "--scopes", required=True, help="some of read,users,wallets,withdraw,admin; comma-separated"
    )
    new.add_argument("--json", action="store_true", help="print as JSON")
    listing = _action(actions, "list", "list the keys, without their texts", _list)
    listing.add_argument("--json", action="store_true", help="print as JSON")
    rotate = _action(actions, "rotate", "a new text for a key; the one before counts a while longer", _rotate)
    rotate.add_argument("name")
    rotate.add_argument(
        "--overlap", default="24h", metavar="TIME", help="how much longer: 24h, 30m, 7d; 0m ends it at once"
    )
    rotate.add_argument("--json", action="store_true", help="print as JSON")
    revoke = _action(actions, "revoke", "make a key worthless, at once", _revoke)
    revoke.add_argument("--name", required=True)


def duration_ms(text: str) -> int:
    """Raises Malformed."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Malformed("api_key.overlap", f"{text[:20]!r} is no time: write 24h, 30m or 7d")
    return int(found[1]) * _UNITS_MS[found[2]]


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=about)
    action.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    action.set_defaults(run=command)
    return action


def _new(arguments: argparse.Namespace) -> int:
    from keepcool.app import keys, main

    key, text = main.new_api_key(
        arguments.config, arguments.name, keys.parse_scopes(arguments.scopes.split(","))
    )
    return _told(arguments, key, text)


def _rotate(arguments: argparse.Namespace) -> int:
    from keepcool.app import main

    overlap_ms = duration_ms(arguments.overlap)
    status = _told(arguments, *main.rotate_api_key(arguments.config, arguments.name, overlap_ms))
    if not arguments.json:
        print(f"What it was before counts for {arguments.overlap} more.", file=sys.stderr)
    return status


def _told(arguments: argparse.Namespace, key: ApiKey, text: str) -> int:
    if arguments.json:
        print(json.dumps({"id": key.id, "name": key.name, "scopes": sorted(key.scopes), "key": text}))
    else:
        print(text)
        print(f"{key.id} may: {', '.join(sorted(key.scopes))}. It is not shown again.", file=sys.stderr)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from keepcool.app import main

    keys, formers = main.api_keys(arguments.config)
    if arguments.json:
        print(json.dumps([_plain(key, [one for one in formers if one.key == key.id]) for key in keys]))
        return 0
    for key in keys:
        state = "revoked" if key.revoked_at_ms is not None else "in use"
        scopes = ",".join(sorted(key.scopes))
        print(f"{key.id}  {state:8}  {scopes:32}  used {_time(key.used_at_ms):20}  {key.name}")
        for one in formers:
            if one.key == key.id:
                print(f"{'':22}before: counts until {_time(one.ends_at_ms)}, used {_time(one.used_at_ms)}")
    return 0


def _plain(key: ApiKey, formers: list[Former]) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at_ms": key.created_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
        "rotated_at_ms": key.rotated_at_ms,
        "used_at_ms": key.used_at_ms,
        "before": [{"ends_at_ms": one.ends_at_ms, "used_at_ms": one.used_at_ms} for one in formers],
    }


def _time(at_ms: int | None) -> str:
    import datetime

    if at_ms is None:
        return "never"
    return datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC).isoformat().replace("+00:00", "Z")


def _revoke(arguments: argparse.Namespace) -> int:
    from keepcool.app import main

    key = main.revoke_api_key(arguments.config, arguments.name)
    print(f"{key.id} ({key.name}) is worthless now")
    return 0
