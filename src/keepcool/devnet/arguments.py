"""The simulator's command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from keepcool.core.errors import Malformed
from keepcool.devnet.chain import Genesis
from keepcool.devnet.ledger import Coin
from keepcool.devnet.server import HOST, Options, network_name, run

_COIN_FORM = "ID:SYMBOL or ID:SYMBOL:COIN_PIP:BASE_PIP (its pool with the base coin)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, required=True, metavar="N", help="port on 127.0.0.1")
    parser.add_argument(
        "--mirror",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="another port with the same chain and faults of its own; may be repeated",
    )
    parser.add_argument("--chain-id", type=int, default=2, metavar="N", help="1 is BIP's mainnet; default 2")
    parser.add_argument(
        "--block-ms", type=int, default=1000, metavar="N", help="time between blocks; 0: only on demand"
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="keep the chain here; default: in memory")
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="ADDRESS=PIP[:COIN]",
        help="what an account has before the first block; may be repeated",
    )
    parser.add_argument(
        "--coin", action="append", default=[], metavar="COIN", help=f"a coin: {_COIN_FORM}; may be repeated"
    )
    parser.add_argument("--price-coin", type=int, default=0, metavar="ID", help="the coin of the price table")
    parser.add_argument("--keep-last-states", type=int, default=120, metavar="N", help="heights of history")
    parser.add_argument(
        "--subscription-s", type=int, default=60, metavar="N", help="after this a subscription is closed"
    )


def start(arguments: argparse.Namespace) -> int:
    """Runs it until it is ended. Raises Malformed on arguments that mean nothing."""
    options = options_of(arguments)
    told = f"Minter simulator (no node): http://{HOST}:{options.port}/v2, {network_name(options.chain_id)}"
    sys.stdout.write(told + "\n")
    sys.stdout.flush()
    run(options)
    return 0


def options_of(arguments: argparse.Namespace) -> Options:
    """Raises Malformed."""
    genesis = Genesis(
        tuple(_account(text) for text in arguments.account), tuple(_coin(text) for text in arguments.coin)
    )
    known = {0, *[coin.id for coin in genesis.coins]}
    unknown = {coin for _, coin, _ in genesis.balances} | {arguments.price_coin}
    if not unknown <= known:
        raise Malformed("devnet.coin", f"no coin {min(unknown - known)}; name it with --coin {_COIN_FORM}")
    return Options(
        port=arguments.port,
        mirrors=tuple(arguments.mirror),
        chain_id=arguments.chain_id,
        block_ms=arguments.block_ms,
        data=arguments.data,
        keep_last_states=arguments.keep_last_states,
        subscription_s=arguments.subscription_s,
        price_coin=arguments.price_coin,
        genesis=genesis,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="keepcool devnet minter", allow_abbrev=False)
    add(parser)
    return start(parser.parse_args())


def _account(text: str) -> tuple[bytes, int, int]:
    address, _, amount = text.partition("=")
    pip, _, coin = amount.partition(":")
    try:
        raw = bytes.fromhex(address.removeprefix("Mx"))
        found = raw, int(coin or "0"), int(pip)
    except ValueError as error:
        raise _malformed("--account", "ADDRESS=PIP[:COIN]", text) from error
    if not address.startswith("Mx") or len(raw) != 20 or min(found[1:]) < 0:
        raise _malformed("--account", "ADDRESS=PIP[:COIN]", text)
    return found


def _coin(text: str) -> Coin:
    parts = text.split(":")
    if len(parts) not in (2, 4) or not all(part.isdigit() for part in (parts[0], *parts[2:])):
        raise _malformed("--coin", _COIN_FORM, text)
    pool = (int(parts[2]), int(parts[3])) if len(parts) == 4 else None
    return Coin(int(parts[0]), parts[1], pool)


def _malformed(name: str, form: str, text: str) -> Malformed:
    return Malformed("devnet.argument", f"{name} is of the form {form}, not {text[:80]!r}")
