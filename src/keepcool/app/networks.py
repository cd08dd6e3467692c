"""What App's TOML says of each network, by its family: frozen values, their bounds, and what they mean in
sentences. Unknown keys are errors; units stand in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeAlias, assert_never
from urllib.parse import urlsplit

from keepcool.chains.bitcoin.network_table import SHIPPED, one_row
from keepcool.chains.bitcoin.networks import DECIMALS as BITCOIN_DECIMALS
from keepcool.chains.bitcoin.networks import Network, Networks, Replacement, check
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.minter.assets import coin_of
from keepcool.chains.minter.wallets import PROFILE
from keepcool.core import ids, money
from keepcool.core.errors import Refused
from keepcool.core.ids import AssetId, NetworkId
from keepcool.ports.settings import Settings

MINTER_DECIMALS = 18
PROFILES = ("safe-1.5.0-l1", "safe-1.5.0-l2", "safe-1.4.1-l1", "safe-1.4.1-l2")
_BIP45 = "bip45-"


class AssetSettings(Settings, frozen=True):
    """`id` is CAIP-19; `deposit_min` base units as a decimal string: less is not credited."""

    id: str
    symbol: str
    decimals: int
    deposit_min: str = "1"


class FeeSettings(Settings, frozen=True):
    """Bounds in wei, as decimal strings. `withdrawal_fee_max` is the most one withdrawal may cost the
    purse, deployment of its wallet included; `bump_after_s` is when a stuck transaction is raised."""

    withdrawal_fee_max: str = "50000000000000000"
    fee_per_gas_max: str = "500000000000"
    priority_fee_per_gas: str = "1000000000"
    bump_after_s: int = 45
    intent_lifetime_s: int = 7200


class MinterFeeSettings(Settings, frozen=True):
    """`withdrawal_fee_max`: pip of the network's own coin, the most one withdrawal may cost its wallet; so
    much is held beside its amount, and what was not needed is given back. `gas_price` multiplies the
    chain's fees; it rises to `gas_price_max` when nodes ask for more."""

    withdrawal_fee_max: str = "100000000000000000000"
    gas_price: int = 1
    gas_price_max: int = 10
    intent_lifetime_s: int = 7200


class BitcoinFeeSettings(Settings, frozen=True):
    """`withdrawal_fee_max`: satoshi, the most one withdrawal may cost its wallet, held beside its amount.
    Rates are satoshi per 1000 virtual bytes: `fee_rate_max` is never gone beyond, `fee_rate_fallback` taken
    where nodes know none (0: the network's floor). `rungs`: how many fees one payment may climb, each
    signed beforehand; `bump_after_s`: when the next is taken. Withdrawals that come within `batch_s` of one
    another share a transaction of at most `batch_outputs_max` payments. `fee_rate_long_term`: what spending
    a coin costs on a good day (0: the fallback, or the floor); at no more than it, a source of `gather_coins`
    coins or more (0: never) has its small ones made into few."""

    withdrawal_fee_max: str = "100000"
    fee_rate_max: int = 500_000
    fee_rate_fallback: int = 0
    target_blocks: int = 3
    rungs: int = 3
    batch_s: float = 0.0
    batch_outputs_max: int = 100
    intent_lifetime_s: int = 86_400
    bump_after_s: int = 1_800
    fee_rate_long_term: int = 0
    gather_coins: int = 0


class _Network(Settings, frozen=True, kw_only=True, tag_field="family"):
    """What every chain has. `tip_age_s_max`: a newest block older than this means that the node lags; 0 where
    blocks come only when somebody sends something."""

    name: str
    node_urls: list[str]
    assets: list[AssetSettings]
    poll_ms: int = 1000
    node_timeout_s: float = 10.0
    tip_age_s_max: int = 0
    start_block: int = 0


class MinterSettings(_Network, frozen=True, kw_only=True, tag="minter"):
    """`agree`: how many nodes must say the same; 0 is two where there are two. `chain_name`: what the nodes
    call a chain of one's own. `spares`: wallets kept made ahead. `address_again`: a recipient is asked for
    twice, because addresses have no checksum; false where the signers' policies list whom they pay."""

    agree: int = 0
    chain_name: str = ""
    spares: int = 20
    address_again: bool = True
    fees: MinterFeeSettings = MinterFeeSettings()

    @property
    def profile(self) -> str:
        return PROFILE


class EvmSettings(_Network, frozen=True, kw_only=True, tag="evm"):
    """`crediting`: "finalized", or "depth" with `depth_blocks`. `node_urls`: the first is written to, all are
    asked where they must agree."""

    profile: str
    crediting: Literal["finalized", "depth"] = "finalized"
    depth_blocks: int = 0
    fees: FeeSettings = FeeSettings()


class BitcoinSettings(_Network, frozen=True, kw_only=True, tag="bitcoin"):
    """`profile`: of new users' own wallets, "bip45-" and the script. `pool`: new users get addresses of a
    pool of that script instead, unless a request says otherwise. `agree`: how many nodes must say the same; 0
    is two where there are two. `node_cookies`: files of `user:password`, one for each node, where nodes ask
    for them. `confirmations`: [from this many satoshi, so deep], instead of the network's own; `replacement`:
    whether nodes replace a transaction by a dearer one (any | signalled | none), likewise. Deposits below the
    asset's `deposit_min` are dust. `stock`: addresses of each pool kept attested ahead. `row`: the network
    as data, under the names of a `[[network]]` table, where this release ships none. `zmq_urls`: where nodes
    announce blocks or transactions (tcp://host:port), so that App looks at once and not at the next poll.
    `filters`: whether old blocks may be passed over for what nodes' block filters say, when App is far
    behind."""

    profile: str
    pool: bool = False
    stock: int = 200
    agree: int = 0
    node_cookies: tuple[str, ...] = ()
    confirmations: tuple[tuple[int, int], ...] = ()
    replacement: Replacement | None = None
    row: dict[str, object] | None = None
    zmq_urls: tuple[str, ...] = ()
    filters: bool = True
    fees: BitcoinFeeSettings = BitcoinFeeSettings()

    @property
    def nodes(self) -> list[tuple[str, str]]:
        """Each node's URL and its file of `user:password`, empty where there is none."""
        return list(zip(self.node_urls, self.node_cookies or ("",) * len(self.node_urls), strict=True))

    @property
    def kind(self) -> ScriptKind:
        """The script of new wallets. Raises ValueError on a profile that names none."""
        return ScriptKind(self.profile.removeprefix(_BIP45))

    @property
    def pool_profile(self) -> str:
        return f"{_BIP45}pool-{self.kind}"


NetworkSettings: TypeAlias = EvmSettings | MinterSettings | BitcoinSettings


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
    if table.profile not in [f"{_BIP45}{kind}" for kind in row.kinds]:
        kinds = ", ".join(f"{_BIP45}{kind}" for kind in row.kinds)
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
    return [
        f"On {table.name} ({network}, {table.profile}) it credits {listed}, once {depth};"
        f" one withdrawal may cost the purse at most {table.fees.withdrawal_fee_max} base units."
    ]


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
