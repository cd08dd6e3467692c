"""What the commands that talk to App have in common: where it is, how amounts are written, how to print.

Amounts are written as people do (1.5) with --asset SYMBOL, or exactly as base units with --units.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.client.api import Client
    from keepcool.client.models import Asset

_EXACT = Context(prec=200)  # 2**256 has 78 digits: nothing is ever rounded
Work = Callable[["Client", argparse.Namespace], object]
Show = Callable[[Any], str]


def verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    work: Work,
    show: Show,
) -> argparse.ArgumentParser:
    """A verb whose answer is printed by `show`, or as JSON with --json."""
    parser = verbs.add_parser(name, help=about)
    parser.add_argument(
        "--client",
        type=Path,
        metavar="FILE",
        help="operator.toml of the installation (default: $KEEPCOOL_CLIENT)",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=_runner(work, show))
    return parser


def money(parser: argparse.ArgumentParser) -> None:
    """--asset, --amount or --units, and the idempotency key."""
    amount_of(parser)
    parser.add_argument(
        "--idempotency-key", metavar="TEXT", help="any text of yours: asked again with it, it is paid once"
    )


def amount_of(parser: argparse.ArgumentParser) -> None:
    """--asset, and --amount or --units."""
    parser.add_argument("--asset", required=True, metavar="ASSET", help="symbol (ETH) or CAIP-19 name")
    amount = parser.add_mutually_exclusive_group(required=True)
    amount.add_argument("--amount", metavar="AMOUNT", help="as people write it: 1.5")
    amount.add_argument("--units", metavar="UNITS", help="in base units, for ETH in wei: 1500000000000000000")


def owner_key(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """--key and --fee-max, of whoever signs for himself."""
    parser.add_argument(
        "--key", type=Path, metavar="FILE", required=required, help="the owner's key, to sign with it"
    )
    parser.add_argument(
        "--fee-max",
        metavar="UNITS",
        help="the most it may cost, base units of the network's own asset; signed as well",
    )


def fee_max(arguments: argparse.Namespace) -> int | None:
    return None if arguments.fee_max is None else _whole(arguments.fee_max, "--fee-max")


def asset_named(client: Client, name: str, network: str) -> Asset:
    """The asset of this network. Raises Malformed when App lists none, or more than one."""
    listed = [one for one in client.read.assets() if one.network == network]
    found = [one for one in listed if name in (one.asset, one.symbol)]
    if len(found) != 1:
        known = ", ".join(one.symbol for one in listed) or "none"
        raise Malformed("cli.asset", f"no single asset {name!r} on {network}; listed there: {known}")
    return found[0]


def network_named(client: Client, text: str) -> str:
    """A network's id, also where its name was typed. Raises Malformed where no network here is called so."""
    if ":" in text:
        return text
    listed = client.read.networks()
    found = [one.network for one in listed if one.name == text]
    if len(found) != 1:
        known = ", ".join(f"{one.network} ({one.name})" for one in listed) or "none"
        raise Malformed("cli.network", f"no network {text!r} is configured; there are: {known}")
    return found[0]


def asset_anywhere(client: Client, text: str) -> str:
    """An asset's id, also where its symbol was typed. Raises Malformed unless one asset here is called so."""
    if ":" in text:
        return text
    listed = client.read.assets()
    found = [one.asset for one in listed if one.symbol == text]
    if len(found) != 1:
        known = ", ".join(f"{one.asset} ({one.symbol})" for one in listed) or "none"
        raise Malformed("cli.asset", f"no single asset {text!r}; there are: {known}")
    return found[0]


def units_of(arguments: argparse.Namespace, asset: Asset) -> int:
    """Base units, exactly. Raises Malformed when the amount has more digits than the asset."""
    if arguments.units is not None:
        return _whole(arguments.units)
    try:
        scaled = Decimal(arguments.amount).scaleb(asset.decimals, _EXACT)
    except InvalidOperation as error:
        raise Malformed("cli.amount", f"{arguments.amount!r} is not an amount: write 1.5") from error
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or scaled <= 0:
        raise Malformed(
            "cli.amount", f"an amount of {asset.symbol} is positive, with {asset.decimals} decimals"
        )
    return int(scaled)


def written(units: str, decimals: int | None) -> str:
    """Base units as people write them: no exponent, no trailing zeros."""
    if decimals is None:
        return units
    text = f"{Decimal(units).scaleb(-decimals, _EXACT):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be; the first row is the heading."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _runner(work: Work, show: Callable[[Any], str]) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from keepcool.client import profile

        with profile.connect(profile.find(arguments.client)) as client:
            answer = work(client, arguments)
        print(json.dumps(msgspec.to_builtins(answer), indent=2) if arguments.json else show(answer))
        return 0

    return run


def _whole(text: str, option: str = "--units") -> int:
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise Malformed("cli.amount", f"{option} takes a positive whole number, not {text!r}")
    return int(text)
