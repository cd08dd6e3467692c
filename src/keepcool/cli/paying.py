"""What withdraw, transfer and purse have in common: sums, waiting, and how a payment is shown."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepcool.cli import asking

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.devicekeys import DeviceKey
    from keepcool.client.models import Withdrawal


def sum_of(client: Client, arguments: argparse.Namespace, wallet: str) -> tuple[str, int]:
    """Asset and base units of the sum a command names, on the wallet's network."""
    network = client.wallet(wallet).record.network
    asset = asking.asset_named(client, arguments.asset, network)
    return asset.asset, asking.units_of(arguments, asset)


def wait_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=int,
        default=0,
        metavar="SECONDS",
        help="wait so long for it to be settled (default: do not wait)",
    )


def waited(client: Client, arguments: argparse.Namespace, made: Withdrawal) -> Withdrawal:
    """What its owner has signed goes on by itself; what is left to wait for then are other people."""
    if not arguments.wait:
        return made
    signed = getattr(arguments, "key", None) is not None
    return client.settled(made.id, arguments.wait, reviewed=signed)


def key_of(arguments: argparse.Namespace) -> DeviceKey | None:
    """The owner's key that --key names."""
    from keepcool.client.devicekeys import read_key_file

    return None if arguments.key is None else read_key_file(arguments.key)


def shown(one: Withdrawal) -> str:
    rows = {
        one.kind: one.id,
        "state": one.state + (f": {one.reason}" if one.reason else ""),
        "amount": f"{one.amount} base units of {one.asset}",
        "to": one.to,
        "transaction": one.transaction or "",
        "fee": f"{one.fee_paid or '-'} paid, at most {one.fee_max}",
    }
    lines = [f"{name:<12} {text}".rstrip() for name, text in rows.items() if text]
    lines += [
        f"{verdict.signer:<12} {verdict.rule}: {verdict.reason}"
        for verdict in one.verdicts
        if verdict.outcome != "approved"
    ]
    if one.review is not None and one.review.user_key:
        lines += [f"to sign      intent {one.review.intent_hash}", f"with         {one.review.user_key}"]
    return "\n".join(lines)


def listed(rows: list[Withdrawal]) -> str:
    cells = [(one.id, one.kind, one.state, one.amount, one.asset.partition("/")[2], one.to) for one in rows]
    return asking.table([("id", "kind", "state", "base units", "asset", "to"), *cells])
