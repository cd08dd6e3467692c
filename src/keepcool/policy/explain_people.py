"""Tiers, people and governance in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepcool.core.ids import AssetId
from keepcool.policy.amounts import spoken
from keepcool.policy.terms import Alarm, Governance, Policy, SiteTerms, Tier
from keepcool.policy.wording import duration, listed


def told(policy: Policy) -> Iterator[str]:
    yield from _tiers(policy)
    yield from _approvers(policy)
    yield from _sites(policy)
    yield from _governance(policy)
    if policy.alarm is not None:
        yield from _alarm(policy.alarm)


def _tiers(policy: Policy) -> Iterator[str]:
    if not policy.tiers:
        yield "It has no tiers: what the caps allow needs nobody's signature."
        return
    yield "A payment needs what the first tier says that takes it; one that no tier takes is refused."
    for place, tier in enumerate(policy.tiers, 1):
        yield f"Tier {place}, {tier.name}, takes {_takes(tier, policy)}: {_needs(tier)}."
    yield "Caps hold in every tier. What goes to a harbor alone, and what pays nobody, needs nobody."


def _takes(tier: Tier, policy: Policy) -> str:
    parts = [
        *([f"on {listed(tier.networks)}"] if tier.networks is not None else []),
        *([f"of class {listed(tier.classes)}"] if tier.classes is not None else []),
        *_owned(tier),
        *_amounts(tier.transaction_units_max, "at once", policy),
        *_amounts(tier.user_day_units_max, "a day of one owner", policy),
        *_amounts(tier.day_units_max, "a day of all wallets", policy),
    ]
    if tier.destination_age_s_min:
        parts.append(f"to destinations this owner has used for {duration(tier.destination_age_s_min)}")
    return "payments " + "; ".join(parts) if parts else "all payments"


def _owned(tier: Tier) -> Iterator[str]:
    if tier.owned is not None:
        yield f"from wallets {'with' if tier.owned else 'without'} a user key"


def _amounts(limits: Mapping[AssetId, int] | None, window: str, policy: Policy) -> Iterator[str]:
    if limits is not None:
        amounts = (f"{spoken(asset, units, policy)} ({asset})" for asset, units in limits.items())
        yield f"up to {listed(amounts)} {window}"


def _needs(tier: Tier) -> str:
    if tier.forbidden:
        return "forbidden"
    people = [f"{one.count} of {one.group}" for one in tier.approvals]
    parts = [
        *(["the owner's signature"] if tier.user else []),
        *([f"approval by {listed(people)}"] if people else []),
        *([f"a wait of {duration(tier.delay_s)}"] if tier.delay_s else []),
        *([f"{duration(tier.cooling_s)} since each destination was first seen"] if tier.cooling_s else []),
    ]
    return f"needs {'; '.join(parts)}" if parts else "needs nobody"


def _approvers(policy: Policy) -> Iterator[str]:
    for person in sorted(policy.approvers.values(), key=lambda one: one.name):
        own = f", but never for user {person.owner}, who is the same person" if person.owner else ""
        yield f"{person.name} approves for {listed(person.groups)} with {person.key}{own}."
    if policy.approvers:
        yield "An approval counts for one draft, fee and policy until it expires; one rejection is final."


def _sites(policy: Policy) -> Iterator[str]:
    for whose, site in (("Users'", policy.users), ("Approvers' and administrators'", policy.desk)):
        if site is not None:
            yield f"{whose} passkeys are touched for {_site(site)}."


def _site(site: SiteTerms) -> str:
    return f"{site.rp_id} at {listed(site.origins)}"


def _governance(policy: Policy) -> Iterator[str]:
    rules = policy.governance
    if rules is None:
        yield "It names no administrators: whoever has the root key and the host changes the policy."
        return
    yield from _orders(rules, len(policy.administrators))
    for person in sorted(policy.administrators.values(), key=lambda one: one.name):
        yield f"{person.name} administers with {person.key}."


def _orders(rules: Governance, number: int) -> Iterator[str]:
    of = f"of {number} administrators"
    yield (
        f"A new policy takes {rules.quorum} {of} and {duration(rules.delay_s)}; signed by the root key "
        f"alone, {duration(rules.root_delay_s)}. Any one of them cancels it before."
    )
    yield f"A new user key takes the old one, or {rules.quorum} {of} and {duration(rules.rekey_delay_s)}."
    yield (
        f"Any one administrator freezes; a thaw takes {rules.thaw_quorum} {of}, "
        f"{duration(rules.thaw_delay_s)} and a clean reconciliation."
    )


def _alarm(alarm: Alarm) -> Iterator[str]:
    yield (
        f"After more than {alarm.denials_max} distinct denials of one sender within "
        f"{duration(alarm.window_s)} this signer freezes itself."
    )
    yield f"At most {alarm.reviews_per_hour_max} payments an hour are put to wait."
