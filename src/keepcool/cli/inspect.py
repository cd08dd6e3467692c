"""keepcool inspect: what a transaction would really do, from its bytes alone, by the signers' own decoder.

Exit code 2 when anything in it is not understood; what was understood is printed all the same.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import inspect_bitcoin, inspect_minter
from keepcool.cli.effects_shown import hazard_lines, idle_lines, payment_lines, plain_effects
from keepcool.core.errors import KeepcoolError, Malformed

if TYPE_CHECKING:
    from keepcool.chains.evm.inspection import Carrier, Hints, Inspection
    from keepcool.chains.evm.purse import DeploySafe

INPUT_BYTES_MAX = 1024 * 1024
_HEX = re.compile(r"(0x)?[0-9a-fA-F]+")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("inspect", help="what a transaction would really do, from its bytes")
    families = noun.add_subparsers(dest="family", required=True, metavar="FAMILY")
    evm = families.add_parser(
        "evm", help="a SafeTx as JSON, call data of execTransaction, or an EIP-1559 transaction"
    )
    evm.add_argument(
        "source", metavar="HEX|JSON|FILE|-", help="the bytes, a file that holds them, or - for input"
    )
    evm.add_argument("--json", action="store_true", help="print as JSON")
    evm.add_argument(
        "--safe-nonce", type=int, metavar="N", help="the Safe's nonce, which call data does not carry"
    )
    evm.add_argument("--chain-id", type=int, metavar="N", help="the chain; checked where the bytes name one")
    evm.add_argument("--safe", metavar="ADDRESS", help="the Safe, which bare call data does not name")
    evm.add_argument(
        "--profile", metavar="NAME", help="trust only this profile's contracts, e.g. safe-1.5.0-l1"
    )
    evm.set_defaults(run=inspect_evm)
    minter = families.add_parser("minter", help="a signed transaction, or the nine fields that are signed")
    minter.add_argument(
        "source", metavar="HEX|FILE|-", help="the bytes, a file that holds them, or - for input"
    )
    minter.add_argument("--json", action="store_true", help="print as JSON")
    minter.add_argument("--sender", metavar="ADDRESS", help="the wallet, which unsigned bytes do not name")
    minter.set_defaults(run=inspect_minter_bytes)
    inspect_bitcoin.register(families)


def inspect_evm(arguments: argparse.Namespace) -> int:
    """Prints the effects. 0 when every byte is understood, else 2."""
    from keepcool.chains.evm.inspection import inspect

    try:
        found = inspect(_input(arguments.source), _hints(arguments))
    except KeepcoolError as error:
        print(f"refused: {error.public} [{error.code}]", file=sys.stderr)
        return 2
    print(json.dumps(_plain(found), indent=2) if arguments.json else _sentences(found))
    for hazard in found.undecoded:
        print(f"refused: not decoded completely: {hazard.text} [{hazard.code}]", file=sys.stderr)
    return 2 if found.undecoded else 0


def inspect_minter_bytes(arguments: argparse.Namespace) -> int:
    """Prints the effects. 0 when every byte is understood, else 2."""
    from keepcool.chains.minter.inspection import inspect

    try:
        found = inspect(_input(arguments.source), arguments.sender)
    except KeepcoolError as error:
        print(f"refused: {error.public} [{error.code}]", file=sys.stderr)
        return 2
    shown = inspect_minter.plain(found) if arguments.json else None
    print(inspect_minter.sentences(found) if shown is None else json.dumps(shown, indent=2))
    return 0


def _hints(arguments: argparse.Namespace) -> Hints:
    from keepcool.chains.evm.address import parse_address
    from keepcool.chains.evm.inspection import Hints
    from keepcool.chains.evm.profiles import profile_named

    return Hints(
        safe=None if arguments.safe is None else parse_address(arguments.safe),
        chain_id=arguments.chain_id,
        safe_nonce=arguments.safe_nonce,
        profile=None if arguments.profile is None else profile_named(arguments.profile),
    )


def _input(source: str) -> str:
    if source == "-":
        text = sys.stdin.read(INPUT_BYTES_MAX + 1)
    elif _HEX.fullmatch(source) or source.lstrip().startswith("{"):
        text = source
    else:
        text = _file(Path(source))
    if len(text) > INPUT_BYTES_MAX:
        raise Malformed("inspect.size", f"the input is larger than {INPUT_BYTES_MAX} bytes")
    return text


def _file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(INPUT_BYTES_MAX + 1)
    except (OSError, UnicodeError, ValueError) as error:
        raise Malformed(
            "inspect.file", f"neither hexadecimal nor a readable text file: {str(path)[:200]}"
        ) from error


def _plain(found: Inspection) -> dict[str, object]:
    digest = found.safe_tx_hash
    return {
        "kind": found.kind,
        "complete": not found.undecoded,
        "safe_tx_hash": None if digest is None else "0x" + digest.hex(),
        "effects": plain_effects(found.effects),
        "signers": list(found.signers),
        "transaction": None if found.carrier is None else _plain_carrier(found.carrier),
        "deployment": None if found.deployment is None else _plain_deployment(found.deployment),
    }


def _plain_carrier(carrier: Carrier) -> dict[str, object]:
    tx = carrier.tx
    return {
        "hash": None if carrier.hash is None else "0x" + carrier.hash.hex(),
        "sender": carrier.sender,
        "chain_id": tx.chain_id,
        "nonce": tx.nonce,
        "to": tx.to,
        "value": str(tx.value),
        "gas": tx.gas,
        "max_fee_per_gas": str(tx.max_fee_per_gas),
        "max_priority_fee_per_gas": str(tx.max_priority_fee_per_gas),
        "fee_wei_max": str(tx.fee_wei_max),
    }


def _plain_deployment(deployment: DeploySafe) -> dict[str, object]:
    return {
        "address": deployment.address,
        "profile": deployment.profile.name,
        "owners": list(deployment.owners),
        "threshold": deployment.threshold,
        "salt": str(deployment.salt),
    }


def _sentences(found: Inspection) -> str:
    effects, lines = found.effects, []
    carrier, deployment, digest = found.carrier, found.deployment, found.safe_tx_hash
    if carrier is not None:
        sender = carrier.sender or "nobody yet (unsigned)"
        lines.append(f"Transaction    from {sender}, nonce {carrier.tx.nonce}")
        lines.append(f"Fee            at most {carrier.tx.fee_wei_max} wei")
    if digest is not None:
        lines.append(f"SafeTx hash    0x{digest.hex()}")
    lines.append(f"Network        {effects.network}")
    lines.append(f"Spends from    {effects.source or 'whoever signs it'}")
    if deployment is not None:
        lines.append(f"Deploys        {deployment.address} ({deployment.profile.name})")
        lines.append(f"Owners         any {deployment.threshold} of {', '.join(deployment.owners)}")
    lines += payment_lines(effects)
    lines += [f"Calls          {call.name} on {call.contract}" for call in effects.calls if call.selector]
    lines += idle_lines(effects)
    lines += [f"Uses up        {slot.space} nonce {slot.position}" for slot in effects.slots]
    lines += [f"Signed by      {signer}" for signer in found.signers]
    return "\n".join([*lines, *hazard_lines(effects)])
