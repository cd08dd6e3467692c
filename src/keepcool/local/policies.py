"""The first policy file of each signer, and its signature by the installation's root key.

Keeper's and Cooler's begin alike and are separate files: each is edited, signed and carried on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from nacl.signing import SigningKey

from keepcool.chains.evm.profiles import pool_profile
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service
from keepcool.local import people as asked
from keepcool.local.people import INTENT_LIFETIME_S, NOBODY, Caps, People
from keepcool.local.plan import AnyPlan, AssetPlan, BitcoinPlan, EvmPlan, MinterPlan
from keepcool.local.tomltext import rendered
from keepcool.policy.document import parse_policy, signed_bytes
from keepcool.policy.families import MINTER
from keepcool.policy.terms import Layout

_HEADING = """\
# {signer}'s policy: what it may sign. Amounts are base units ({units}); caps count all wallets together.
# After a change: raise `version`, sign with the root key (`keepcool policy sign`), carry both files over.
"""
_INTENT_LIFETIME_S_MAX = 86_400
_ASKED_LIFETIME_S_MAX = 2 * INTENT_LIFETIME_S  # App's clock may be ahead, and an owner may sign the next day


@dataclass(frozen=True, slots=True)
class PolicyPart:
    """One network's share of a policy file. `unit`: what its base units are called."""

    network: NetworkId
    unit: str
    rules: Mapping[str, object]
    assets: Mapping[AssetId, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class MinterTerms:
    """A Minter network's first limits. `symbol` is the native coin's (coin 0); `coins` are those that may be
    paid, with their caps; fees and budgets in pip of the native coin."""

    network: NetworkId
    symbol: str
    coins: Sequence[AssetPlan]
    gas_price_max: int = 10
    fee_max_units: int = 1_000 * 10**18
    gas_budget_day_units: int = 1_000_000 * 10**18
    creates_per_day: int = 1000
    layout: Layout = "children"
    harbor: str | None = None

    @property
    def native(self) -> AssetId:
        return AssetId(f"{self.network}/{MINTER.native}")


def first_policy(service: Service, *networks: AnyPlan, people: People = NOBODY) -> bytes:
    """The file's bytes, proven to be a policy. Raises Malformed when the plans make none."""
    return written(service, [_part(service, network) for network in networks], people)


def _part(service: Service, network: AnyPlan) -> PolicyPart:
    match network:
        case EvmPlan():
            return evm_part(service, network)
        case MinterPlan():
            return minter_part(service, minter_terms(network))
        case BitcoinPlan():
            return bitcoin_part(network)
        case _ as never:
            assert_never(never)


def minter_terms(network: MinterPlan) -> MinterTerms:
    return MinterTerms(
        network=network.id,
        symbol=network.assets[0].symbol,
        coins=network.assets,
        gas_price_max=network.gas_price_max,
        fee_max_units=network.fee_max_units,
        gas_budget_day_units=network.gas_budget_day_units,
        creates_per_day=network.creates_per_day,
        layout=network.layout,
        harbor=network.harbor,
    )


def minter_policy(service: Service, terms: MinterTerms) -> bytes:
    """The file's bytes for one Minter network, proven to be a policy. Raises Malformed."""
    return written(service, [minter_part(service, terms)])


def written(service: Service, parts: Sequence[PolicyPart], people: People = NOBODY) -> bytes:
    """One file for all networks of an installation. Raises Malformed when the parts make no policy."""
    lifetime_s_max = _ASKED_LIFETIME_S_MAX if people.are_asked else _INTENT_LIFETIME_S_MAX
    tables: dict[str, object] = {
        "version": 1,
        "intents": {"lifetime_s_max": lifetime_s_max},
        "wallets": {"attestations": [Service.KEEPER.value, Service.COOLER.value]},
        "evidence": {"kinds": asked.kinds(people)},
        "networks": {part.network: part.rules for part in parts},
        "assets": {asset: table for part in parts for asset, table in part.assets.items()},
    }
    caps = [_caps(asset, one) for part in parts for asset, one in part.assets.items()]
    tables |= asked.tables(people, caps)
    units = ", ".join(dict.fromkeys(part.unit for part in parts))
    text = _HEADING.format(signer=service.value.capitalize(), units=units) + rendered(tables)
    parse_policy(text.encode())
    return text.encode()


def _caps(asset: AssetId, table: Mapping[str, object]) -> Caps:
    units = (int(str(table[f"cap_{window}_units"])) for window in ("transaction", "day"))
    return Caps(asset, *units)


def evm_part(service: Service, network: EvmPlan) -> PolicyPart:
    native = network.assets[0]
    table: dict[str, object] = {
        "family": "evm",
        "profile": network.profile,
        "pool_profile": pool_profile(network.profile),
        "fee_max_units": str(network.fee_max_units),
        "native": {"asset": native.id, "symbol": native.symbol, "decimals": native.decimals},
    }
    if service is Service.KEEPER:
        table["purse"] = {
            "fee_max_units": str(network.fee_max_units),
            "gas_budget_day_units": str(network.gas_budget_day_units),
            "deployments_per_day": network.deployments_per_day,
        }
    return PolicyPart(network.id, "wei", table, {asset.id: _asset(asset) for asset in network.assets})


def minter_part(service: Service, terms: MinterTerms) -> PolicyPart:
    table: dict[str, object] = {
        "family": "minter",
        "profile": "multisig-v2",
        "layout": terms.layout,
        "calls": sorted(MINTER.calls),
        "fee_max_units": str(terms.fee_max_units),
        "fee_rate_max": terms.gas_price_max,
        "fee_assets": [terms.native],
        "data_bytes_max": 0,
        **({} if terms.harbor is None else {"harbor": terms.harbor}),
        "native": {"asset": terms.native, "symbol": terms.symbol, "decimals": MINTER.decimals},
    }
    if service is Service.KEEPER:
        table["purse"] = {
            "fee_max_units": str(terms.fee_max_units),
            "gas_budget_day_units": str(terms.gas_budget_day_units),
            "deployments_per_day": terms.creates_per_day,
        }
    return PolicyPart(terms.network, "pip", table, {coin.id: _asset(coin) for coin in terms.coins})


def bitcoin_part(network: BitcoinPlan) -> PolicyPart:
    """Both signers' alike: there is no purse, a transaction pays its fee out of its own coins."""
    coin = network.assets[0]
    table: dict[str, object] = {
        "family": "bitcoin",
        "profile": network.profile,
        "pool_profile": network.pool_profile,
        "fee_max_units": str(network.fee_max_units),
        "fee_rate_max": network.fee_rate_max,
        "fee_share_max": network.fee_share_max,
        "change_max": network.change_max,
        **({} if network.harbor is None else {"harbor": network.harbor}),
        "native": {"asset": coin.id, "symbol": coin.symbol, "decimals": coin.decimals},
    }
    return PolicyPart(network.id, "satoshi", table, {coin.id: _asset(coin)})


def signature(root_key: bytes, document: bytes) -> bytes:
    """The `.sig` file beside a policy. `root_key` is the 32-byte Ed25519 seed."""
    signed = SigningKey(root_key).sign(signed_bytes(document))
    return signed.signature.hex().encode("ascii") + b"\n"


def _asset(asset: AssetPlan) -> dict[str, object]:
    return {
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "cap_transaction_units": str(asset.cap_transaction_units),
        "cap_hour_units": str(asset.cap_hour_units),
        "cap_day_units": str(asset.cap_day_units),
    }
