"""Networks and assets of EVM chains, in CAIP-2 and CAIP-19.

The native coin is `<network>/slip44:60` on every EVM chain, a token `<network>/erc20:<EIP-55 address>`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from keepcool.chains.evm.address import parse_address
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId

CHAIN_ID_MAX = 2**63 - 1
_NETWORK = re.compile(r"eip155:([1-9][0-9]{0,18})")


@lru_cache(maxsize=256)
def network_of_chain(chain_id: int) -> NetworkId:
    """eip155:<chain id>. Raises Malformed on a number that names no chain."""
    if type(chain_id) is not int or not 1 <= chain_id <= CHAIN_ID_MAX:
        raise Malformed("network.chain_id", "a chain id is a whole number from 1 to 2**63 - 1")
    return NetworkId(f"eip155:{chain_id}")


@lru_cache(maxsize=256)
def chain_id_of(network: str) -> int:
    """The chain id of an EVM network. Raises Malformed on any other network."""
    found = _NETWORK.fullmatch(network)
    if found is None or int(found[1]) > CHAIN_ID_MAX:
        raise Malformed("network.form", f"not an EVM network: {network[:60]!r}; it is eip155:<chain id>")
    return int(found[1])


@lru_cache(maxsize=256)
def native_asset(network: NetworkId) -> AssetId:
    return AssetId(f"{network}/slip44:60")


def token_asset(network: NetworkId, contract: str) -> AssetId:
    return AssetId(f"{network}/erc20:{contract}")


def contract_of(asset: AssetId) -> str | None:
    """The token's contract, or None for the native coin. Raises Malformed on any other asset."""
    network, _, name = asset.partition("/")
    chain_id_of(network)
    kind, _, reference = name.partition(":")
    if kind == "erc20":
        return parse_address(reference)
    if name != "slip44:60":
        raise Malformed("asset.unknown", f"not an asset of an EVM network: {asset[:100]!r}")
    return None
