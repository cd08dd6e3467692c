"""Whose approvals count for a case, and how many more people are needed.

Laws: what counts is decided here and now, under this policy and for this draft, whenever it was signed; a
person is counted once, for one group; nobody counts for what he asked for himself; a rejection never lapses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from keepcool.core.approvals import Decision, effects_hash
from keepcool.policy.amounts import spoken
from keepcool.policy.case import Case, Given
from keepcool.policy.terms import Approver, NeededApprovals, Policy
from keepcool.policy.wording import moment


def rejection(case: Case, policy: Policy) -> str:
    """Who of those that may decide has rejected this intent, and why; "" where nobody has."""
    for given in case.proofs.approvals:
        person = policy.approvers.get(given.approver)
        if given.decision is Decision.REJECT and person is not None and given.key == person.key:
            return f"rejected by {person.name}" + (f": {given.reason}" if given.reason else "")
    return ""


def counted(case: Case, policy: Policy) -> tuple[Approver, ...]:
    """The people whose approval holds for this draft, each once, by name."""
    effects = effects_hash(case.effects).hex() if case.proofs.approvals else ""
    names = {one.approver for one in case.proofs.approvals if not _objection(one, effects, case, policy)}
    return tuple(policy.approvers[name] for name in sorted(names))


def discounted(case: Case, policy: Policy) -> tuple[str, ...]:
    """Why approvals that were given do not count, a sentence for each of these people."""
    effects, people = effects_hash(case.effects).hex(), {one.name for one in counted(case, policy)}
    said: dict[str, str] = {}
    for given in case.proofs.approvals:
        if given.approver not in people:
            said[given.approver] = _objection(given, effects, case, policy)
    return tuple(f"the approval of {name} does not count: {said[name]}" for name in sorted(said))


def missing(needed: Iterable[NeededApprovals], people: Sequence[Approver]) -> tuple[NeededApprovals, ...]:
    """What these people leave open, if each stands where it helps most (a maximum matching)."""
    places = [one.group for one in needed for _ in range(one.count)]
    sits: dict[str, int] = {}
    vacant = [
        places[place] for place in range(len(places)) if not _seated(place, places, people, sits, set())
    ]
    return tuple(NeededApprovals(group, vacant.count(group)) for group in sorted(set(vacant)))


def _seated(
    place: int, places: Sequence[str], people: Sequence[Approver], sits: dict[str, int], asked: set[str]
) -> bool:
    """Seat somebody there, moving others to places they fit as well. Nobody is asked twice."""
    for person in people:
        if places[place] in person.groups and person.name not in asked:
            asked.add(person.name)
            taken = sits.get(person.name)
            if taken is None or _seated(taken, places, people, sits, asked):
                sits[person.name] = place
                return True
    return False


def _objection(given: Given, effects: str, case: Case, policy: Policy) -> str:
    """Why a decision does not approve this draft; "" where it does."""
    person = policy.approvers.get(given.approver)
    if given.decision is not Decision.APPROVE:
        return "it is no approval"
    if person is None:
        return "the policy names no such approver"
    if given.key != person.key:
        return "it was signed with another key than the policy names"
    if person.owner and person.owner == case.record.owner:
        return "nobody approves what he asked for"
    if person.key == case.record.user_key:
        return "nobody approves what he asked for: this is the key of the wallet's owner"
    return _lapsed(given, case, policy) or _of_another(given, effects, case, policy)


def _lapsed(given: Given, case: Case, policy: Policy) -> str:
    if policy.hash not in given.policies:
        return "it was given under another policy"
    if given.expires_at_s <= case.now_s:
        return f"it held until {moment(given.expires_at_s)}"
    return ""


def _of_another(given: Given, effects: str, case: Case, policy: Policy) -> str:
    if given.effects != effects:
        return "it is of a draft that does something else"
    fee = case.intent.fee_max if case.effects.fee_max is None else case.effects.fee_max
    if fee.units > given.fee_units_max:
        agreed, asked = (spoken(fee.asset, units, policy) for units in (given.fee_units_max, fee.units))
        return f"it agrees to a fee of {agreed}, this draft may pay {asked}"
    return ""
