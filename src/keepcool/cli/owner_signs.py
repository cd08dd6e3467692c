"""keepcool user sign: an owner reads what a withdrawal would do, and signs it if it is what he wants.

What he wants stands on the command line; what App would have him sign is compared with it field by field.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keepcool.cli import asking, paying

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.core.intent import Intent


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = asking.verb(verbs, "sign", "sign a withdrawal that waits for its owner", _sign, _shown)
    parser.add_argument("withdrawal", metavar="ID", help="the withdrawal's id")
    parser.add_argument("--wallet", required=True, metavar="ID", help="the wallet it leaves")
    parser.add_argument("--to", required=True, metavar="ADDRESS", help="who is to be paid")
    asking.amount_of(parser)
    asking.owner_key(parser, required=True)
    parser.add_argument(
        "--again", action="store_true", help="sign although another intent of it was signed: both may be paid"
    )


def _sign(client: Client, arguments: argparse.Namespace) -> dict[str, str]:
    from keepcool.client.devicekeys import read_key_file
    from keepcool.client.orders import Order

    key = read_key_file(arguments.key)
    asset, units = paying.sum_of(client, arguments, arguments.wallet)
    order = Order(arguments.wallet, asset, units, arguments.to, asking.fee_max(arguments))
    intent = client.withdrawals.read(arguments.withdrawal, order, key.text)
    after = client.withdrawals.sign(arguments.withdrawal, key, order, again=arguments.again)
    return in_words(intent) | {
        "signed_by": key.text,
        "state": after.state + (f": {after.reason}" if after.reason else ""),
    }


def in_words(intent: Intent) -> dict[str, str]:
    """All of an intent, as its bytes say it."""
    ends = datetime.fromtimestamp(intent.expires_at_s, UTC)
    pays = [f"{one.amount.units} of {one.amount.asset} to {one.recipient}" for one in intent.outputs]
    return {
        "intent": intent.hash(),
        "pays": "; ".join(pays),
        "from_wallet": intent.source,
        "network": intent.network,
        "fee_at_most": f"{intent.fee_max.units} of {intent.fee_max.asset}",
        "not_after": f"{ends:%Y-%m-%d %H:%M:%S} UTC",
    }


def _shown(row: dict[str, str]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<12} {text}" for name, text in row.items())
