"""Networks and coins of Minter: `minter:<chain id>` and `minter:<chain id>/coin:<coin id>`.

Law: a coin is its number, never its symbol, because symbols can be given to another coin. Coin 0 is the
network's own (BIP; on the test network MNT); every coin counts in pips, 10**18 to one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId

NAMESPACE = "minter"
BASE_COIN = 0
CHAIN_ID_MAX, COIN_MAX = 2**8 - 1, 2**32 - 1
_NETWORK = re.compile(r"minter:([1-9][0-9]{0,2})")
_COIN = re.compile(r"coin:(0|[1-9][0-9]{0,9})")


@lru_cache(maxsize=256)
def network_of_chain(chain_id: int) -> NetworkId:
    """minter:<chain id>. Raises Malformed on a number that names no chain."""
    if type(chain_id) is not int or not 1 <= chain_id <= CHAIN_ID_MAX:
        raise Malformed("network.chain_id", "a Minter chain id is a whole number from 1 to 255")
    return NetworkId(f"{NAMESPACE}:{chain_id}")


@lru_cache(maxsize=256)
def chain_id_of(network: str) -> int:
    """The chain id of a Minter network. Raises Malformed on any other network."""
    found = _NETWORK.fullmatch(network)
    if found is None or int(found[1]) > CHAIN_ID_MAX:
        raise Malformed("network.form", f"not a Minter network: {network[:60]!r}; it is minter:<chain id>")
    return int(found[1])


@lru_cache(maxsize=4096)
def coin_asset(network: NetworkId, coin: int) -> AssetId:
    """The asset of a coin id. Raises Malformed on a number that is no coin id."""
    if type(coin) is not int or not 0 <= coin <= COIN_MAX:
        raise Malformed("asset.coin", "a coin id is a whole number from 0 to 2**32 - 1")
    return AssetId(f"{network}/coin:{coin}")


def coin_of(asset: AssetId, network: NetworkId) -> int:
    """The coin id of an asset of `network`. Raises Malformed on any other asset."""
    place, _, name = asset.partition("/")
    if place != network:
        raise Malformed("asset.network", f"{asset[:100]} does not live on {network}")
    found = _COIN.fullmatch(name)
    if found is None or int(found[1]) > COIN_MAX:
        raise Malformed("asset.unknown", f"not a coin of Minter: {asset[:100]!r}; it is {network}/coin:<id>")
    return int(found[1])
