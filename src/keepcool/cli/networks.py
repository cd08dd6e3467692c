"""`keepcool networks`, and the networks that `keepcool init` is asked for, out of its options.

With one network the options stand alone; with several, each value says whose it is: `--node-url
minter:1=http://...`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli import adding, bitcoin_networks
from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.chains.bitcoin.networks import Networks
    from keepcool.core.ids import NetworkId
    from keepcool.local.plan import AnyPlan, BitcoinPlan, EvmPlan, MinterPlan

_DEFAULT = "eip155:31337"
_EVM_NODE, _MINTER_NODE = "http://127.0.0.1:8545", "http://127.0.0.1:8843/v2"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    adding.add_networks(subparsers)


def add_options(noun: argparse.ArgumentParser) -> None:
    noun.add_argument(
        "--network",
        action="append",
        metavar="ID",
        help="e.g. eip155:1, minter:1, bitcoin, litecoin, litecoin-regtest; repeatable, then the options"
        " below take NETWORK= before their value",
    )
    noun.add_argument(
        "--node-url",
        action="append",
        default=[],
        metavar="URL",
        help="a node; repeat it for several (default: http://127.0.0.1:8545, for Minter :8843/v2, for Bitcoin"
        " and its forks their own ports; on their regtest networks `keepcool up` runs one)",
    )
    _add_bitcoin(noun)
    noun.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="ADDRESS:SYMBOL:DECIMALS",
        help="an ERC-20 token to accept; repeatable",
    )
    noun.add_argument(
        "--coin",
        action="append",
        default=[],
        metavar="ID:SYMBOL",
        help="a coin of Minter to accept besides its own; repeatable",
    )
    noun.add_argument(
        "--layout",
        choices=("children", "shared"),
        help="Minter: cool and cold keys of its own for each wallet (default), or one of each for all",
    )
    noun.add_argument(
        "--harbor",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="Minter, Bitcoin and forks: the one destination of an evacuation",
    )
    noun.add_argument(
        "--creators", type=int, metavar="N", help="Minter: accounts that make wallets (default 8)"
    )
    noun.add_argument("--spares", type=int, metavar="N", help="Minter: wallets made ahead (default 20)")


def _add_bitcoin(noun: argparse.ArgumentParser) -> None:
    bitcoin_networks.add_file_option(noun)
    noun.add_argument(
        "--node-cookie",
        action="append",
        default=[],
        metavar="FILE",
        help="Bitcoin and forks: a node's .cookie, or a file of user:password; one for each --node-url",
    )
    noun.add_argument(
        "--script",
        action="append",
        default=[],
        metavar="KIND",
        help="Bitcoin and forks: p2wsh, p2sh-p2wsh or p2sh (default: the cheapest the network has)",
    )
    noun.add_argument(
        "--pool",
        action="store_true",
        help="EVM, Bitcoin and forks: new users get addresses of a pool instead of wallets of their own",
    )


def planned(arguments: argparse.Namespace) -> tuple[AnyPlan, ...]:
    """Raises Malformed with the option that is wrong."""
    names: list[str] = list(dict.fromkeys(arguments.network or [_DEFAULT]))
    if arguments.depth is not None and arguments.depth < 1:
        raise Malformed("init.depth", f"--depth {arguments.depth}: it is 1 block or more")
    if arguments.pool and all(name.startswith("minter:") for name in names):
        text = "--pool is not for Minter: wallets there are accounts, each of its owner"
        raise Malformed("init.pool", text)
    return tuple(_network(name, names, arguments) for name in names)


def _network(name: str, names: Sequence[str], arguments: argparse.Namespace) -> AnyPlan:
    from keepcool.local.bitcoinplan import is_bitcoin

    given = {
        option: _of(name, names, option, values)
        for option, values in (
            ("--node-url", arguments.node_url),
            ("--token", arguments.token),
            ("--coin", arguments.coin),
            ("--cap", arguments.cap),
            ("--node-cookie", arguments.node_cookie),
            ("--script", arguments.script),
            ("--harbor", arguments.harbor),
        )
    }
    nodes, caps = given["--node-url"], given["--cap"]
    for node in nodes:
        if not node.startswith(("http://", "https://")):
            raise Malformed("init.node_url", f"--node-url {node[:60]!r}: it begins with http:// or https://")
    if is_bitcoin(name, bitcoin_networks.known(arguments)):
        _refuse(name, given, "--token", "--coin")
        return _bitcoin(name, nodes, given, arguments)
    _refuse(name, given, "--node-cookie", "--script")
    if name.startswith("minter:"):
        _refuse(name, given, "--token")
        return _minter(name, nodes or [_MINTER_NODE], given, arguments)
    if not name.startswith("eip155:"):
        raise Malformed(
            "init.network",
            f"--network {name[:60]!r}: it is eip155:<chain id>, minter:<chain id>, or one of "
            + ", ".join(row.name for row in bitcoin_networks.known(arguments).rows),
        )
    _refuse(name, given, "--coin", "--harbor")
    return _evm(name, nodes or [_EVM_NODE], given["--token"], caps, arguments)


def _refuse(name: str, given: Mapping[str, Sequence[str]], *options: str) -> None:
    for option in options:
        if given[option]:
            raise Malformed(_CODES[option], f"{option} is not for {name}: {_INSTEAD[option]}")


_CODES = {
    "--token": "init.token",
    "--coin": "init.coin",
    "--node-cookie": "init.cookie",
    "--script": "init.script",
    "--harbor": "init.harbor",
}
_INSTEAD = {
    "--token": "only EVM networks have tokens; list the coins of Minter with --coin ID:SYMBOL",
    "--coin": "only Minter has coins of this kind; list tokens of EVM networks with --token",
    "--node-cookie": "only nodes of Bitcoin and its forks have cookies",
    "--script": "only Bitcoin and its forks have scripts",
    "--harbor": "on EVM networks evacuations are no part of a policy yet",
}


def _evm(
    name: str, nodes: list[str], tokens: list[str], caps: list[str], arguments: argparse.Namespace
) -> EvmPlan:
    from keepcool.local import plan as plans

    listed = [plans.token_plan(name, text) for text in tokens]
    network = replace(plans.network_plan(name, nodes, listed, arguments.profile), pool=arguments.pool)
    for text in caps:
        network = replace(network, assets=plans.with_caps(network.assets, text))
    if arguments.depth is not None:
        network = replace(network, crediting="depth", depth_blocks=arguments.depth)
    return network


def _minter(
    name: str, nodes: list[str], given: Mapping[str, Sequence[str]], arguments: argparse.Namespace
) -> MinterPlan:
    from keepcool.local import plan as plans

    network = plans.minter_plan(name, nodes, [plans.coin_plan(name, text) for text in given["--coin"]])
    for text in given["--cap"]:
        network = replace(network, assets=plans.with_caps(network.assets, text))
    asked = {
        "layout": arguments.layout,
        "harbor": _harbor(name, network.id, given, bitcoin_networks.known(arguments)),
        "creators": arguments.creators,
        "spares": arguments.spares,
    }
    return replace(network, **{key: value for key, value in asked.items() if value is not None})


def _bitcoin(
    name: str, nodes: list[str], given: Mapping[str, Sequence[str]], arguments: argparse.Namespace
) -> BitcoinPlan:
    from keepcool.local import bitcoinplan
    from keepcool.local import plan as plans

    known = bitcoin_networks.known(arguments)
    script = _one(name, "--script", given) or ""
    cookies = [str(Path(file).absolute()) for file in given["--node-cookie"]]
    network = bitcoinplan.bitcoin_plan(name, nodes, script=script, cookies=cookies, known=known)
    for text in given["--cap"]:
        network = replace(network, assets=plans.with_caps(network.assets, text))
    if arguments.depth is not None:
        network = replace(network, confirmations=((0, arguments.depth),))
    if not nodes and bitcoinplan.has_own_node(network):
        network = bitcoinplan.with_own_node(network)
    return replace(network, pool=arguments.pool, harbor=_harbor(name, network.id, given, known))


def _harbor(name: str, network: NetworkId, given: Mapping[str, Sequence[str]], known: Networks) -> str | None:
    """In its one spelling, the only one that signers know."""
    from keepcool.chains.families import Families

    text = _one(name, "--harbor", given)
    try:
        return None if text is None else Families(known).parse_recipient(network, text)
    except Malformed as error:
        raise Malformed("init.harbor", f"--harbor: {error.public}") from error


def _one(name: str, option: str, given: Mapping[str, Sequence[str]]) -> str | None:
    values = given[option]
    if len(values) > 1:
        raise Malformed(_CODES[option], f"{option}: {name} has one")
    return values[0] if values else None


def _of(name: str, names: Sequence[str], option: str, values: Sequence[str]) -> list[str]:
    """The values of one network. Raises Malformed where one of several does not say whose it is."""
    if len(names) == 1:
        return [value.removeprefix(f"{name}=") for value in values]
    for value in values:
        if value.partition("=")[0] not in names:
            text = f"{option} {value}: say for which network, as {option} {name}={value}"
            raise Malformed("init.network", text)
    return [value.removeprefix(f"{name}=") for value in values if value.startswith(f"{name}=")]
