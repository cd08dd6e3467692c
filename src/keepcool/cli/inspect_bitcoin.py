"""keepcool inspect bitcoin: what a PSBT or a transaction would really do, amounts and change proven.

Exit code 2 when anything is not proven; what is known is printed all the same.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import bitcoin_networks
from keepcool.cli.effects_shown import plain_effects
from keepcool.core.errors import KeepcoolError, Malformed

if TYPE_CHECKING:
    from keepcool.chains.bitcoin.inspection import Inspection, SeenInput, SeenOutput

INPUT_BYTES_MAX = 8 * 1024 * 1024
_TEXT = re.compile(r"(0x)?[0-9a-fA-F]{20,}|cHNidP[0-9A-Za-z+/=]*")  # hexadecimal, or "psbt" in base64
_SEARCH_MAX = 1_000_000


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = families.add_parser("bitcoin", help="a PSBT or a transaction of Bitcoin or one of its forks")
    noun.add_argument(
        "source", metavar="HEX|BASE64|FILE|-", help="the bytes, a file with them, or - for input"
    )
    noun.add_argument(
        "--network", default="bitcoin", metavar="NAME", help="e.g. litecoin-regtest (default bitcoin)"
    )
    bitcoin_networks.add_file_option(noun)
    noun.add_argument(
        "--descriptor",
        action="append",
        default=[],
        metavar="D",
        help="a wallet that is ours; may be repeated",
    )
    noun.add_argument(
        "--previous",
        action="append",
        default=[],
        metavar="HEX|FILE",
        help="a transaction that made a coin: a PSBT carries its own, a transaction none",
    )
    noun.add_argument(
        "--search",
        type=int,
        default=1_000,
        metavar="N",
        help="look for N addresses of each branch (default 1000)",
    )
    noun.add_argument("--json", action="store_true", help="print as JSON")
    noun.set_defaults(run=inspect_bitcoin)


def inspect_bitcoin(arguments: argparse.Namespace) -> int:
    """Prints what is known. 0 when everything is proven, else 2."""
    try:
        found = _inspected(arguments)
    except KeepcoolError as error:
        print(f"refused: {error.public} [{error.code}]", file=sys.stderr)
        return 2
    print(json.dumps(plain(found), indent=2) if arguments.json else sentences(found))
    if found.unproven is None:
        return 0
    hint = "" if arguments.descriptor else "; name the wallet it is to be of with --descriptor"
    print(f"refused: not proven: {found.unproven.public}{hint} [{found.unproven.code}]", file=sys.stderr)
    return 2


def _inspected(arguments: argparse.Namespace) -> Inspection:
    from keepcool.chains.bitcoin.descriptor import parse_descriptor
    from keepcool.chains.bitcoin.inspection import inspect, read_bytes

    if not 0 <= arguments.search <= _SEARCH_MAX:
        raise Malformed("inspect.search", f"--search is from 0 to {_SEARCH_MAX}")
    network = bitcoin_networks.chosen(arguments)
    return inspect(
        _input(arguments.source),
        network,
        [parse_descriptor(text, network) for text in arguments.descriptor],
        [read_bytes(_input(source)) for source in arguments.previous],
        arguments.search,
    )


def _input(source: str) -> bytes:
    if source == "-":
        data = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    elif _TEXT.fullmatch(source):
        data = source.encode()
    else:
        data = _file(Path(source))
    if len(data) > INPUT_BYTES_MAX:
        raise Malformed("inspect.size", f"the input is larger than {INPUT_BYTES_MAX} bytes")
    return data


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(INPUT_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise Malformed(
            "inspect.file", f"neither hexadecimal nor base64 nor a readable file: {str(path)[:200]}"
        ) from error


def plain(found: Inspection) -> dict[str, object]:
    """For JSON; amounts as decimal strings, None where they are not proven."""
    from keepcool.chains.bitcoin.transaction import shown

    proven, error = found.proven, found.unproven
    return {
        "kind": found.kind,
        "complete": error is None,
        "unproven": None if error is None else {"code": error.code, "text": error.public},
        "network": found.network.name,
        "network_id": found.network.id,
        "txid": None if found.txid is None else shown(found.txid),
        "version": found.tx.version,
        "locktime": found.tx.locktime,
        "replaceable": found.tx.replaceable,
        "inputs": [_plain_input(one) for one in found.inputs],
        "outputs": [_plain_output(one) for one in found.outputs],
        "fee_sat": None if found.fee_sat is None else str(found.fee_sat),
        "fee_rate_sat_per_kvb": None if proven is None else proven.fee_rate,
        "vsize_signed_max": None if proven is None else proven.vsize,
        "effects": None if found.effects is None else plain_effects(found.effects),
    }


def _plain_input(one: SeenInput) -> dict[str, object]:
    return {
        "outpoint": str(one.outpoint),
        "amount_sat": None if one.coin is None else str(one.coin.amount_sat),
        "address": one.recipient or None,
        "belongs": "ours" if one.path else "unproven",
        "path": one.path or None,
        "sequence": one.sequence,
        "signed_by": list(one.signed_by),
    }


def _plain_output(one: SeenOutput) -> dict[str, object]:
    return {
        "amount_sat": str(one.output.amount_sat),
        "address": one.recipient or None,
        "script": one.output.script.hex(),
        "belongs": one.belongs,
        "path": one.path or None,
    }


def sentences(found: Inspection) -> str:
    """For people."""
    from keepcool.chains.bitcoin.transaction import shown

    proven, symbol = found.proven, found.network.symbol
    txid = "not fixed before it is signed" if found.txid is None else shown(found.txid)
    lines = [
        f"{'PSBT' if found.kind == 'psbt' else 'Transaction':<14} {txid}",
        f"Network        {found.network.name} ({found.network.id})",
    ]
    lines += [_input_line(one, symbol) for one in found.inputs]
    lines += [_output_line(one, symbol) for one in found.outputs]
    if found.fee_sat is None:
        lines.append("Fee            not proven")
    else:
        rate = "" if proven is None else f", {proven.fee_rate} per 1000 vB ({proven.vsize} vB once signed)"
        lines.append(f"Fee            {spelled(found.fee_sat, symbol)}{rate}")
    lines.append(f"Replaceable    {'yes' if found.tx.replaceable else 'no'} (BIP-125)")
    if found.tx.locktime:
        lines.append(f"Not before     block {found.tx.locktime}")
    return "\n".join(lines)


def _input_line(one: SeenInput, symbol: str) -> str:
    amount = "an amount not proven" if one.coin is None else spelled(one.coin.amount_sat, symbol)
    whose = f"ours at {one.path}" if one.path else "whose is not proven"
    signed = f", signed by {', '.join(key[:16] for key in one.signed_by)}" if one.signed_by else ""
    at = f" at {one.recipient}" if one.recipient else ""
    return f"Spends         {amount}{at} ({whose}): {one.outpoint}{signed}"


def _output_line(one: SeenOutput, symbol: str) -> str:
    amount, to = (
        spelled(one.output.amount_sat, symbol),
        one.recipient or f"script {one.output.script.hex()[:80]}",
    )
    words = {
        "foreign": f"Pays           {amount} to {to}",
        "change": f"Change         {amount} to {to} (ours at {one.path})",
        "ours": f"Keeps          {amount} to {to} (ours at {one.path})",
        "data": f"Carries        {len(one.output.script) - 1} bytes of data: {one.output.script[1:41].hex()}",
    }
    return words.get(one.belongs, f"To             {amount} to {to} (whose is not proven)")


def spelled(amount_sat: int, symbol: str) -> str:
    """Whole coins with eight decimals."""
    return f"{amount_sat // 10**8}.{amount_sat % 10**8:08d} {symbol}"
