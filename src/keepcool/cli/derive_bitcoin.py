"""keepcool derive bitcoin: addresses of a multisig wallet from its public keys, on any machine, offline."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keepcool.cli import bitcoin_networks
from keepcool.core.errors import KeepcoolError, Malformed

if TYPE_CHECKING:
    from keepcool.chains.bitcoin.descriptor import Descriptor
    from keepcool.chains.bitcoin.keys import KeyExpression
    from keepcool.chains.bitcoin.networks import Network
    from keepcool.chains.bitcoin.script import ScriptKind

_COUNT_MAX = 1_000_000
_SCRIPTS = ("p2wsh", "p2sh-p2wsh", "p2sh")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Addresses `first` to `first + count - 1` of one alternative of a descriptor."""

    network: Network
    descriptor: Descriptor
    change: int
    first: int
    count: int
    path: Callable[[int], str]


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    noun = families.add_parser(
        "bitcoin", help="addresses on Bitcoin, Litecoin, Dogecoin, Dash and other forks"
    )
    noun.add_argument("--network", required=True, metavar="NAME", help="e.g. bitcoin, litecoin-regtest, dash")
    bitcoin_networks.add_file_option(noun)
    noun.add_argument("--descriptor", metavar="D", help="an output descriptor, instead of scheme and keys")
    noun.add_argument("--scheme", choices=("bip45", "bip48"), help="how the keys make a wallet")
    noun.add_argument(
        "--xpub",
        action="append",
        default=[],
        metavar="KEY",
        help="a cosigner's xpub at m/45' (bip45) or of its account (bip48), origin before it if wanted",
    )
    noun.add_argument("--threshold", type=int, default=2, metavar="N", help="how many must sign (default 2)")
    noun.add_argument("--script", choices=_SCRIPTS, help="default: the cheapest of the network")
    noun.add_argument(
        "--path", metavar="PATH", help="bip45: m/45'/cosigner/change/index, or m/45'/wallet/..."
    )
    noun.add_argument("--index", type=int, metavar="I", help="descriptor, bip48: which address (default 0)")
    noun.add_argument("--change", type=int, choices=(0, 1), help="descriptor, bip48: 1 for change")
    noun.add_argument("--count", type=int, default=1, metavar="N", help="so many addresses from there on")
    noun.add_argument("--json", action="store_true", help="print as JSON, with scripts and descriptor")
    noun.set_defaults(run=derive)


def derive(arguments: argparse.Namespace) -> int:
    """Prints the addresses. 0, or 2 when the data give none."""
    try:
        wanted = _wanted(arguments)
        if arguments.json:
            print(json.dumps(_described(wanted), indent=2))
        else:
            for address in _addresses(wanted):
                print(address)
    except KeepcoolError as error:
        print(f"refused: {error.public} [{error.code}]", file=sys.stderr)
        return 2
    return 0


def _wanted(arguments: argparse.Namespace) -> _Wanted:
    network = bitcoin_networks.chosen(arguments)
    if not 1 <= arguments.count <= _COUNT_MAX:
        raise Malformed("derive.count", f"--count is from 1 to {_COUNT_MAX}")
    if (arguments.descriptor is None) == (arguments.scheme is None):
        raise Malformed("derive.input", "give either --descriptor, or --scheme and an --xpub for each key")
    if arguments.scheme == "bip45":
        return _by_bip45(arguments, network)
    if arguments.path is not None:
        raise Malformed("derive.path", "--path belongs to --scheme bip45; here take --index and --change")
    return _by_descriptor(arguments, network)


def _by_bip45(arguments: argparse.Namespace, network: Network) -> _Wanted:
    from keepcool.chains.bitcoin import bip45

    if arguments.path is None or arguments.index is not None or arguments.change is not None:
        raise Malformed("derive.path", "with --scheme bip45 give --path m/45'/cosigner/change/index alone")
    place, keys, kind = (
        bip45.parse_place(arguments.path),
        _keys(arguments, network),
        _kind(arguments, network),
    )
    if place.wallet is None:
        wallet = bip45.pooled(keys, arguments.threshold, kind)
    else:
        wallet = bip45.segregated(keys, place.wallet, arguments.threshold, kind)

    def path(index: int) -> str:
        return str(bip45.Place(place.cosigner, place.change, index, place.wallet))

    found = wallet.descriptor(place.cosigner)
    return _Wanted(network, found, place.change, place.index, arguments.count, path)


def _by_descriptor(arguments: argparse.Namespace, network: Network) -> _Wanted:
    from keepcool.chains.bitcoin.descriptor import bip48, parse_descriptor

    if arguments.descriptor is None:
        accounts = _keys(arguments, network)
        found = bip48(accounts, arguments.threshold, _kind(arguments, network))
    else:
        if arguments.xpub or arguments.script:
            raise Malformed(
                "derive.input", "a descriptor names its keys and script; leave --xpub and --script"
            )
        found = parse_descriptor(arguments.descriptor, network)
    change = arguments.change or 0
    if change and found.choices == 1:
        raise Malformed("derive.change", "this descriptor has no change branch: it lacks a step <0;1>")
    if not found.ranged and (arguments.index is not None or arguments.count > 1):
        raise Malformed("derive.index", "this descriptor has one address: no key in it ends in /*")

    def path(index: int) -> str:
        return f"{change}/{index}" if found.choices > 1 else str(index)

    return _Wanted(network, found, change, arguments.index or 0, arguments.count, path)


def _keys(arguments: argparse.Namespace, network: Network) -> list[KeyExpression]:
    from keepcool.chains.bitcoin.keys import parse_key

    return [parse_key(text, network) for text in arguments.xpub]


def _kind(arguments: argparse.Namespace, network: Network) -> ScriptKind:
    from keepcool.chains.bitcoin.script import ScriptKind

    kind = ScriptKind(arguments.script) if arguments.script else network.kinds[0]
    network.check_kind(kind)
    return kind


def _addresses(wanted: _Wanted) -> Iterator[str]:
    from keepcool.chains.bitcoin.address import spell

    branch = wanted.descriptor.branch(wanted.change)
    for script in branch.script_pubkeys(range(wanted.first, wanted.first + wanted.count)):
        yield spell(wanted.network, script)


def _described(wanted: _Wanted) -> dict[str, object]:
    from keepcool.chains.bitcoin.address import spell

    branch = wanted.descriptor.branch(wanted.change)
    rows: list[dict[str, object]] = []
    for index in range(wanted.first, wanted.first + wanted.count):
        locking = branch.locking(index)
        rows.append(
            {
                "path": wanted.path(index),
                "address": spell(wanted.network, locking.script_pubkey),
                "script_pubkey": locking.script_pubkey.hex(),
                "redeem_script": locking.redeem.hex(),
                "witness_script": locking.witness.hex(),
                "public_keys": [key.hex() for key in next(branch.public_keys((index,)))],
            }
        )
    return {
        "network": wanted.network.name,
        "network_id": wanted.network.id,
        "script": wanted.descriptor.kind.value,
        "threshold": wanted.descriptor.threshold,
        "keys": len(wanted.descriptor.keys),
        "descriptor": wanted.descriptor.spelled(wanted.network),
        **(rows[0] if wanted.count == 1 else {"addresses": rows}),
    }
