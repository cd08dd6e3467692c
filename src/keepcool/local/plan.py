"""What an installation shall be: its network, assets and caps, its ports, who may reach its keystores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from keepcool.chains.evm.address import parse_address
from keepcool.chains.evm.assets import chain_id_of, native_asset, token_asset
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId
from keepcool.local.process import free_port
from keepcool.local.provision import LOOPBACK

Crediting = Literal["finalized", "depth"]
_NAMES = {
    1: ("Ethereum", "ETH"),
    10: ("OP Mainnet", "ETH"),
    56: ("BNB Smart Chain", "BNB"),
    137: ("Polygon", "POL"),
    8453: ("Base", "ETH"),
    42161: ("Arbitrum One", "ETH"),
    11155111: ("Sepolia", "ETH"),
    31337: ("Local chain", "ETH"),
}
_FLAVOUR_L1 = (1, 11155111, 31337)
_COIN_CAPS, _TOKEN_CAPS = (1, 5, 20), (1000, 5000, 20_000)  # whole units per transaction, hour and day


@dataclass(frozen=True, slots=True)
class AssetPlan:
    """Caps in base units, over all wallets together; both signers begin with the same."""

    id: AssetId
    symbol: str
    decimals: int
    cap_transaction_units: int
    cap_hour_units: int
    cap_day_units: int
    deposit_min_units: int = 1


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One EVM network. `assets[0]` is the native coin. Fees in base units of it."""

    id: NetworkId
    name: str
    profile: str
    node_urls: tuple[str, ...]
    assets: tuple[AssetPlan, ...]
    crediting: Crediting = "finalized"
    depth_blocks: int = 0
    poll_ms: int = 1000
    start_block: int = 0
    fee_max_units: int = 50_000_000_000_000_000
    gas_budget_day_units: int = 2_000_000_000_000_000_000
    deployments_per_day: int = 1000


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts of one machine listen. The signers listen nowhere."""

    app: int
    broker: int
    keeper_keystore: int
    keeper_cluster: int
    cooler_keystore: int
    cooler_cluster: int

    @classmethod
    def following(cls, first: int) -> Ports:
        """Six ports in a row; 0 takes six that are free now."""
        if first == 0:
            return cls(*_free_ports(6))
        if not 1024 <= first <= 65530:
            raise Malformed("init.port", "the first port lies between 1024 and 65530; 0 takes free ones")
        return cls(*range(first, first + 6))


@dataclass(frozen=True, slots=True)
class Plan:
    """`cold` is the public half of a cold key made elsewhere; without it one is made here."""

    folder: Path
    network: NetworkPlan
    ports: Ports
    cold: Path | None = None
    shares: int = 3
    threshold: int = 2
    keystore_cidrs: tuple[str, ...] = LOOPBACK


def network_plan(
    network: str, node_urls: Sequence[str], assets: Sequence[AssetPlan] = (), profile: str = ""
) -> NetworkPlan:
    """The plan with what is known of a chain. Raises Malformed when it is no EVM network."""
    chain_id = chain_id_of(network)
    name, symbol = _NAMES.get(chain_id, (f"Chain {chain_id}", "ETH"))
    native = native_asset(NetworkId(network))
    if not any(asset.id == native for asset in assets):
        assets = [asset_plan(native, symbol, 18), *assets]
    flavour = "l1" if chain_id in _FLAVOUR_L1 else "l2"
    return NetworkPlan(
        id=NetworkId(network),
        name=name,
        profile=profile or f"safe-1.5.0-{flavour}",
        node_urls=tuple(node_urls),
        assets=tuple(sorted(assets, key=lambda asset: asset.id != native)),
    )


def asset_plan(asset: AssetId, symbol: str, decimals: int, caps: Sequence[int] = _COIN_CAPS) -> AssetPlan:
    """With caps in whole coins per transaction, hour and day."""
    transaction, hour, day = (cap * 10**decimals for cap in caps)
    return AssetPlan(asset, symbol, decimals, transaction, hour, day)


def token_plan(network: str, text: str) -> AssetPlan:
    """A token from "ADDRESS:SYMBOL:DECIMALS". Raises Malformed."""
    address, _, rest = text.partition(":")
    symbol, _, decimals = rest.partition(":")
    if not symbol or not decimals.isdecimal() or int(decimals) > 77:
        raise Malformed("init.token", f"--token {text!r}: write it as ADDRESS:SYMBOL:DECIMALS")
    asset = token_asset(NetworkId(network), parse_address(address))
    return asset_plan(asset, symbol, int(decimals), _TOKEN_CAPS)


def with_caps(assets: Sequence[AssetPlan], text: str) -> tuple[AssetPlan, ...]:
    """The assets with one's caps set from "SYMBOL=TRANSACTION,HOUR,DAY" in whole units. Raises Malformed."""
    symbol, _, numbers = text.partition("=")
    caps = numbers.split(",")
    if len(caps) != 3 or symbol not in {asset.symbol for asset in assets}:
        raise Malformed("init.cap", f"--cap {text!r}: write SYMBOL=TRANSACTION,HOUR,DAY of a listed asset")
    return tuple(_capped(asset, caps) if asset.symbol == symbol else asset for asset in assets)


def _capped(asset: AssetPlan, caps: Sequence[str]) -> AssetPlan:
    transaction, hour, day = (_base_units(cap, asset.decimals) for cap in caps)
    return replace(asset, cap_transaction_units=transaction, cap_hour_units=hour, cap_day_units=day)


def _base_units(text: str, decimals: int) -> int:
    """Whole units in decimal, a fraction allowed as far as the asset has decimals."""
    whole, _, fraction = text.strip().partition(".")
    if not (whole + fraction).isdecimal() or not whole or len(fraction) > decimals:
        raise Malformed("init.cap", f"{text!r} is no amount of an asset with {decimals} decimals")
    return int(whole + fraction.ljust(decimals, "0"))


def _free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)
