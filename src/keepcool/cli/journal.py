"""keepcool journal: verify a signer's journal, entry by entry."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("journal", help="verify a signer's journal")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    verify = verbs.add_parser("verify", help="walk the whole chain; exit 2 naming the first bad entry")
    verify.add_argument(
        "database", type=Path, metavar="DATABASE", help="the signer's database; the signer must be stopped"
    )
    verify.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="SEQUENCE:HASH",
        help="a head that others have kept: shows a journal cut off at its end",
    )
    verify.add_argument("--json", action="store_true", help="print as JSON")
    verify.set_defaults(run=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    from keepcool.local.journal import parse_head, verified

    report = verified(arguments.database, [parse_head(text) for text in arguments.head])
    if arguments.json:
        row = {"sequence": report.head.sequence, "hash": report.head.hash.hex(), "kinds": report.kinds}
        print(json.dumps(row))
        return 0
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.kinds.items())) or "no entries"
    print(f"The journal holds: {kinds}; every entry is chained to the one before it.")
    print(f"Head {report.head.sequence}:{report.head.hash.hex()}")
    return 0
