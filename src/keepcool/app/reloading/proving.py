"""What is new is asked of the chain first: its nodes answer and are of that chain, a token is what it is said
to be. A wrong number of decimals would make every balance wrong by powers of ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepcool.app.config import AppSettings, AssetSettings
from keepcool.app.reloading.changes import Changes
from keepcool.chains.evm.assets import contract_of
from keepcool.core import ids
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.ids import NetworkId
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import Call, EvmNode
from keepcool.ports.minternode import MinterNode

_DECIMALS, _SYMBOL = bytes.fromhex("313ce567"), bytes.fromhex("95d89b41")
_WORD = 32


@dataclass(frozen=True, slots=True)
class Nodes:
    """Of every network, by its family."""

    evm: Mapping[NetworkId, Sequence[EvmNode]]
    minter: Mapping[NetworkId, MinterNode]
    bitcoin: Mapping[NetworkId, BitcoinNode]

    def of(self, network: NetworkId) -> Sequence[EvmNode | MinterNode | BitcoinNode]:
        one: MinterNode | BitcoinNode | None = self.minter.get(network) or self.bitcoin.get(network)
        return self.evm.get(network, ()) if one is None else (one,)


@dataclass(frozen=True, slots=True)
class Token:
    """What its contract says. `symbol` is empty where it says none."""

    decimals: int
    symbol: str


async def token(node: EvmNode, contract: str) -> Token:
    """Raises Refused when there is no such contract or it does not speak ERC-20."""
    if not await node.code(contract):
        raise Refused("token.code", f"there is no contract at {contract} on this chain")
    said = await _called(node, contract, _DECIMALS)
    if len(said) != _WORD or int.from_bytes(said, "big") > 77:
        raise Refused("token.decimals", f"{contract} says nothing of its decimals: it is no ERC-20 token")
    return Token(int.from_bytes(said, "big"), _text(await _called(node, contract, _SYMBOL)))


async def check(settings: AppSettings, changes: Changes, nodes: Nodes) -> None:
    """Raises Unavailable or Refused when a node of a new network is away or of another chain, or a new token
    is not what the configuration says."""
    for network in changes.networks_added:
        for node in nodes.of(NetworkId(network)):
            await node.check()
    for asset in changes.assets_added:
        network = ids.network_of(ids.asset_id(asset))
        if network in nodes.evm:
            listed = next(one for one in settings.networks[network].assets if one.id == asset)
            await check_token(nodes.evm[network][0], listed)


async def check_token(node: EvmNode, listed: AssetSettings) -> None:
    """Raises Refused when its contract says something else."""
    contract = contract_of(ids.asset_id(listed.id))
    if contract is None:
        return
    said = await token(node, contract)
    if said.decimals != listed.decimals:
        text = f"{listed.id}: the contract has {said.decimals} decimals, the configuration {listed.decimals}"
        raise Refused("token.decimals", text)
    if said.symbol and said.symbol != listed.symbol:
        text = f"{listed.id}: the contract is called {said.symbol[:40]!r}, here {listed.symbol!r}"
        raise Refused("token.symbol", text)


async def _called(node: EvmNode, contract: str, selector: bytes) -> bytes:
    """Empty where the contract has no such function."""
    try:
        return await node.call(Call(contract, selector))
    except (Refused, Malformed, Conflict):
        return b""


def _text(said: bytes) -> str:
    """A string as ABI has it, or 32 bytes padded with zeros, as the oldest tokens have it."""
    if len(said) == _WORD:
        return said.rstrip(b"\0").decode("utf-8", "replace")
    if len(said) < 2 * _WORD:
        return ""
    start = int.from_bytes(said[:_WORD], "big")
    length = int.from_bytes(said[start : start + _WORD], "big")
    return said[start + _WORD : start + _WORD + min(length, 256)].decode("utf-8", "replace")
