"""keepcool cold sign minter: the second signature of an evacuation, from the words on paper."""

from __future__ import annotations

import argparse
import base64
import binascii
import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli.effects_shown import payment_lines
from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.cold.evacuating import Order, Signed

_FILE_BYTES_MAX = 1024 * 1024


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    minter = families.add_parser("minter", help="a send or multisend of a Minter wallet to the harbor")
    minter.add_argument(
        "--record",
        required=True,
        type=Path,
        metavar="FILE",
        help="the wallet's registry record, or what `keepcool wallet show --json` prints",
    )
    minter.add_argument("--draft", required=True, metavar="HEX", help="the nine fields that are signed")
    minter.add_argument("--harbor", required=True, metavar="ADDRESS", help="the only recipient, Mx…")
    minter.add_argument("--gas-price-max", type=int, default=10, metavar="N", help="default 10")
    minter.add_argument("--gas-coin", type=int, default=0, metavar="ID", help="what the fee is paid in")
    minter.add_argument("--json", action="store_true", help="print as JSON")
    minter.set_defaults(run=sign_minter)


def sign_minter(arguments: argparse.Namespace) -> int:
    """Reads the words from the terminal or standard input, prints what was signed and the signature."""
    from keepcool.cold import evacuating

    order = _order(arguments)
    words = getpass.getpass("24 words: ") if sys.stdin.isatty() else sys.stdin.read()
    signed = evacuating.sign(words, order)
    if arguments.json:
        print(json.dumps(_plain(signed)))
    else:
        print("\n".join(_lines(signed)))
    return 0


def _order(arguments: argparse.Namespace) -> Order:
    from keepcool.cold.evacuating import Order

    try:
        draft = bytes.fromhex(arguments.draft.removeprefix("0x"))
    except ValueError as error:
        raise Malformed("cold.draft", "the draft is hexadecimal digits") from error
    record = read_record(arguments.record)
    return Order(record, draft, arguments.harbor, arguments.gas_price_max, arguments.gas_coin)


def read_record(file: Path) -> bytes:
    """A record's canonical bytes, as they are or inside what App tells of a wallet. Raises Malformed."""
    try:
        with file.open("rb") as source:
            raw = source.read(_FILE_BYTES_MAX).strip()
        plain = json.loads(raw)
        told = plain.get("record_bytes") if isinstance(plain, dict) else None
        return raw if told is None else base64.b64decode(told, validate=True)
    except OSError as error:
        raise Malformed("cold.record", f"cannot read {file}: {error.strerror}") from error
    except (ValueError, TypeError, binascii.Error) as error:
        raise Malformed("cold.record", f"{file} holds no registry record") from error


def _plain(signed: Signed) -> dict[str, object]:
    from keepcool.chains.minter import signature

    return {
        "wallet": signed.record.wallet,
        "address": signed.record.address,
        "digest": signed.effects.digests[0].hex(),
        "public_key": signed.public_key,
        "signature": signed.signature.hex(),
        "rlp": signature.encode(signed.signature).hex(),
    }


def _lines(signed: Signed) -> list[str]:
    plain = _plain(signed)
    return [
        f"Wallet        {plain['wallet']}  {plain['address']}",
        *payment_lines(signed.effects),
        f"Signed by     {plain['public_key']} (cold)",
        f"Signature     {plain['signature']}",
        f"As RLP        {plain['rlp']}",
    ]
