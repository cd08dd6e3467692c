"""Before the first address of a network is shown: its contracts and tokens are what we take them for.

Every node is asked. The code at the profile's canonical addresses must have the known hashes (an address
whose factory does not stand on the chain could never be spent from), and a token's decimals must be those
of the configuration (otherwise every amount shown would be wrong by powers of ten). A Minter network has no
contracts: its nodes must follow it and keep up, and so must those of a Bitcoin network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

from keepcool.app.config import AssetSettings, BitcoinSettings, EvmSettings, MinterSettings, NetworkSettings
from keepcool.chains.evm.assets import contract_of
from keepcool.chains.evm.forwarders import FACTORY
from keepcool.chains.evm.profiles import Contract, profile_named
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Breach, Refused
from keepcool.core.ids import AssetId, NetworkId
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import Call, EvmNode, Tag
from keepcool.ports.minternode import MinterNode

DECIMALS = bytes.fromhex("313ce567")


class Onboarding:
    """Checks each network once per start, when it is first needed."""

    def __init__(
        self,
        networks: Mapping[str, NetworkSettings],
        nodes: Mapping[NetworkId, Sequence[EvmNode]],
        minter_nodes: Mapping[NetworkId, MinterNode],
        bitcoin_nodes: Mapping[NetworkId, BitcoinNode],
    ) -> None:
        self._networks, self._nodes = networks, nodes
        self._minter_nodes, self._bitcoin_nodes = minter_nodes, bitcoin_nodes
        self._done: set[str] = set()
        self._lock = asyncio.Lock()

    async def ready(self, network: str) -> None:
        """Raises Unavailable when a node does not answer, Refused or Breach with what is wrong."""
        async with self._lock:
            if network in self._done:
                return
            table = self._networks.get(network)
            if table is None:
                raise Refused("network.unknown", f"network {network} is not configured here")
            match table:
                case EvmSettings():
                    for node in self._nodes[NetworkId(network)]:
                        await _check_evm(network, node, table)
                case MinterSettings():
                    await self._minter_nodes[NetworkId(network)].check()
                case BitcoinSettings():
                    await self._bitcoin_nodes[NetworkId(network)].check()
                case _ as never:
                    assert_never(never)
            self._done.add(network)

    async def ready_for_pools(self, network: str) -> None:
        """Asked before a pool is made: whether what its addresses need is on the chain. Raises as `ready`."""
        await self.ready(network)
        for node in self._nodes.get(NetworkId(network), ()):
            await _check_contract(network, node, FACTORY)


async def _check_evm(network: str, node: EvmNode, table: EvmSettings) -> None:
    await node.check()
    await _check_finality(network, node, table)
    for contract in profile_named(table.profile).contracts():
        await _check_contract(network, node, contract)
    for asset in table.assets:
        await _check_decimals(node, asset)


async def _check_finality(network: str, node: EvmNode, table: EvmSettings) -> None:
    if table.crediting == "finalized" and await node.header(Tag.FINALIZED) is None:
        text = f'the node of {network} knows no finalized block; set crediting = "depth" and depth_blocks'
        raise Refused("network.finality", text)


async def _check_contract(network: str, node: EvmNode, contract: Contract) -> None:
    code = await node.code(contract.address)
    if not code:
        named = "keepcool's factory of forwarders" if contract == FACTORY else "the official Safe contracts"
        text = f"{network} has no contract at {contract.address}; deploy {named} first"
        raise Refused("network.contract_missing", text)
    if keccak256(code) != contract.runtime_keccak:
        text = f"the code at {contract.address} on {network} is not the official contract's"
        raise Breach("network.contract_differs", text)


async def _check_decimals(node: EvmNode, asset: AssetSettings) -> None:
    contract = contract_of(AssetId(asset.id))
    if contract is None:
        return
    told = await node.call(Call(to=contract, data=DECIMALS))
    if len(told) != 32 or int.from_bytes(told, "big") != asset.decimals:
        shown = int.from_bytes(told[:32], "big") if len(told) == 32 else "nothing"
        text = f"{asset.id} says it has {shown} decimals, the configuration says {asset.decimals}"
        raise Refused("asset.decimals", text)
