"""From the tables of a policy file to a `Policy`, refusing what could not have been meant.

Laws: a name stands in its one form; caps grow from transaction to hour to day; what a class says is about
assets that are listed; nothing is defaulted to a looser value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from keepcool.core import ids
from keepcool.core.approvals import APPROVAL_KIND, USER_KIND
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service
from keepcool.policy import families, reading_people, reading_tiers, schema, values
from keepcool.policy.terms import AssetRules, ClassRules, NativeAsset, NetworkRules, Policy, PurseRules

# Evidence this release verifies: a kind that nothing verifies must not be listed.
EVIDENCE_VERIFIED = frozenset({USER_KIND, APPROVAL_KIND})
SIGNERS = frozenset({Service.KEEPER, Service.COOLER})
VERSION_MAX = 2**53
LIFETIME_S_MIN, LIFETIME_S_MAX = 60, 7 * 86_400
DECIMALS_MAX = 77
DEPLOYMENTS_MAX = 1_000_000
_SYMBOL = re.compile(r"[A-Za-z0-9.+$-]{1,16}")
_DESTINATION = re.compile(r"[!-~]{1,128}")


def built(table: schema.DocumentTable, digest: str) -> Policy:
    """Raises Malformed with the key that is wrong and what it must be."""
    assets = {ids.asset_id(name): _asset(name, plain) for name, plain in table.assets.items()}
    networks = {ids.network_id(name): _network(name, plain) for name, plain in table.networks.items()}
    _agree(networks, assets)
    intents = schema.read_table(table.intents, schema.IntentsTable, "[intents]")
    policy = Policy(
        version=values.within("version", table.version, 1, VERSION_MAX),
        hash=digest,
        intent_lifetime_s_max=values.within(
            "[intents] lifetime_s_max", intents.lifetime_s_max, LIFETIME_S_MIN, LIFETIME_S_MAX
        ),
        attestations=_attestations(table.wallets),
        evidence_kinds=_evidence(table.evidence),
        networks=MappingProxyType(networks),
        assets=MappingProxyType(assets),
        classes=MappingProxyType(
            {name: _class(name, row, assets) for name, row in (table.classes or {}).items()}
        ),
    )
    return reading_tiers.with_tiers(reading_people.with_people(policy, table), table.tiers)


def _network(name: str, plain: schema.Table) -> NetworkRules:
    where = f'[networks."{name}"]'
    table = schema.read_table(plain, schema.NetworkTable, where)
    drafts = families.terms_of(name, table, where)
    places = schema.read_table(table.destinations or {}, schema.DestinationsTable, f"{where} destinations")
    rules = NetworkRules(
        network=ids.network_id(name),
        family=table.family,
        profile=values.matched(values.NAME, f"{where} profile", table.profile),
        older_profiles=_older(table, f"{where} older_profiles"),
        native=_native(name, table.native, f"{where} native"),
        fee_max_units=values.units(f"{where} fee_max_units", table.fee_max_units),
        purse=None if table.purse is None else _purse(table.purse, f"{where} purse"),
        allow=_destinations(f"{where} destinations allow", places.allow),
        deny=_destinations(f"{where} destinations deny", places.deny) or frozenset(),
        harbor=None
        if table.harbor is None
        else values.matched(_DESTINATION, f"{where} harbor", table.harbor),
        pool_profile=table.pool_profile,
        rescue=bool(table.rescue),
    )
    if rules.rescue and rules.harbor is None:
        raise Malformed("policy.rescue", f"policy: {where} rescue: tokens go to the harbor; name one")
    if rules.harbor is not None and rules.harbor.casefold() in {text.casefold() for text in rules.deny}:
        raise Malformed("policy.harbor", f"policy: {where} harbor: {rules.harbor} is among the denied")
    return rules if drafts is None else _with_own_fees(rules, table, drafts, where)


def _with_own_fees(
    rules: NetworkRules, table: schema.NetworkTable, drafts: families.DraftTerms, where: str
) -> NetworkRules:
    if drafts.coins:
        return _of_coins(rules, table, drafts, where)
    assets = [ids.asset_id(text) for text in values.once(f"{where} fee_assets", table.fee_assets or ())]
    if not assets:
        raise Malformed("policy.fee_assets", f"policy: {where} fee_assets: a draft pays its fee in something")
    return replace(
        rules,
        fee_rate_max=values.within(f"{where} fee_rate_max", table.fee_rate_max or 0, 1, drafts.fee_rate_max),
        fee_assets=frozenset(assets),
        data_bytes_max=values.within(
            f"{where} data_bytes_max", table.data_bytes_max or 0, 0, drafts.data_bytes_max
        ),
        calls=frozenset(values.once(f"{where} calls", table.calls or ())),
        layout=table.layout,
    )


def _of_coins(
    rules: NetworkRules, table: schema.NetworkTable, drafts: families.DraftTerms, where: str
) -> NetworkRules:
    return replace(
        rules,
        fee_rate_max=values.within(f"{where} fee_rate_max", table.fee_rate_max or 0, 1, drafts.fee_rate_max),
        fee_assets=frozenset({rules.native.asset}),
        data_bytes_max=values.within(
            f"{where} data_bytes_max", table.data_bytes_max or 0, 0, drafts.data_bytes_max
        ),
        calls=frozenset(),
        layout="children",
        coins=True,
        fee_share_max=values.within(
            f"{where} fee_share_max", table.fee_share_max or 0, 1, families.SHARE_MAX
        ),
        change_max=values.within(f"{where} change_max", table.change_max or 0, 0, families.CHANGE_MAX),
    )


def _older(table: schema.NetworkTable, where: str) -> tuple[str, ...]:
    newer = [table.profile, *([] if table.pool_profile is None else [table.pool_profile])]
    older = values.once(where, [*table.older_profiles, *newer])[: -len(newer)]
    return tuple(values.matched(values.NAME, where, profile) for profile in older)


def _native(network: str, plain: schema.Table, where: str) -> NativeAsset:
    table = schema.read_table(plain, schema.NativeTable, where)
    asset = ids.asset_id(table.asset)
    if ids.network_of(asset) != network:
        raise Malformed("policy.native", f"policy: {where}: {asset} lives on another network")
    symbol = values.matched(_SYMBOL, f"{where} symbol", table.symbol)
    return NativeAsset(asset, symbol, values.within(f"{where} decimals", table.decimals, 0, DECIMALS_MAX))


def _purse(plain: schema.Table, where: str) -> PurseRules:
    table = schema.read_table(plain, schema.PurseTable, where)
    fee = values.units(f"{where} fee_max_units", table.fee_max_units)
    budget = values.units(f"{where} gas_budget_day_units", table.gas_budget_day_units)
    if fee > budget:
        raise Malformed("policy.purse", f"policy: {where}: fee_max_units is beyond the budget of a whole day")
    return PurseRules(
        fee_max_units=fee,
        gas_budget_day_units=budget,
        deployments_per_day=values.within(
            f"{where} deployments_per_day", table.deployments_per_day, 0, DEPLOYMENTS_MAX
        ),
    )


def _asset(name: str, plain: schema.Table) -> AssetRules:
    where = f'[assets."{name}"]'
    table = schema.read_table(plain, schema.AssetTable, where)
    rules = AssetRules(
        asset=ids.asset_id(name),
        symbol=values.matched(_SYMBOL, f"{where} symbol", table.symbol),
        decimals=values.within(f"{where} decimals", table.decimals, 0, DECIMALS_MAX),
        cap_transaction_units=values.units(f"{where} cap_transaction_units", table.cap_transaction_units),
        cap_hour_units=values.units(f"{where} cap_hour_units", table.cap_hour_units),
        cap_day_units=values.units(f"{where} cap_day_units", table.cap_day_units),
    )
    if not rules.cap_transaction_units <= rules.cap_hour_units <= rules.cap_day_units:
        raise Malformed("policy.caps", f"policy: {where}: caps grow from transaction to hour to day")
    return rules


def _class(name: str, plain: schema.Table, assets: dict[AssetId, AssetRules]) -> ClassRules:
    where = f'[classes."{name}"]'
    values.matched(values.NAME, where, name)
    table = schema.read_table(plain, schema.ClassTable, where)
    caps = {}
    for asset, units in (table.cap_transaction_units or {}).items():
        if AssetId(asset) not in assets:
            raise Malformed("policy.class", f"policy: {where}: {asset} is not listed under [assets]")
        caps[AssetId(asset)] = values.units(f"{where} cap_transaction_units", units)
    return ClassRules(name, _destinations(f"{where} allow", table.allow), MappingProxyType(caps))


def _agree(networks: dict[NetworkId, NetworkRules], assets: dict[AssetId, AssetRules]) -> None:
    """An asset lives on a listed network; one symbol means one asset there; a native asset is one thing."""
    symbols: dict[tuple[NetworkId, str], AssetId] = {
        (network, rules.native.symbol): rules.native.asset for network, rules in networks.items()
    }
    for asset, rules in assets.items():
        network = ids.network_of(asset)
        if network not in networks:
            raise Malformed("policy.asset", f'policy: {asset}: there is no [networks."{network}"]')
        if symbols.setdefault((network, rules.symbol), asset) != asset:
            raise Malformed("policy.asset", f"policy: {asset}: {rules.symbol} names another asset already")
        native = networks[network].native
        families.check_asset(asset, networks[network].family, rules.decimals, native.asset)
        if native.asset == asset and (native.symbol, native.decimals) != (rules.symbol, rules.decimals):
            raise Malformed("policy.native", f"policy: {asset}: symbol and decimals differ from native's")
    for network, of_network in networks.items():
        for asset in of_network.fee_assets - {of_network.native.asset}:
            if asset not in assets or ids.network_of(asset) != network:
                raise Malformed(
                    "policy.fee_assets",
                    f'policy: [networks."{network}"] fee_assets: {asset} is neither native nor listed there',
                )


def _attestations(plain: schema.Table) -> frozenset[Service]:
    table = schema.read_table(plain, schema.WalletsTable, "[wallets]")
    known = {service.value: service for service in Service}
    unknown = sorted(set(table.attestations) - known.keys())
    if unknown:
        raise Malformed("policy.attestations", f"policy: [wallets] attestations: no service {unknown[0]!r}")
    named = frozenset(known[name] for name in table.attestations)
    if not named >= SIGNERS:
        raise Malformed("policy.attestations", "policy: [wallets] attestations: name keeper and cooler")
    return named


def _evidence(plain: schema.Table) -> frozenset[str]:
    table = schema.read_table(plain, schema.EvidenceTable, "[evidence]")
    unknown = sorted(set(table.kinds) - EVIDENCE_VERIFIED)
    if unknown:
        raise Malformed("policy.evidence", f"policy: [evidence] kinds: nothing here verifies {unknown[0]!r}")
    return frozenset(table.kinds)


def _destinations(where: str, texts: Sequence[str] | None) -> frozenset[str] | None:
    if texts is None:
        return None
    return frozenset(values.matched(_DESTINATION, where, text) for text in values.once(where, texts))
