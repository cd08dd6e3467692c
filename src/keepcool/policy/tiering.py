"""Which tier a case falls into, and what it still needs: the first tier that matches counts.

Laws: whether a tier matches depends on no evidence, so nobody's signature moves a payment to a laxer one;
what goes to the harbor that the policy itself names counts nowhere and needs nobody; a void pays nobody and
needs nobody; where no tier matches nothing is paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from keepcool.core.ids import AssetId
from keepcool.core.intent import Purpose
from keepcool.policy import consent
from keepcool.policy.amounts import spoken
from keepcool.policy.case import Case
from keepcool.policy.spending import leaving, paid, recipients, solely_to_harbor, weight
from keepcool.policy.terms import Policy, Tier
from keepcool.policy.wording import duration, moment

SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Assessment:
    """`tier`: the name of the one that matches, "" where none is asked. `needs`: what is missing, in words.
    `until_s`: when a delay or the cooling of a destination ends, 0 where nothing but people is waited for.
    `denied`: why it is refused for good, "" where it is not."""

    tier: str = ""
    needs: tuple[str, ...] = ()
    until_s: int = 0
    denied: str = ""


_CONTENT = Assessment()


def assess(case: Case, policy: Policy) -> Assessment:
    """What the tiers ask of this case. With neither `needs` nor `denied` they are content."""
    if not policy.tiers and not case.proofs.approvals:  # every signature of an installation without people
        return _CONTENT
    if needs_nobody(case, policy):
        return _CONTENT
    rejected = consent.rejection(case, policy)
    if rejected or not policy.tiers:
        return Assessment(denied=rejected)
    objections: list[str] = []
    for tier in policy.tiers:
        mismatch = _mismatch(tier, case, policy)
        if not mismatch:
            return _of(tier, case, policy)
        objections.append(f"{tier.name}: {mismatch}")
    more = [f"and {len(objections) - SHOWN_MAX} more"] if len(objections) > SHOWN_MAX else []
    return Assessment(denied=f"no tier takes this payment: {'; '.join(objections[:SHOWN_MAX] + more)}")


def needs_nobody(case: Case, policy: Policy) -> bool:
    """Whether nobody is paid by a void, or nobody but the harbor."""
    if case.intent.purpose is Purpose.VOID:
        return not case.effects.payments
    return solely_to_harbor(case, policy.harbor_of(case.effects.network))


def _of(tier: Tier, case: Case, policy: Policy) -> Assessment:
    if tier.forbidden:
        return Assessment(tier.name, denied=f"tier {tier.name} is forbidden")
    if tier.user and not case.record.user_key:
        reason = f"tier {tier.name} needs the owner's signature, and this wallet has no user key"
        return Assessment(tier.name, denied=reason)
    waits = tuple(_waits(tier, case, policy))
    needs = (*_people(tier, case, policy), *(text for text, _ in waits))
    return Assessment(tier.name, needs, max((until_s for _, until_s in waits), default=0))


def _people(tier: Tier, case: Case, policy: Policy) -> Iterator[str]:
    if tier.user and case.proofs.user_key != case.record.user_key:
        yield "the owner's signature"
    lacking = consent.missing(tier.approvals, consent.counted(case, policy))
    for one in lacking:
        yield f"{one.count} approval{'s' if one.count > 1 else ''} of {one.group}"
    if lacking:
        yield from (f"({reason})" for reason in consent.discounted(case, policy)[:SHOWN_MAX])


def _waits(tier: Tier, case: Case, policy: Policy) -> Iterator[tuple[str, int]]:
    """What only time brings, and when it has."""
    since_s = case.history.waiting_since_s
    begun_s = case.now_s if since_s is None else since_s
    over_s = begun_s + tier.delay_s
    if over_s > case.now_s:
        yield f"a wait of {duration(tier.delay_s)}, until {moment(over_s)}", over_s
    ends = {one: _first_seen_s(one, case) + tier.cooling_s for one in _recipients(case, policy)}
    cooling = sorted((until_s, one) for one, until_s in ends.items() if until_s > case.now_s)
    if tier.cooling_s and cooling:
        until_s, recipient = cooling[-1]
        others = f" and {len(cooling) - 1} more" if len(cooling) > 1 else ""
        known = f"{recipient}{others} to be known for {duration(tier.cooling_s)}"
        yield f"{known}, until {moment(until_s)}", until_s


def _first_seen_s(recipient: str, case: Case) -> int:
    return case.history.destinations.get(recipient, case.now_s)


def _recipients(case: Case, policy: Policy) -> frozenset[str]:
    return recipients(case, policy.harbor_of(case.effects.network))


def _mismatch(tier: Tier, case: Case, policy: Policy) -> str:
    """Why this tier is not the case's; "" where it is."""
    if tier.networks is not None and case.intent.network not in tier.networks:
        return f"it is not for {case.intent.network}"
    if tier.classes is not None and case.record.policy_class not in tier.classes:
        return f"it is not for wallets of class {case.record.policy_class!r}"
    if tier.owned is not None and tier.owned is not bool(case.record.user_key):
        return f"it is for wallets {'with' if tier.owned else 'without'} a user key"
    return _beyond(tier, case, policy) or _too_new(tier, case, policy)


def _beyond(tier: Tier, case: Case, policy: Policy) -> str:
    harbor, history = policy.harbor_of(case.effects.network), case.history
    at_once = {asset: units for asset, units in paid(case.effects, harbor).items() if units}
    out = {asset: units for asset, units in leaving(case.effects, harbor).items() if units}
    users, all_of = history.user_spent_day, history.spent_day
    return (
        _over(tier.transaction_units_max, at_once, lambda _, units: units, "at once", policy)
        or _over(tier.user_day_units_max, out, _with(users, case), "of this owner within a day", policy)
        or _over(tier.day_units_max, out, _with(all_of, case), "of all wallets within a day", policy)
    )


def _with(spent: Mapping[AssetId, int], case: Case) -> Callable[[AssetId, int], int]:
    return lambda asset, units: spent.get(asset, 0) + weight(case, asset, units)


def _over(
    limits: Mapping[AssetId, int] | None,
    amounts: Mapping[AssetId, int],
    total: Callable[[AssetId, int], int],
    window: str,
    policy: Policy,
) -> str:
    if limits is None:
        return ""
    for asset, units in sorted(amounts.items()):
        if asset not in limits:
            return f"it names no amount of {asset}"
        if total(asset, units) > limits[asset]:
            sum_of, most = (spoken(asset, one, policy) for one in (total(asset, units), limits[asset]))
            return f"{sum_of} {window}, it takes {most}"
    return ""


def _too_new(tier: Tier, case: Case, policy: Policy) -> str:
    if not tier.destination_age_s_min:
        return ""
    for one in sorted(_recipients(case, policy)):
        first_s = case.history.destinations.get(one)
        if first_s is None or case.now_s - first_s < tier.destination_age_s_min:
            return f"{one} is not known for {duration(tier.destination_age_s_min)}"
    return ""
