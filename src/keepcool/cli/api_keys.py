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
    from keepcool.app.controls.keyed import Limits
    from keepcool.app.keys import ApiKey, Former

_SCOPES = "read,users,wallets,withdraw,support,auditor,accountant,admin"
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,6})([mhd])")


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = verbs.add_parser("api-key", aliases=["key"], help="keys of the HTTP API")
    actions = noun.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = _action(actions, "new", "make a key; it is printed once and kept nowhere", _new)
    new.add_argument("--name", required=True, metavar="NAME", help="what the key is for")
    new.add_argument("--scopes", required=True, metavar="LIST", help=f"some of {_SCOPES}; comma-separated")
    _limits(new)
    new.add_argument("--json", action="store_true", help="print as JSON")
    limit = _action(
        actions,
        "limit",
        "set all limits of a key anew: what is not named is as configured, without --from: from anywhere",
        _limit,
    )
    limit.add_argument("name", metavar="NAME", help="the key's name")
    _limits(limit)
    listing = _action(actions, "list", "list the keys, without their texts", _list)
    listing.add_argument("--json", action="store_true", help="print as JSON")
    rotate = _action(actions, "rotate", "a new text for a key; the one before counts a while longer", _rotate)
    rotate.add_argument("name", metavar="NAME", help="the key's name")
    rotate.add_argument(
        "--overlap",
        default="24h",
        metavar="TIME",
        help="how much longer: 24h (default), 30m, 7d; 0m ends it at once",
    )
    rotate.add_argument("--json", action="store_true", help="print as JSON")
    revoke = _action(actions, "revoke", "make a key worthless, at once", _revoke)
    revoke.add_argument("--name", required=True, metavar="NAME", help="the key's name")


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", action="append", default=[], dest="networks", metavar="CIDR",
        help="a network it may be used from; several times for several; left out: from anywhere",
    )  # fmt: skip
    parser.add_argument(
        "--requests-per-s", type=int, metavar="COUNT", help="requests a second on the average; 0: no limit"
    )
    parser.add_argument("--requests-burst", type=int, metavar="COUNT", help="so many at once, after a pause")
    parser.add_argument(
        "--withdrawals-per-minute",
        type=int,
        metavar="COUNT",
        help="withdrawals, transfers and top-ups; 0: no limit",
    )


def _limits_of(arguments: argparse.Namespace) -> Limits:
    from keepcool.app.controls.keyed import Limits

    return Limits(
        arguments.requests_per_s,
        arguments.requests_burst,
        arguments.withdrawals_per_minute,
        tuple(arguments.networks),
    )


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
    from keepcool.app import keys
    from keepcool.app.controls import main

    scopes = keys.parse_scopes(arguments.scopes.split(","))
    key, text = main.new_api_key(arguments.config, arguments.name, scopes, _limits_of(arguments))
    return _told(arguments, key, text)


def _limit(arguments: argparse.Namespace) -> int:
    from keepcool.app.controls import main

    limits = _limits_of(arguments)
    key = main.limit_api_key(arguments.config, arguments.name, limits)
    where = "" if limits.networks else ", from anywhere"
    print(f"{key.id} ({key.name}): {_limits_told(limits)}{where}")
    return 0


def _limits_told(limits: Limits) -> str:
    counts = {
        "requests a second": limits.requests_per_s,
        "at once": limits.requests_burst,
        "payments a minute": limits.withdrawals_per_minute,
    }
    told = [f"{count or 'any number of'} {name}" for name, count in counts.items() if count is not None]
    told += [f"from {', '.join(limits.networks)}"] if limits.networks else []
    return ", ".join(told) or "as configured"


def _rotate(arguments: argparse.Namespace) -> int:
    from keepcool.app import main

    overlap_ms = duration_ms(arguments.overlap)
    status = _told(arguments, *main.rotate_api_key(arguments.config, arguments.name, overlap_ms))
    if not arguments.json:
        counts = f"counts for {arguments.overlap} more" if overlap_ms else "counts no longer"
        print(f"What it was before {counts}.", file=sys.stderr)
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
    from keepcool.app.controls import main as controls

    keys, formers = main.api_keys(arguments.config)
    limits = controls.limits_of(arguments.config)
    if arguments.json:
        rows = [_plain(key, [one for one in formers if one.key == key.id], limits[key.id]) for key in keys]
        print(json.dumps(rows))
        return 0
    for key in keys:
        state = "revoked" if key.revoked_at_ms is not None else "in use"
        scopes = ",".join(sorted(key.scopes))
        print(f"{key.id}  {state:8}  {scopes:32}  used {_time(key.used_at_ms):20}  {key.name}")
        if limits[key.id] != type(limits[key.id])():
            print(f"{'':22}{_limits_told(limits[key.id])}")
        for one in formers:
            if one.key == key.id:
                print(f"{'':22}before: counts until {_time(one.ends_at_ms)}, used {_time(one.used_at_ms)}")
    return 0


def _plain(key: ApiKey, formers: list[Former], limits: Limits) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at_ms": key.created_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
        "rotated_at_ms": key.rotated_at_ms,
        "used_at_ms": key.used_at_ms,
        "limits": {
            "requests_per_s": limits.requests_per_s,
            "requests_burst": limits.requests_burst,
            "withdrawals_per_minute": limits.withdrawals_per_minute,
            "networks": list(limits.networks),
        },
        "before": [{"ends_at_ms": one.ends_at_ms, "used_at_ms": one.used_at_ms} for one in formers],
    }


def _time(at_ms: int | None) -> str:
    import datetime

    if at_ms is None:
        return "never"
    return datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC).isoformat().replace("+00:00", "Z")


def _revoke(arguments: argparse.Namespace) -> int:
    from keepcool.app.controls import main

    key = main.revoke_api_key(arguments.config, arguments.name)
    print(f"{key.id} ({key.name}) is worthless now")
    return 0
