"""What an installation shall be: its networks, assets and caps, its ports, who may reach its keystores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from keepcool.chains.evm.address import parse_address
from keepcool.chains.evm.assets import chain_id_of, native_asset, token_asset
from keepcool.chains.minter import assets as minter
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.profiles import Profile
from keepcool.local.cloudkeystores import CloudKeystore
from keepcool.local.outsidekeystores import OutsideKeystore
from keepcool.local.people import NOBODY, People
from keepcool.local.process import free_port
from keepcool.local.provision import LOOPBACK

Crediting = Literal["finalized", "depth"]
KeyLayout = Literal["children", "shared"]
KeystoreKind = Literal["openbao", "local", "outside", "cloud"]
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
_MINTER_NAMES = {1: ("Minter", "BIP"), 2: ("Minter test network", "MNT")}
_MINTER_MAIN, _MINTER_TIP_AGE_S = 1, 60  # a block every five seconds; a simulator may stand still
MINTER_DECIMALS = 18
_MINTER_CAPS = (10_000, 50_000, 200_000)
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
class EvmPlan:
    """One EVM network. `assets[0]` is the native coin. Fees in base units of it. `pool`: new users get
    addresses of a pool instead of wallets; `sweep_wait_s`: so long what comes in there waits for more."""

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
    pool: bool = False
    sweep_wait_s: int = 900


@dataclass(frozen=True, slots=True)
class MinterPlan:
    """One Minter network. `assets[0]` is its own coin; amounts in pip. `agree`: how many nodes must say the
    same before a deposit or a wallet's owners are believed. `creators` are Keeper's accounts that make
    wallets, each one a block; `spares` are wallets made ahead. `layout`: see docs/explain/minter.md."""

    id: NetworkId
    name: str
    node_urls: tuple[str, ...]
    assets: tuple[AssetPlan, ...]
    agree: int = 1
    creators: int = 8
    spares: int = 20
    gas_price: int = 1
    gas_price_max: int = 10
    poll_ms: int = 1000
    start_block: int = 0
    tip_age_s_max: int = 0
    fee_max_units: int = 100 * 10**18
    gas_budget_day_units: int = 1_000_000 * 10**18
    creates_per_day: int = 1000
    layout: KeyLayout = "children"
    harbor: str | None = None


@dataclass(frozen=True, slots=True)
class OwnNode:
    """A regtest node that `keepcool up` runs itself, and how often it makes a block."""

    port: int
    block_s: float = 5.0


@dataclass(frozen=True, slots=True)
class BitcoinPlan:
    """One network of the Bitcoin family; amounts in satoshi, rates per 1000 virtual bytes. `pool`: new users
    get addresses of a pool instead of wallets. `node_cookies`: files of user:password, one for each node, or
    none. `replacement`: what its nodes do, where that is not the network's habit. `fee_share_max`: the most a
    fee may be, in thousandths of what is moved; `change_max`: how many outputs may come back. `row`: the
    network as data, where this release ships none."""

    id: NetworkId
    name: str
    profile: str
    pool_profile: str
    node_urls: tuple[str, ...]
    assets: tuple[AssetPlan, ...]
    fee_rate_max: int
    fee_max_units: int
    withdrawal_fee_max_units: int
    pool: bool = False
    agree: int = 1
    node_cookies: tuple[str, ...] = ()
    replacement: str = ""
    confirmations: tuple[tuple[int, int], ...] = ()
    poll_ms: int = 1000
    start_block: int = 0
    tip_age_s_max: int = 0
    fee_share_max: int = 300
    change_max: int = 8
    batch_s: float = 0.0
    bump_after_s: int = 1_800
    harbor: str | None = None
    own_node: OwnNode | None = None
    row: Mapping[str, object] | None = None


AnyPlan: TypeAlias = EvmPlan | MinterPlan | BitcoinPlan


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
    """`cold` is the public half of a cold key made elsewhere; without it one is made here. `people`: who
    signs what, beside the signers. `profiles`: where it departs from the house's own design."""

    folder: Path
    networks: tuple[AnyPlan, ...]
    ports: Ports
    cold: Path | None = None
    shares: int = 3
    threshold: int = 2
    keystore_cidrs: tuple[str, ...] = LOOPBACK
    people: People = NOBODY
    keystore: KeystoreKind = "openbao"
    outside: tuple[OutsideKeystore, ...] = ()
    cloud: tuple[CloudKeystore, ...] = ()
    profiles: frozenset[Profile] = frozenset()


def minter_plan(network: str, node_urls: Sequence[str], coins: Sequence[AssetPlan] = ()) -> MinterPlan:
    """The plan with what is known of a network. Raises Malformed when it is no Minter network."""
    chain_id = minter.chain_id_of(network)
    name, symbol = _MINTER_NAMES.get(chain_id, (f"Minter chain {chain_id}", "BIP"))
    native = minter.coin_asset(NetworkId(network), minter.BASE_COIN)
    if not any(coin.id == native for coin in coins):
        coins = [asset_plan(native, symbol, MINTER_DECIMALS, _MINTER_CAPS), *coins]
    return MinterPlan(
        id=NetworkId(network),
        name=name,
        node_urls=tuple(node_urls),
        assets=tuple(sorted(coins, key=lambda coin: coin.id != native)),
        agree=min(len(node_urls), 2),
        tip_age_s_max=_MINTER_TIP_AGE_S if chain_id == _MINTER_MAIN else 0,
    )


def coin_plan(network: str, text: str) -> AssetPlan:
    """A coin of Minter from "ID:SYMBOL". Raises Malformed."""
    number, _, symbol = text.partition(":")
    if not symbol or not number.isdecimal():
        raise Malformed("init.coin", f"--coin {text!r}: write it as ID:SYMBOL")
    asset = minter.coin_asset(NetworkId(network), int(number))
    return asset_plan(asset, symbol, MINTER_DECIMALS, _TOKEN_CAPS)


def network_plan(
    network: str, node_urls: Sequence[str], assets: Sequence[AssetPlan] = (), profile: str = ""
) -> EvmPlan:
    """The plan with what is known of a chain. Raises Malformed when it is no EVM network."""
    chain_id = chain_id_of(network)
    name, symbol = _NAMES.get(chain_id, (f"Chain {chain_id}", "ETH"))
    native = native_asset(NetworkId(network))
    if not any(asset.id == native for asset in assets):
        assets = [asset_plan(native, symbol, 18), *assets]
    flavour = "l1" if chain_id in _FLAVOUR_L1 else "l2"
    return EvmPlan(
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
