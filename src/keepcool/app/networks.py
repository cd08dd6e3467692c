"""The bounds of what App's TOML says of each network, and what it means in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never
from urllib.parse import urlsplit

from keepcool.app.network_settings import (
    BIP45,
    AssetSettings,
    BitcoinFeeSettings,
    BitcoinSettings,
    EvmSettings,
    FeeSettings,
    MinterFeeSettings,
    MinterSettings,
    NetworkSettings,
)
from keepcool.chains.bitcoin.network_table import SHIPPED, one_row
from keepcool.chains.bitcoin.networks import DECIMALS as BITCOIN_DECIMALS
from keepcool.chains.bitcoin.networks import Network, Networks, check
from keepcool.chains.minter.assets import coin_of
from keepcool.core import ids, money
from keepcool.core.errors import Refused
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.intent import OUTPUTS_MAX

__all__ = [
    "AssetSettings",
    "BitcoinFeeSettings",
    "BitcoinSettings",
    "EvmSettings",
    "FeeSettings",
    "MinterFeeSettings",
    "MinterSettings",
    "NetworkSettings",
]
MINTER_DECIMALS = 18
SWEPT_MAX = 100  # by one transaction: what more would cost may be more gas than a transaction gets
PROFILES = ("safe-1.5.0-l1", "safe-1.5.0-l2", "safe-1.4.1-l1", "safe-1.4.1-l2")


def native_asset(network: str, settings: NetworkSettings) -> AssetId:
    """The asset fees are paid in. Raises Refused when the table does not list it."""
    base = "coin:0" if isinstance(settings, MinterSettings) else "slip44:"
    for asset in settings.assets:
        if asset.id.startswith(f"{network}/{base}"):
            return AssetId(asset.id)
    raise Refused("config.native", f"networks.{network}: list its native asset ({network}/{base}...)")


def check_network(network: str, table: NetworkSettings) -> None:
    where = f"networks.{network}"
    ids.network_id(network)
    if not table.node_urls:
        raise Refused("config.nodes", f"{where}: name at least one node")
    match table:
        case EvmSettings():
            _check_evm(network, where, table)
        case MinterSettings():
            _check_minter(network, where, table)
        case BitcoinSettings():
            _check_bitcoin(network, where, table)
        case _ as never:
            assert_never(never)
    native_asset(network, table)
    for asset in table.assets:
        if ids.network_of(ids.asset_id(asset.id)) != network:
            raise Refused("config.asset", f"{where}: {asset.id} lives on another network")
        if not 0 <= asset.decimals <= 77 or money.parse_units(asset.deposit_min) < 1:
            raise Refused("config.asset", f"{where}: {asset.id}: decimals 0 to 77, deposit_min at least 1")
        most = money.parse_units(asset.withdrawal_max) if asset.withdrawal_max else money.UNITS_LIMIT
        if not 1 <= money.parse_units(asset.withdrawal_min) <= most:
            text = f"{where}: {asset.id}: withdrawal_min is at least 1 and at most withdrawal_max"
            raise Refused("config.asset", text)
    money.parse_units(table.fees.withdrawal_fee_max)


def _check_evm(network: str, where: str, table: EvmSettings) -> None:
    if not network.startswith("eip155:"):
        raise Refused("config.network", f"{where}: an EVM network is called eip155:<chain id>")
    if table.profile not in PROFILES:
        raise Refused("config.profile", f"{where}: profile is one of {', '.join(PROFILES)}")
    if (table.crediting == "depth") != (table.depth_blocks > 0):
        raise Refused("config.crediting", f'{where}: depth_blocks belongs to crediting = "depth"')
    for bound in (table.fees.fee_per_gas_max, table.fees.priority_fee_per_gas):
        money.parse_units(bound)
    if table.stock < 1 or table.sweep.wait_s < 0 or table.sweep.worth < 1:
        raise Refused("config.sweep", f"{where}: stock and sweep.worth are at least 1, sweep.wait_s 0")
    if not 1 <= table.sweep.batch_max <= SWEPT_MAX:
        raise Refused("config.sweep", f"{where}: sweep.batch_max is 1 to {SWEPT_MAX}")
    for asset in table.assets:
        money.parse_units(asset.least_swept)
    if not 1 <= table.fees.batch_max <= OUTPUTS_MAX or table.fees.batch_wait_s < 0:
        raise Refused("config.batch", f"{where}: batch_max is 1 to {OUTPUTS_MAX}, batch_wait_s not negative")


def _check_minter(network: str, where: str, table: MinterSettings) -> None:
    name = ids.network_id(network)
    for asset in table.assets:
        coin_of(ids.asset_id(asset.id), name)
        if asset.decimals != MINTER_DECIMALS:
            raise Refused("config.asset", f"{where}: {asset.id}: every coin of Minter has 18 decimals")
    if not 0 <= table.agree <= len(table.node_urls):
        raise Refused("config.agree", f"{where}: agree is at most the number of nodes")
    if not 1 <= table.fees.gas_price <= table.fees.gas_price_max:
        raise Refused("config.gas_price", f"{where}: gas_price lies between 1 and gas_price_max")
    if table.spares < 0:
        raise Refused("config.spares", f"{where}: spares is not negative")


def crediting_of(network: str, table: NetworkSettings) -> tuple[str, int]:
    """What is waited for before a deposit is credited: finalized, or depth and the least number of blocks."""
    match table:
        case EvmSettings():
            return table.crediting, table.depth_blocks
        case MinterSettings():
            return "finalized", 0
        case BitcoinSettings():
            return "depth", bitcoin_row(network, table).confirmations[0][1]
        case _ as never:
            assert_never(never)


def known_networks(tables: Mapping[str, NetworkSettings]) -> Networks:
    """Those of this release, and those whose rows stand in the tables. Raises Malformed on a wrong row, and
    on one that is of another network than its table."""
    rows = [
        one_row(table.row, NetworkId(network))
        for network, table in tables.items()
        if isinstance(table, BitcoinSettings) and table.row is not None
    ]
    return SHIPPED.plus(rows)


def bitcoin_row(network: str, table: BitcoinSettings) -> Network:
    """The network as data, with the depths and habits the configuration tells. Raises Malformed on one
    that is unknown."""
    row = known_networks({network: table}).of(NetworkId(network))
    row = replace(
        row,
        confirmations=table.confirmations or row.confirmations,
        replacement=table.replacement or row.replacement,
    )
    check(row)
    return row


def _check_bitcoin(network: str, where: str, table: BitcoinSettings) -> None:
    row = bitcoin_row(network, table)
    if table.profile not in [f"{BIP45}{kind}" for kind in row.kinds]:
        kinds = ", ".join(f"{BIP45}{kind}" for kind in row.kinds)
        raise Refused("config.profile", f"{where}: profile is one of {kinds}")
    if [asset.id for asset in table.assets] != [row.asset] or table.assets[0].decimals != BITCOIN_DECIMALS:
        text = f"{where}: its one asset is {row.asset}, of {BITCOIN_DECIMALS} decimals"
        raise Refused("config.asset", text)
    if not 0 <= table.agree <= len(table.node_urls):
        raise Refused("config.agree", f"{where}: agree is at most the number of nodes")
    if table.stock < 1:
        raise Refused("config.stock", f"{where}: stock is at least 1 address")
    if table.node_cookies and len(table.node_cookies) != len(table.node_urls):
        raise Refused("config.cookies", f"{where}: node_cookies names one file for each node, or none")
    if not all(_is_zmq_url(url) for url in table.zmq_urls):
        raise Refused("config.zmq_urls", f"{where}: zmq_urls are of the form tcp://host:port")
    _check_bitcoin_fees(where, row, table.fees)


def _is_zmq_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname and parts.port)
    except ValueError:
        return False
    return named and url == f"tcp://{parts.netloc}" and "@" not in url


def _check_bitcoin_fees(where: str, row: Network, fees: BitcoinFeeSettings) -> None:
    if not row.fee_rate_min <= fees.fee_rate_max or fees.fee_rate_fallback < 0:
        raise Refused("config.fee_rate", f"{where}: fee_rate_max is at least {row.fee_rate_min}")
    counts = (fees.target_blocks, fees.rungs, fees.batch_outputs_max, fees.intent_lifetime_s)
    if min(*counts, fees.bump_after_s) < 1 or min(fees.batch_s, fees.fee_rate_long_term) < 0:
        raise Refused("config.fees", f"{where}: counts and times of fees are at least 1")


def about_network(network: str, table: NetworkSettings) -> list[str]:
    listed = ", ".join(f"{asset.symbol} ({asset.decimals} decimals)" for asset in table.assets)
    if isinstance(table, MinterSettings):
        agree = table.agree or min(2, len(table.node_urls))
        return [
            f"On {table.name} ({network}, {table.profile}) it credits {listed}, once {agree} of"
            f" {len(table.node_urls)} nodes say so; one withdrawal may cost its wallet at most"
            f" {table.fees.withdrawal_fee_max} pip; {table.spares} wallets are kept made ahead."
        ]
    if isinstance(table, BitcoinSettings):
        return [_about_bitcoin(network, table, listed)]
    depth = "the node calls its block finalized"
    if table.crediting == "depth":
        depth = f"its block is {table.depth_blocks} deep"
    credited = (
        f"On {table.name} ({network}, {table.profile}) it credits {listed}, once {depth};"
        f" one withdrawal may cost the purse at most {table.fees.withdrawal_fee_max} base units."
    )
    swept = (
        f"There new users get addresses of a pool; what comes in is brought to its treasury after"
        f" {table.sweep.wait_s} s, or when {table.sweep.batch_max} addresses have something."
    )
    return [credited, swept] if table.pool else [credited]


def _about_bitcoin(network: str, table: BitcoinSettings, listed: str) -> str:
    row, agree = bitcoin_row(network, table), table.agree or min(2, len(table.node_urls))
    depths = ", ".join(f"{deep} from {start} satoshi on" for start, deep in row.confirmations)
    homes = "an address of a pool" if table.pool else "a wallet of their own"
    return (
        f"On {table.name} ({network}, {table.profile}) new users get {homes}; it credits {listed} at"
        f" {table.assets[0].deposit_min} satoshi or more, once {agree} of {len(table.node_urls)} nodes say"
        f" so, at a depth in blocks of {depths}; one withdrawal may cost its wallet at most"
        f" {table.fees.withdrawal_fee_max} satoshi; {_about_looking(table)}."
    )


def _about_looking(table: BitcoinSettings) -> str:
    polled = f"nodes are polled every {table.poll_ms} ms"
    return (
        f"{polled}, and at once when {' or '.join(table.zmq_urls)} tells news" if table.zmq_urls else polled
    )
