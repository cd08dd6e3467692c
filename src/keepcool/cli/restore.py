"""keepcool restore bitcoin: wallets found again from their descriptors and a node, and swept with two papers.

Nothing of an installation is needed, and no key is touched here: `keepcool cold sign bitcoin` signs, offline.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import bitcoin_networks
from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.chains.bitcoin.restoring import Backup
    from keepcool.local.restoring.running import NodePlace, Swept
    from keepcool.local.restoring.sweeping import Terms

_GAP = 100_000
_RATE_MAX = 100_000


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("restore", help="wallets found again without any of our services")
    families = noun.add_subparsers(dest="family", required=True, metavar="FAMILY")
    bitcoin = families.add_parser("bitcoin", help="wallets on Bitcoin, Litecoin and other forks")
    verbs = bitcoin.add_subparsers(dest="verb", required=True, metavar="VERB")
    scan = verbs.add_parser("scan", help="find every address with coins; goes on where it was interrupted")
    _add_places(scan)
    _add_state(scan)
    scan.add_argument(
        "--gap",
        type=int,
        default=_GAP,
        metavar="N",
        help=f"look so many addresses beyond the last one used or issued (default {_GAP})",
    )
    scan.add_argument(
        "--no-filters",
        action="store_true",
        help="read every block, also where the node's filters (BIP-158) say that there is nothing of ours",
    )
    scan.add_argument(
        "--unspent",
        action="store_true",
        help="ask the node for its unspent outputs instead of reading blocks: minutes instead of hours",
    )
    scan.set_defaults(run=_scan)
    sweep = verbs.add_parser("sweep", help="unsigned drafts that pay everything to one address")
    _add_places(sweep)
    _add_state(sweep)
    _add_terms(sweep)
    sweep.add_argument(
        "--fee-rate", type=int, metavar="N", help="sat per 1000 vB (default: what the node estimates)"
    )
    sweep.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="an empty folder for the drafts"
    )
    sweep.set_defaults(run=_sweep)
    send = verbs.add_parser(
        "send", help="combine drafts signed by two keys, judge them again, broadcast them"
    )
    _add_places(send)
    _add_terms(send)
    send.add_argument("psbt", nargs="+", type=Path, metavar="PSBT", help="the signed files, in any order")
    send.set_defaults(run=_send)


def _add_places(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--descriptors",
        required=True,
        action="append",
        type=Path,
        metavar="FILE",
        help="of `keepcool app descriptors`, a list of descriptors, or BSMS; may be repeated",
    )
    verb.add_argument("--network", default="", metavar="NAME", help="for files that do not name theirs")
    bitcoin_networks.add_file_option(verb)
    verb.add_argument("--node", required=True, metavar="URL", help="e.g. http://user:password@127.0.0.1:8332")
    verb.add_argument("--cookie", type=Path, metavar="FILE", help="the node's cookie, instead of a password")
    verb.add_argument("--json", action="store_true", help="print as JSON")


def _add_state(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--state", required=True, type=Path, metavar="FILE", help="what was found so far")


def _add_terms(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--to", required=True, metavar="ADDRESS", help="or harbor, the one of the file")
    verb.add_argument(
        "--fee-rate-max",
        type=int,
        default=_RATE_MAX,
        metavar="N",
        help=f"never pay more, sat per 1000 vB (default {_RATE_MAX})",
    )


def _scan(arguments: argparse.Namespace) -> int:
    from keepcool.local.restoring import running

    where = (_backup(arguments), _place(arguments), arguments.state, _say, arguments.gap)
    if arguments.unspent:
        found = running.scan_unspent(*where)
    else:
        found = running.scan(*where, filtered=not arguments.no_filters)
    print(json.dumps(found.plain(), indent=2) if arguments.json else "\n".join(found.lines()))
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    from keepcool.local.restoring import running

    if arguments.fee_rate is not None and arguments.fee_rate < 1:
        raise Malformed("restore.fee_rate", "--fee-rate is sat per 1000 vB, above 0")
    terms = _terms(arguments, arguments.fee_rate or 0)
    swept = running.sweep(_backup(arguments), _place(arguments), arguments.state, arguments.out, terms)
    print(json.dumps(_plain(swept), indent=2) if arguments.json else "\n".join(_lines(swept)))
    return 0


def _send(arguments: argparse.Namespace) -> int:
    from keepcool.local.restoring import running

    terms = _terms(arguments, 0)
    sent = running.send(_backup(arguments), _place(arguments), arguments.psbt, terms, _say)
    print(json.dumps({"sent": sent}) if arguments.json else "\n".join(sent))
    return 0


def _backup(arguments: argparse.Namespace) -> Backup:
    from keepcool.local.restoring import running

    return running.read_backup(arguments.descriptors, arguments.network, bitcoin_networks.known(arguments))


def _terms(arguments: argparse.Namespace, fee_rate: int) -> Terms:
    from keepcool.local.restoring.sweeping import Terms

    return Terms(arguments.to, fee_rate, arguments.fee_rate_max)


def _place(arguments: argparse.Namespace) -> NodePlace:
    from keepcool.local.restoring.running import NodePlace

    return NodePlace(arguments.node, arguments.cookie)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _plain(swept: Swept) -> dict[str, object]:
    return {
        "fee_rate_sat_per_kvb": swept.fee_rate,
        "drafts": [
            {
                "file": str(one.file),
                "wallet": one.draft.wallet,
                "inputs": len(one.draft.selection.coins),
                "amount_sat": str(one.draft.selection.held_sat - one.draft.selection.fee_sat),
                "fee_sat": str(one.draft.selection.fee_sat),
            }
            for one in swept.written
        ],
        "left": [
            {"wallet": one.wallet, "coins": one.coins, "amount_sat": str(one.amount_sat), "why": one.why}
            for one in swept.left
        ],
    }


def _lines(swept: Swept) -> list[str]:
    lines = [
        f"{one.file}  {len(one.draft.selection.coins)} coins, "
        f"pays {one.draft.selection.held_sat - one.draft.selection.fee_sat} sat, "
        f"fee {one.draft.selection.fee_sat} sat"
        for one in swept.written
    ]
    lines += [
        f"left behind    {one.wallet}: {one.coins} coins, {one.amount_sat} sat: {one.why}"
        for one in swept.left
    ]
    return [*lines, f"Rate           {swept.fee_rate} sat per 1000 vB"]
