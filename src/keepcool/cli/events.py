"""keepcool events: everything that changed, in order; --follow goes on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from keepcool.client.told import Event

_TOLD = ("withdrawal", "deposit", "wallet", "network", "subject")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("events", help="everything that changed, in order")
    noun.add_argument("--client", type=Path, metavar="FILE", help="operator.toml of the installation")
    noun.add_argument(
        "--after",
        type=int,
        metavar="CURSOR",
        help="only those after this event (default: from the first; with --follow: from now)",
    )
    noun.add_argument(
        "--types",
        default="",
        metavar="PATTERNS",
        help="comma-separated: withdrawal.confirmed,deposit.* (default: all)",
    )
    noun.add_argument("--follow", action="store_true", help="go on with those to come, until interrupted")
    noun.add_argument("--json", action="store_true", help="one JSON object per line")
    noun.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from keepcool.client import profile

    types = [one.strip() for one in arguments.types.split(",") if one.strip()]
    with profile.connect(profile.find(arguments.client)) as client:
        told: Iterable[Event] = client.events.after(arguments.after or 0, types)
        if arguments.follow:
            told = client.events.follow(arguments.after, types)
        for one in told:
            print(json.dumps(msgspec.to_builtins(one)) if arguments.json else _line(one), flush=True)
    return 0


def _line(one: Event) -> str:
    about = next((f"{name} {one.data[name]}" for name in _TOLD if one.data.get(name)), "")
    text = one.data.get("reason") or one.data.get("text") or one.data.get("amount") or ""
    return f"{one.cursor}  {one.timestamp}  {one.type:24}  {about}  {text}".rstrip()
