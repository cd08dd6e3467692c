"""keepcool reconcile: the ledger against the chains, to the unit. The same as `keepcool app reconcile`."""

from __future__ import annotations

import argparse
from pathlib import Path

ABOUT = "ledger against chain; exit 1 when they differ"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("reconcile", help=ABOUT)
    noun.add_argument("--config", required=True, type=Path, metavar="FILE", help="App's TOML")
    add_options(noun)
    noun.set_defaults(run=match)


def add_options(found: argparse.ArgumentParser) -> None:
    for signer in ("keeper", "cooler"):
        found.add_argument(
            f"--{signer}-head",
            metavar="SEQUENCE:HASH",
            help=f"journal_head of `keepcool {signer} status`, where App knows none as new",
        )
    found.add_argument("--json", action="store_true", help="print the report itself")
    found.add_argument("--out", type=Path, metavar="FILE", help="write it, for `keepcool admin order thaw`")


def match(arguments: argparse.Namespace) -> int:
    from keepcool.app.reconciling import main
    from keepcool.core.reconciliation import SeenHead, parse_head_text

    given = {"keeper": arguments.keeper_head, "cooler": arguments.cooler_head}
    heads: dict[str, SeenHead] = {name: parse_head_text(text) for name, text in given.items() if text}
    report = main.reconcile(arguments.config, heads)
    encoded = report.encoded()
    if arguments.out is not None:
        arguments.out.write_bytes(encoded)
    if arguments.json:
        print(encoded.decode("ascii"))
        return 0 if report.is_clean else 1
    for one in report.totals:
        explained = f"pending {one.pending}, in flight {one.in_flight}"
        print(f"{one.asset}  {one.wallets} places: ledger {one.ledger}, chain {one.chain}, {explained}")
    for gap in report.differences:
        print(f"DIFFERENCE  {gap.asset}  {gap.place}: {gap.units:+}")
    for name, head in sorted(report.heads.items()):
        print(f"{name}'s journal  {head.sequence}:{head.hash}")
    print("Ledger and chain agree." if report.is_clean else "Ledger and chain differ.")
    return 0 if report.is_clean else 1
