"""The networks that `keepcool init` is asked for, out of its options.

With one network the options stand alone; with several, each value says whose it is: `--node-url
minter:1=http://...`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from keepcool.core.errors import Malformed

if TYPE_CHECKING:
    from keepcool.local.plan import AnyPlan, EvmPlan, MinterPlan

_DEFAULT = "eip155:31337"
_EVM_NODE, _MINTER_NODE = "http://127.0.0.1:8545", "http://127.0.0.1:8843/v2"


def add_options(noun: argparse.ArgumentParser) -> None:
    noun.add_argument(
        "--network",
        action="append",
        metavar="ID",
        help="e.g. eip155:1 or minter:1; repeatable, then the options below take NETWORK= before their value",
    )
    noun.add_argument(
        "--node-url",
        action="append",
        default=[],
        metavar="URL",
        help="a node; repeat it for several (default: http://127.0.0.1:8545, for Minter :8843/v2)",
    )
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
    noun.add_argument("--harbor", metavar="ADDRESS", help="Minter: the one destination of an evacuation")
    noun.add_argument("--creators", type=int, metavar="N", help="Minter: accounts that make wallets")
    noun.add_argument("--spares", type=int, metavar="N", help="Minter: wallets made ahead")


def planned(arguments: argparse.Namespace) -> tuple[AnyPlan, ...]:
    """Raises Malformed with the option that is wrong."""
    names: list[str] = list(dict.fromkeys(arguments.network or [_DEFAULT]))
    return tuple(_network(name, names, arguments) for name in names)


def _network(name: str, names: Sequence[str], arguments: argparse.Namespace) -> AnyPlan:
    nodes, tokens, coins, caps = (
        _of(name, names, option, values)
        for option, values in (
            ("--node-url", arguments.node_url),
            ("--token", arguments.token),
            ("--coin", arguments.coin),
            ("--cap", arguments.cap),
        )
    )
    if name.startswith("minter:"):
        if tokens:
            raise Malformed("init.token", f"{name} has no tokens: list its coins with --coin ID:SYMBOL")
        return _minter(name, nodes or [_MINTER_NODE], coins, caps, arguments)
    if coins:
        raise Malformed("init.coin", f"{name} has no Minter coins: list its tokens with --token")
    return _evm(name, nodes or [_EVM_NODE], tokens, caps, arguments)


def _evm(
    name: str, nodes: list[str], tokens: list[str], caps: list[str], arguments: argparse.Namespace
) -> EvmPlan:
    from keepcool.local import plan as plans

    listed = [plans.token_plan(name, text) for text in tokens]
    network = plans.network_plan(name, nodes, listed, arguments.profile)
    for text in caps:
        network = replace(network, assets=plans.with_caps(network.assets, text))
    if arguments.depth is not None:
        network = replace(network, crediting="depth", depth_blocks=arguments.depth)
    return network


def _minter(
    name: str, nodes: list[str], coins: list[str], caps: list[str], arguments: argparse.Namespace
) -> MinterPlan:
    from keepcool.local import plan as plans

    network = plans.minter_plan(name, nodes, [plans.coin_plan(name, text) for text in coins])
    for text in caps:
        network = replace(network, assets=plans.with_caps(network.assets, text))
    asked = {
        "layout": arguments.layout,
        "harbor": arguments.harbor,
        "creators": arguments.creators,
        "spares": arguments.spares,
    }
    return replace(network, **{key: value for key, value in asked.items() if value is not None})


def _of(name: str, names: Sequence[str], option: str, values: Sequence[str]) -> list[str]:
    """The values of one network. Raises Malformed where one of several does not say whose it is."""
    if len(names) == 1:
        return [value.removeprefix(f"{name}=") for value in values]
    for value in values:
        if value.partition("=")[0] not in names:
            text = f"{option} {value}: say for which network, as {option} {name}={value}"
            raise Malformed("init.network", text)
    return [value.removeprefix(f"{name}=") for value in values if value.startswith(f"{name}=")]
