"""keepcool derive: a wallet's address from public data, on any machine, without any of our services."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable

from keepcool.cli import derive_bitcoin, derive_forwarders
from keepcool.core.errors import KeepcoolError, Malformed

_SALT = re.compile(r"0x[0-9a-fA-F]{1,64}|0|[1-9][0-9]{0,77}")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = subparsers.add_parser("derive", help="a wallet's address, from public data")
    families = noun.add_subparsers(dest="family", required=True, metavar="FAMILY")
    evm = families.add_parser("evm", help="the address of a Safe, deployed or not")
    evm.add_argument("--profile", required=True, metavar="VERSION", help="Safe version: 1.5.0 or 1.4.1")
    evm.add_argument("--flavour", choices=("l1", "l2"), default="l1", help="Safe (l1) or SafeL2 (l2)")
    evm.add_argument(
        "--chain-id", required=True, type=int, metavar="N", help="the chain (the address is the same on all)"
    )
    evm.add_argument(
        "--owner",
        required=True,
        action="append",
        metavar="ADDRESS",
        help="an owner; the order is part of the address",
    )
    evm.add_argument("--threshold", required=True, type=int, metavar="N", help="how many owners must sign")
    evm.add_argument("--salt", required=True, metavar="S", help="salt nonce, decimal or 0x-hex")
    evm.add_argument("--json", action="store_true", help="print as JSON")
    evm.set_defaults(run=derive_evm)
    minter = families.add_parser("minter", help="the address of a multisig, created or not")
    minter.add_argument("--creator", required=True, metavar="ADDRESS", help="the account that creates it")
    minter.add_argument(
        "--nonce", required=True, type=int, metavar="N", help="the nonce of the transaction that creates it"
    )
    minter.add_argument("--json", action="store_true", help="print as JSON")
    minter.set_defaults(run=derive_minter)
    derive_bitcoin.register(families)
    derive_forwarders.register(families)


def derive_evm(arguments: argparse.Namespace) -> int:
    """Prints the address. 0, or 2 when the data give none."""
    return _printed(arguments, _derived)


def derive_minter(arguments: argparse.Namespace) -> int:
    """Prints the address. 0, or 2 when the data give none."""
    return _printed(arguments, _derived_minter)


def _printed(arguments: argparse.Namespace, derive: Callable[[argparse.Namespace], dict[str, object]]) -> int:
    try:
        derived = derive(arguments)
    except KeepcoolError as error:
        print(f"refused: {error.public} [{error.code}]", file=sys.stderr)
        return 2
    print(json.dumps(derived, indent=2) if arguments.json else derived["address"])
    return 0


def _derived(arguments: argparse.Namespace) -> dict[str, object]:
    from keepcool.chains.evm import wallets
    from keepcool.chains.evm.assets import network_of_chain
    from keepcool.chains.evm.profiles import profile_for

    network_of_chain(arguments.chain_id)
    profile = profile_for(arguments.profile, arguments.flavour)
    salt = _salt(arguments.salt)
    setup = wallets.setup_of(profile, tuple(arguments.owner), arguments.threshold)
    return {
        "address": wallets.proxy_address(profile, setup.initializer(), salt),
        "profile": arguments.profile,
        "flavour": arguments.flavour,
        "chain_id": arguments.chain_id,
        "owners": list(setup.owners),
        "threshold": setup.threshold,
        "salt": str(salt),
        "factory": profile.factory.address,
        "singleton": profile.singleton.address,
        "fallback_handler": profile.fallback_handler.address,
        "initializer": "0x" + setup.initializer().hex(),
    }


def _derived_minter(arguments: argparse.Namespace) -> dict[str, object]:
    from keepcool.chains.minter.address import of_multisig
    from keepcool.chains.minter.wallets import Birth

    address = of_multisig(arguments.creator, arguments.nonce)
    return {
        "address": address,
        "creator": arguments.creator,
        "nonce": arguments.nonce,
        "profile": Birth(arguments.creator, arguments.nonce).profile,
    }


def _salt(text: str) -> int:
    if not _SALT.fullmatch(text):
        raise Malformed("deploy.salt", "a salt is a whole number, decimal or 0x-hex of at most 64 digits")
    return int(text, 16) if text.startswith("0x") else int(text)
