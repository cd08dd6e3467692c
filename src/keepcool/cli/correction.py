"""keepcool correction: the ledger corrected by two people, each with a key of his own."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.controls import Correction


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("correction", help="corrections of the ledger, by two people")
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    propose = asking.verb(verbs, "propose", "nothing moves before another person approves it", _propose, _one)
    propose.add_argument(
        "--source",
        required=True,
        metavar="ACCOUNT",
        help="taken from: owed:WALLET, dust:WALLET or house:WALLET",
    )
    propose.add_argument(
        "--target", required=True, metavar="ACCOUNT", help="given to: an account of the same wallet or pool"
    )
    propose.add_argument(
        "--asset",
        required=True,
        metavar="ASSET",
        help="its id (CAIP-19), e.g. eip155:1/slip44:60, or its symbol",
    )
    propose.add_argument("--units", required=True, type=int, metavar="UNITS", help="in base units")
    propose.add_argument("--reason", required=True, metavar="TEXT", help="why; the other person reads it")
    propose.add_argument(
        "--reference", required=True, metavar="TEXT", help="where the paper is: a ticket, a file"
    )
    propose.add_argument(
        "--lifetime-s",
        type=int,
        default=86_400,
        metavar="SECONDS",
        help="it expires so long after (default a day, 86400; at most seven)",
    )
    propose.add_argument("--idempotency-key", help="the same key asked again proposes once")
    approve = asking.verb(verbs, "approve", "apply what somebody else proposed", _approve, _one)
    approve.add_argument(
        "--digest", required=True, metavar="HEX", help="of the proposal, as you have read it with `show`"
    )
    reject = asking.verb(verbs, "reject", "it is never applied", _reject, _one)
    reject.add_argument("--reason", required=True, metavar="TEXT", help="why")
    show = asking.verb(verbs, "show", "one correction, with its digest", _show, _one)
    for parser in (approve, reject, show):
        parser.add_argument("correction", metavar="ID", help="the correction's id")
    for parser in (propose, approve, reject):
        parser.add_argument("--person", required=True, metavar="NAME", help="your own name")
    listing = asking.verb(verbs, "list", "all corrections, newest first", _list, _many)
    listing.add_argument("--state", choices=("proposed", "applied", "rejected"), help="only these")


def _propose(client: Client, arguments: argparse.Namespace) -> object:
    from keepcool.client.controls import NewCorrection

    new = NewCorrection(
        source=arguments.source,
        target=arguments.target,
        asset=asking.asset_anywhere(client, arguments.asset),
        units=arguments.units,
        reason=arguments.reason,
        reference=arguments.reference,
        person=arguments.person,
        lifetime_s=arguments.lifetime_s,
    )
    return client.controls.propose(new, key=arguments.idempotency_key)


def _approve(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.approve(arguments.correction, arguments.digest, arguments.person)


def _reject(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.reject(arguments.correction, arguments.person, arguments.reason)


def _show(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.correction(arguments.correction)


def _list(client: Client, arguments: argparse.Namespace) -> object:
    return client.controls.corrections(state=arguments.state)


def _one(one: Correction) -> str:
    rows = {
        "correction": f"{one.id} is {one.state}",
        "moves": f"{one.amount} base units of {one.asset}",
        "from": one.source,
        "to": one.target,
        "reason": one.reason,
        "reference": one.reference,
        "proposed by": f"{one.proposed.person} ({one.proposed.name})",
        "decided by": one.decided and f"{one.decided.person} ({one.decided.name})",
        "expires": _time(one.expires_at_ms) if one.decided is None else "",
        "digest": one.digest,
    }
    return "\n".join(f"{name:<12} {text}" for name, text in rows.items() if text)


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _many(some: list[Correction]) -> str:
    rows = [
        (one.id, one.state, one.amount, one.source, one.target, one.proposed.person, one.reference)
        for one in some
    ]
    return asking.table([("id", "state", "base units", "from", "to", "proposed by", "reference"), *rows])
