"""keepcool doctor: what is wrong with an installation, and the mend. Exit status 1 when something is."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("doctor", help="find what is wrong with an installation, and the mend")
    noun.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="an installation; on a host of its own the folder its part lies in, /var/lib/keepcool",
    )
    noun.add_argument("--offline", action="store_true", help="look at files only, ask no server")
    noun.add_argument("--json", action="store_true", help="print as JSON")
    noun.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from keepcool.local.doctor import examine_now
    from keepcool.local.findings import Weight
    from keepcool.local.layout import Layout

    places = Layout(arguments.folder.absolute())
    findings = examine_now(places, offline=arguments.offline)
    wrong = [one for one in findings if one.weight is Weight.WRONG]
    if arguments.json:
        print(json.dumps([asdict(one) for one in findings], indent=2))
        return 1 if wrong else 0
    for one in findings:
        print(f"{one.weight.value.upper():<8} {one.text} [{one.code}]\n         mend: {one.mend}")
    print(f"{places.folder}: {len(wrong)} wrong, {len(findings) - len(wrong)} to look at")
    return 1 if wrong else 0
