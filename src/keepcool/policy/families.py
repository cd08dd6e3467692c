"""What a policy says about the networks of each family: what it must state, and what it cannot mean.

Laws: a family without contracts names every call its wallets make, and its drafts pay their own fee, so a
policy bounds rate, asset and data of each; a family with contracts has none of this, and a policy that states
it was meant for another network. Nothing is defaulted to a looser value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.policy.schema import NetworkTable

_BYTE = r"([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_COIN_ID = re.compile(r"coin:(0|[1-9][0-9]{0,9})")
_COIN_ID_MAX = 2**32 - 1
_OWN_FEE = ("fee_rate_max", "fee_assets", "calls", "layout")


@dataclass(frozen=True, slots=True)
class DraftTerms:
    """Of a family whose drafts pay their own fee. `calls`: every call that pays, by selector and name;
    `native`: the reference of what fees are counted in; `decimals`: of every asset there."""

    calls: Mapping[str, str]
    profiles: frozenset[str]
    native: str
    decimals: int
    fee_rate_max: int
    data_bytes_max: int


@dataclass(frozen=True, slots=True)
class FamilyTerms:
    """`drafts` is None for a family with contracts: its purse pays the fees, its rules know its calls."""

    network: re.Pattern[str]
    drafts: DraftTerms | None


MINTER = DraftTerms(
    calls={"0x01": "Send", "0x0d": "Multisend"},
    profiles=frozenset({"multisig-v2"}),
    native="coin:0",
    decimals=18,
    fee_rate_max=2**32 - 1,
    data_bytes_max=10_128,  # payload and service data, as long as a node takes them
)
FAMILIES: Mapping[str, FamilyTerms] = {
    "evm": FamilyTerms(re.compile(r"eip155:.+"), None),
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
    _check_keys(table, family.drafts, where)
    if family.drafts is not None:
        _check_names(name, table, family.drafts, where)
    return family.drafts


def check_asset(asset: AssetId, family: str, decimals: int) -> None:
    """Returns when the family could have an asset of this name and these decimals. Raises Malformed."""
    drafts = FAMILIES[family].drafts
    if drafts is None:
        return
    if not _is_coin(asset.partition("/")[2]):
        raise Malformed("policy.asset", f"policy: {asset}: a coin of {family} is named NETWORK/coin:ID")
    if decimals != drafts.decimals:
        raise Malformed("policy.asset", f"policy: {asset}: every coin there has {drafts.decimals} decimals")


def call_name(family: str, selector: str) -> str:
    """`Send (0x01)`; the selector alone where the family has no name for it."""
    known = FAMILIES.get(family)
    name = known.drafts.calls.get(selector) if known is not None and known.drafts is not None else None
    return selector if name is None else f"{name} ({selector})"


def _check_keys(table: NetworkTable, drafts: DraftTerms | None, where: str) -> None:
    stated = {key for key in (*_OWN_FEE, "data_bytes_max") if getattr(table, key) is not None}
    missing = [key for key in _OWN_FEE if key not in stated]
    if drafts is None and stated:
        raise Malformed(
            "policy.family",
            f"policy: {where}: {min(stated)} is not for family {table.family}: its drafts pay no fee",
        )
    if drafts is not None and missing:
        raise Malformed(
            "policy.family", f"policy: {where}: {missing[0]} is missing: family {table.family} needs it"
        )


def _check_names(name: str, table: NetworkTable, drafts: DraftTerms, where: str) -> None:
    for profile in (table.profile, *table.older_profiles):
        if profile not in drafts.profiles:
            known = " or ".join(sorted(drafts.profiles))
            raise Malformed("policy.profile", f"policy: {where} profile: {known}, not {profile[:40]!r}")
    for call in table.calls or ():
        if call not in drafts.calls:
            known = " or ".join(f"{one} ({drafts.calls[one]})" for one in sorted(drafts.calls))
            raise Malformed("policy.calls", f"policy: {where} calls: {known} can pay, {call[:40]!r} cannot")
    if table.native.get("asset") != f"{name}/{drafts.native}":
        raise Malformed("policy.native", f"policy: {where} native: asset is {name}/{drafts.native}")
    if table.native.get("decimals") != drafts.decimals:
        raise Malformed("policy.native", f"policy: {where} native: it has {drafts.decimals} decimals")


def _is_coin(reference: str) -> bool:
    found = _COIN_ID.fullmatch(reference)
    return found is not None and int(found[1]) <= _COIN_ID_MAX
