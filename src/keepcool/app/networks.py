"""Taking up a network: what must stand on it before the first address is shown to anybody.

Laws: the contracts of the profile have the canonical code at the canonical addresses on every node, or an
address would be one whose coins nobody can move; listed tokens have the decimals that are listed. All that
is missing is told at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from keepcool.app.config import AssetSettings, NetworkSettings
from keepcool.chains.evm.assets import contract_of
from keepcool.chains.evm.profiles import SafeProfile, profile_named
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Refused
from keepcool.core.ids import AssetId, NetworkId
from keepcool.ports.evmnode import Call, EvmNode, Tag

_DECIMALS = bytes.fromhex("313ce567")


async def onboard(network: NetworkId, settings: NetworkSettings, nodes: Sequence[EvmNode]) -> None:
    """Raises Refused `network.not_ready` with everything that is missing, `node.wrong_chain`; Unavailable
    when a node does not answer."""
    missing: list[str] = []
    for number, node in enumerate(nodes, 1):
        found = await _missing(settings, node)
        where = "" if len(nodes) == 1 else f"node {number}: "
        missing += [where + one for one in found]
    if missing:
        text = f"{settings.name} ({network}) cannot be used yet: {'; '.join(missing)}"
        raise Refused("network.not_ready", text, network=network)


class Onboarding:
    """Remembers which networks were found ready, so that each is examined once per run."""

    def __init__(
        self, settings: Mapping[str, NetworkSettings], nodes: Mapping[str, Sequence[EvmNode]]
    ) -> None:
        self._settings, self._nodes = settings, nodes
        self._ready: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def ensure(self, network: NetworkId) -> None:
        """Returns when addresses of this network may be shown. Raises as `onboard`, and Refused
        `network.unknown` for one that is not configured."""
        if network in self._ready:
            return
        settings = self._settings.get(network)
        if settings is None:
            raise Refused("network.unknown", f"{network[:64]} is not configured here")
        async with self._one_at_a_time:
            if network not in self._ready:
                await onboard(network, settings, self._nodes[network])
                self._ready.add(network)


async def _missing(settings: NetworkSettings, node: EvmNode) -> list[str]:
    await node.check()
    missing = await _contracts_missing(profile_named(settings.profile), node)
    for asset in settings.assets:
        missing += await _token_wrong(asset, node)
    if settings.crediting == "finalized" and await node.header(Tag.FINALIZED) is None:
        missing.append('the node knows no finalized block: set crediting = "depth" and depth_blocks')
    return missing


async def _contracts_missing(profile: SafeProfile, node: EvmNode) -> list[str]:
    missing = []
    for contract in profile.contracts():
        code = await node.code(contract.address)
        if not code:
            missing.append(
                f"{profile.name} has no contract at {contract.address}: deploy it by the Safe singleton "
                "factory"
            )
        elif keccak256(code) != contract.runtime_keccak:
            missing.append(
                f"the code at {contract.address} is not that of {profile.name}: do not use this chain"
            )
    return missing


async def _token_wrong(asset: AssetSettings, node: EvmNode) -> list[str]:
    contract = contract_of(AssetId(asset.id))
    if contract is None:
        return (
            []
            if asset.decimals == 18
            else [f"{asset.symbol} is listed with {asset.decimals} decimals, has 18"]
        )
    try:
        word = await node.call(Call(contract, _DECIMALS))
    except Refused:
        word = b""
    if len(word) != 32:
        return [f"{asset.symbol}: there is no ERC-20 token with decimals at {contract}"]
    decimals = int.from_bytes(word, "big")
    if decimals != asset.decimals:
        return [f"{asset.symbol} is listed with {asset.decimals} decimals, its contract says {decimals}"]
    return []
