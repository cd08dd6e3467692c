"""What a policy says about the networks of each family: what it must state, and what it cannot mean.

Laws: a family without contracts names every call its wallets make, and its drafts pay their own fee, so a
policy bounds rate, asset and data of each; one that spends coins makes no calls, and a policy bounds its fee
as a share too, and its change; a family with contracts has none of this, and a policy that states it was
meant for another network. Nothing is defaulted to a looser value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.policy.schema import NetworkTable

_BYTE = r"([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_COIN_ID = r"coin:(0|[1-9][0-9]{0,9})"
_COIN_ID_MAX = 2**32 - 1
_OF_SOME = (
    "fee_rate_max",
    "fee_assets",
    "calls",
    "layout",
    "data_bytes_max",
    "fee_share_max",
    "change_max",
    "pool_profile",
    "rescue",
)
CHANGE_MAX = 20  # as many as a family proves in one draft
SHARE_MAX = 1000


@dataclass(frozen=True, slots=True)
class DraftTerms:
    """Of a family whose drafts pay their own fee. `calls`: every call that pays, by selector and name;
    `native`: the reference of what fees are counted in, "" where that is the one asset there; `asset`: the
    reference of any asset, named in words by `asset_form`; `decimals`: of every asset there. `needs` and
    `may`: the keys a network's table states beside those every family has; `purse`: it may have one.
    `coins`: as in `NetworkRules`."""

    calls: Mapping[str, str]
    profiles: frozenset[str]
    native: str
    asset: re.Pattern[str]
    asset_form: str
    decimals: int
    fee_rate_max: int
    data_bytes_max: int
    needs: tuple[str, ...]
    may: tuple[str, ...]
    pool_profiles: frozenset[str] = frozenset()
    coins: bool = False
    purse: bool = True


@dataclass(frozen=True, slots=True)
class FamilyTerms:
    """`drafts` is None for a family with contracts: its purse pays the fees, its rules know its calls.
    `pool_profiles`: of such a family."""

    network: re.Pattern[str]
    drafts: DraftTerms | None
    pool_profiles: frozenset[str] = frozenset()


MINTER = DraftTerms(
    calls={"0x01": "Send", "0x0d": "Multisend"},
    profiles=frozenset({"multisig-v2"}),
    native="coin:0",
    asset=re.compile(_COIN_ID),
    asset_form="coin:ID",
    decimals=18,
    fee_rate_max=2**32 - 1,
    data_bytes_max=10_128,  # payload and service data, as long as a node takes them
    needs=("fee_rate_max", "fee_assets", "calls", "layout"),
    may=("data_bytes_max",),
)
_SCRIPTS = ("p2wsh", "p2sh-p2wsh", "p2sh")
_SAFES = ("1.5.0-l1", "1.5.0-l2", "1.4.1-l1", "1.4.1-l2")
BITCOIN = DraftTerms(
    calls={},
    profiles=frozenset(f"bip45-{script}" for script in _SCRIPTS),
    native="",
    asset=re.compile(r"slip44:(0|[1-9][0-9]{0,9})"),
    asset_form="slip44:N",
    decimals=8,
    fee_rate_max=10**10,
    data_bytes_max=100_000,  # no larger transaction is relayed
    needs=("fee_rate_max", "fee_share_max"),
    may=("data_bytes_max", "change_max", "pool_profile"),
    pool_profiles=frozenset(f"bip45-pool-{script}" for script in _SCRIPTS),
    coins=True,
    purse=False,
)
FAMILIES: Mapping[str, FamilyTerms] = {
    "bitcoin": FamilyTerms(re.compile(r"bip122:[0-9a-f]{32}"), BITCOIN),
    "evm": FamilyTerms(re.compile(r"eip155:.+"), None, frozenset(f"safe-pool-{safe}" for safe in _SAFES)),
    "minter": FamilyTerms(re.compile(f"minter:{_BYTE}"), MINTER),
}


def terms_of(name: str, table: NetworkTable, where: str) -> DraftTerms | None:
    """The terms of the family a network's table names, after the table was held against them. Raises
    Malformed on a family that is unknown or not this network's, and on a key too many or too few."""
    family = FAMILIES.get(table.family)
    if family is None:
        known = " or ".join(sorted(FAMILIES))
        raise Malformed(
            "policy.family", f"policy: {where} family: {known}, not {table.family[:40]!r}: no other is known"
        )
    if not family.network.fullmatch(name):
        raise Malformed("policy.family", f"policy: {where}: {name} is no network of family {table.family}")
    _check_keys(table, family, where)
    if family.drafts is not None:
        _check_names(name, table, family.drafts, where)
    return family.drafts


def check_asset(asset: AssetId, family: str, decimals: int, native: AssetId) -> None:
    """Returns when the family could have an asset of this name and these decimals. Raises Malformed."""
    drafts = FAMILIES[family].drafts
    if drafts is None:
        return
    if not _is_asset(asset.partition("/")[2], drafts):
        raise Malformed(
            "policy.asset", f"policy: {asset}: a coin of {family} is named NETWORK/{drafts.asset_form}"
        )
    if drafts.coins and asset != native:
        raise Malformed("policy.asset", f"policy: {asset}: the one coin there is {native}")
    if decimals != drafts.decimals:
        raise Malformed("policy.asset", f"policy: {asset}: every coin there has {drafts.decimals} decimals")


def call_name(family: str, selector: str) -> str:
    """`Send (0x01)`; the selector alone where the family has no name for it."""
    known = FAMILIES.get(family)
    name = known.drafts.calls.get(selector) if known is not None and known.drafts is not None else None
    return selector if name is None else f"{name} ({selector})"


def _check_keys(table: NetworkTable, family: FamilyTerms, where: str) -> None:
    stated, drafts = {key for key in _OF_SOME if getattr(table, key) is not None}, family.drafts
    if drafts is None:
        if table.pool_profile in family.pool_profiles:
            stated.discard("pool_profile")
        stated.discard("rescue")
        if stated:
            raise Malformed(
                "policy.family",
                f"policy: {where}: {min(stated)} is not for family {table.family}: its drafts pay no fee",
            )
        return
    if table.purse is not None and not drafts.purse:
        stated.add("purse")
    foreign, missing = (
        stated.difference(drafts.needs, drafts.may),
        [key for key in drafts.needs if key not in stated],
    )
    if foreign:
        raise Malformed("policy.family", f"policy: {where}: {min(foreign)} is not for family {table.family}")
    if missing:
        raise Malformed(
            "policy.family", f"policy: {where}: {missing[0]} is missing: family {table.family} needs it"
        )


def _check_names(name: str, table: NetworkTable, drafts: DraftTerms, where: str) -> None:
    _check_profile(f"{where} profile", table.profile, drafts.profiles)
    if table.pool_profile is not None:
        _check_profile(f"{where} pool_profile", table.pool_profile, drafts.pool_profiles)
    for profile in table.older_profiles:
        _check_profile(f"{where} profile", profile, drafts.profiles | drafts.pool_profiles)
    for call in table.calls or ():
        if call not in drafts.calls:
            known = " or ".join(f"{one} ({drafts.calls[one]})" for one in sorted(drafts.calls))
            raise Malformed("policy.calls", f"policy: {where} calls: {known} can pay, {call[:40]!r} cannot")
    network, _, reference = str(table.native.get("asset")).partition("/")
    fits = reference == drafts.native if drafts.native else _is_asset(reference, drafts)
    if network != name or not fits:
        raise Malformed(
            "policy.native", f"policy: {where} native: asset is {name}/{drafts.native or drafts.asset_form}"
        )
    if table.native.get("decimals") != drafts.decimals:
        raise Malformed("policy.native", f"policy: {where} native: it has {drafts.decimals} decimals")


def _check_profile(where: str, profile: str, known: frozenset[str]) -> None:
    if profile not in known:
        names = " or ".join(sorted(known))
        raise Malformed("policy.profile", f"policy: {where}: {names}, not {profile[:40]!r}")


def _is_asset(reference: str, drafts: DraftTerms) -> bool:
    found = drafts.asset.fullmatch(reference)
    return found is not None and int(found[1]) <= _COIN_ID_MAX
