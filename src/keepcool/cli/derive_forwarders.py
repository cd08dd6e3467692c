"""keepcool derive forwarders: addresses of an EVM pool, and calls that sweep them, from public data alone.

Law: nothing is asked of anybody and nothing is sent; the calls can be sent by any account.
"""

from __future__ import annotations

import argparse
import json
import sys

from keepcool.core.errors import KeepcoolError, Malformed

COUNT_MAX = 100_000


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = families.add_parser("forwarders", help="addresses of an EVM pool, and how they are swept")
    verb.add_argument("--treasury", required=True, metavar="ADDRESS", help="the pool's own Safe")
    verb.add_argument("--first", type=int, default=1, metavar="N", help="the first index (1)")
    verb.add_argument("--count", type=int, default=1, metavar="N", help="how many (1)")
    verb.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="ASSET",
        help="print calls that bring this to the treasury instead: native, or a token's contract; repeatable",
    )
    verb.add_argument("--json", action="store_true", help="print as JSON, one object a line")
    verb.set_defaults(run=derive)


def derive(arguments: argparse.Namespace) -> int:
    """Prints them. 0, or 2 when the data give none."""
    try:
        lines = _calls(arguments) if arguments.sweep else _addresses(arguments)
    except KeepcoolError as error:
        print(f"refused: {error.public} [{error.code}]", file=sys.stderr)
        return 2
    for line in lines:
        print(json.dumps(line) if arguments.json else " ".join(str(value) for value in line.values()))
    return 0


def _addresses(arguments: argparse.Namespace) -> list[dict[str, object]]:
    from keepcool.chains.evm.forwarders import forwarder_address

    treasury = _treasury(arguments)
    return [{"index": one, "address": forwarder_address(treasury, one)} for one in _indices(arguments)]


def _calls(arguments: argparse.Namespace) -> list[dict[str, object]]:
    from keepcool.chains.evm.address import parse_address
    from keepcool.chains.evm.forwarders import FACTORY, Item, flushes

    tokens = [None if one == "native" else parse_address(one) for one in arguments.sweep]
    items = [Item(index, token) for token in tokens for index in _indices(arguments)]
    made = flushes(_treasury(arguments), items)
    return [{"to": FACTORY.address, "data": "0x" + one.encoded().hex()} for one in made]


def _treasury(arguments: argparse.Namespace) -> str:
    from keepcool.chains.evm.address import parse_recipient

    return parse_recipient(arguments.treasury)


def _indices(arguments: argparse.Namespace) -> range:
    from keepcool.chains.evm.forwarders import check_index

    if not 1 <= arguments.count <= COUNT_MAX:
        raise Malformed("derive.count", f"derive 1 to {COUNT_MAX} at once")
    check_index(arguments.first)
    check_index(arguments.first + arguments.count - 1)
    return range(arguments.first, arguments.first + arguments.count)
