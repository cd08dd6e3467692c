"""The tiers of a policy file, refused where they could not have been meant.

Laws: what a tier names is listed; its amounts lie within the caps, which stand above every tier; its needs
can be met, by people the file names; no tier stands where an earlier one takes all that it would.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

from keepcool.core import ids
from keepcool.core.approvals import APPROVAL_KIND, USER_KIND
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId
from keepcool.policy import consent, schema, values
from keepcool.policy.reading_people import DELAY_S_MAX, PEOPLE_MAX
from keepcool.policy.terms import AssetRules, NeededApprovals, Policy, Tier

TIERS_MAX = 50
_AMOUNTS = ("transaction_units_max", "user_day_units_max", "day_units_max")


def with_tiers(policy: Policy, rows: Sequence[schema.Table] | None) -> Policy:
    """Raises Malformed with the key that is wrong and what it must be."""
    if rows is None:
        return policy
    values.within("[[tiers]], their number", len(rows), 1, TIERS_MAX)
    tiers = tuple(_tier(plain, place, policy) for place, plain in enumerate(rows, 1))
    values.once("[[tiers]] name", [tier.name for tier in tiers])
    for place, tier in enumerate(tiers):
        for earlier in tiers[:place]:
            if _takes_all(earlier, tier):
                raise _wrong(
                    tier.name, f"it can never match: {earlier.name} before it takes all that it would"
                )
    return replace(policy, tiers=tiers)


def _tier(plain: schema.Table, place: int, policy: Policy) -> Tier:
    table = schema.read_table(plain, schema.TierTable, f"[[tiers]], number {place}")
    name = values.matched(values.NAME, f"[[tiers]], number {place}, name", table.name)
    where = f"[[tiers]] {name}"
    age = table.destination_age_s_min
    tier = Tier(
        name=name,
        networks=_networks(table, policy),
        classes=_known(name, "classes", table.classes, policy.classes),
        owned=table.owned,
        transaction_units_max=_amounts(table, "transaction_units_max", policy),
        user_day_units_max=_amounts(table, "user_day_units_max", policy),
        day_units_max=_amounts(table, "day_units_max", policy),
        destination_age_s_min=0
        if age is None
        else values.within(f"{where} destination_age_s_min", age, 1, DELAY_S_MAX),
        user=table.user,
        approvals=_approvals(name, table.approvals),
        delay_s=values.within(f"{where} delay_s", table.delay_s, 0, DELAY_S_MAX),
        cooling_s=values.within(f"{where} cooling_s", table.cooling_s, 0, DELAY_S_MAX),
        forbidden=table.forbidden,
    )
    _check_amounts(tier)
    _check_needs(tier, policy)
    return tier


def _networks(table: schema.TierTable, policy: Policy) -> frozenset[NetworkId] | None:
    named = _known(table.name, "networks", table.networks, policy.networks)
    return None if named is None else frozenset(NetworkId(one) for one in named)


def _known(
    tier: str, key: str, names: Sequence[str] | None, listed: Collection[str]
) -> frozenset[str] | None:
    if names is None:
        return None
    if not names:
        raise _wrong(tier, f"{key}: an empty list matches nothing; left out, it matches all")
    unknown = [one for one in values.once(f"[[tiers]] {tier} {key}", names) if one not in listed]
    if unknown:
        raise _wrong(tier, f"{key}: {unknown[0][:80]!r} is not listed in this policy")
    return frozenset(names)


def _amounts(table: schema.TierTable, key: str, policy: Policy) -> Mapping[AssetId, int] | None:
    rows: dict[str, str] | None = getattr(table, key)
    if rows is None:
        return None
    if not rows:
        raise _wrong(table.name, f"{key}: an empty table matches nothing; left out, it matches all")
    found: dict[AssetId, int] = {}
    for text, amount in rows.items():
        asset = ids.asset_id(text)
        rules = policy.assets.get(asset)
        if rules is None:
            raise _wrong(table.name, f"{key}: {asset} is not listed under [assets]")
        if table.networks is not None and ids.network_of(asset) not in table.networks:
            raise _wrong(table.name, f"{key}: {asset} is on none of the tier's networks")
        found[asset] = values.units(f"[[tiers]] {table.name} {key}", amount)
        if found[asset] > _cap(rules, key):
            raise _wrong(
                table.name, f"{key}: {asset}: above the cap of {_cap(rules, key)}, which no tier lifts"
            )
    return MappingProxyType(found)


def _cap(rules: AssetRules, key: str) -> int:
    return rules.cap_transaction_units if key == "transaction_units_max" else rules.cap_day_units


def _check_amounts(tier: Tier) -> None:
    """Where several amounts are stated, they are of the same assets, and grow."""
    stated = [(key, limits) for key in _AMOUNTS if (limits := getattr(tier, key)) is not None]
    for (narrow, lower), (wide, upper) in pairwise(stated):
        odd = sorted(set(lower) ^ set(upper))
        if odd:
            raise _wrong(
                tier.name, f"{odd[0]} stands in only one of {narrow} and {wide}: it would never match"
            )
        for asset in sorted(lower):
            if lower[asset] > upper[asset]:
                raise _wrong(tier.name, f"{asset}: {narrow} is more than {wide}")


def _approvals(tier: str, rows: Sequence[schema.Table]) -> tuple[NeededApprovals, ...]:
    where = f"[[tiers]] {tier} approvals"
    tables = [schema.read_table(row, schema.NeededTable, where) for row in rows]
    values.once(where, [table.group for table in tables])
    return tuple(
        NeededApprovals(
            values.matched(values.NAME, where, table.group),
            values.within(f"{where} count", table.count, 1, PEOPLE_MAX),
        )
        for table in tables
    )


def _check_needs(tier: Tier, policy: Policy) -> None:
    if tier.forbidden and (tier.user or tier.approvals or tier.delay_s or tier.cooling_s):
        raise _wrong(tier.name, "what is forbidden needs nothing")
    if tier.user and tier.owned is False:
        raise _wrong(tier.name, "user: a wallet without a user key has no owner who could sign")
    if tier.delay_s >= policy.intent_lifetime_s_max:
        raise _wrong(tier.name, "delay_s: every intent would expire first (see [intents] lifetime_s_max)")
    if tier.destination_age_s_min >= tier.cooling_s > 0:
        raise _wrong(tier.name, "cooling_s: destination_age_s_min lets only older destinations in")
    for kind, needed in ((USER_KIND, tier.user), (APPROVAL_KIND, bool(tier.approvals))):
        if needed and kind not in policy.evidence_kinds:
            raise _wrong(
                tier.name, f"it needs evidence of kind {kind!r}, which [evidence] kinds does not list"
            )
    lacking = consent.missing(tier.approvals, tuple(policy.approvers.values()))
    if lacking:
        short = f"{lacking[0].count} of {lacking[0].group}"
        raise _wrong(
            tier.name, f"approvals: [approvers] are too few: {short} lacking, each person counted once"
        )


def _takes_all(earlier: Tier, later: Tier) -> bool:
    """Whether whatever the later tier would match has matched the earlier one."""
    pairs = ((earlier.networks, later.networks), (earlier.classes, later.classes))
    return (
        all(wide is None or (narrow is not None and narrow <= wide) for wide, narrow in pairs)
        and earlier.owned in (None, later.owned)
        and all(_within(getattr(later, key), getattr(earlier, key)) for key in _AMOUNTS)
        and earlier.destination_age_s_min <= later.destination_age_s_min
    )


def _within(narrow: Mapping[AssetId, int] | None, wide: Mapping[AssetId, int] | None) -> bool:
    if wide is None:
        return True
    return narrow is not None and all(units <= wide.get(asset, 0) for asset, units in narrow.items())


def _wrong(tier: str, what: str) -> Malformed:
    return Malformed("policy.tier", f"policy: [[tiers]] {tier}: {what}")
