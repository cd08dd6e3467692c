"""However often an intent is asked for, at most one payment of it can confirm.

Laws: an intent id stands for one intent; each draft of an intent shares a slot with every earlier one, so
they exclude each other on the chain; slots are used in order where they have one, or used again by what
conflicts; a payment never takes a slot another intent holds, because the ledger would ascribe it wrongly; a
void may.
"""

from __future__ import annotations

from keepcool.core.effects import Slot
from keepcool.core.intent import Purpose
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "never_twice"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:  # noqa: ARG001 - no policy permits paying twice
    if not case.effects.slots:
        return Denied(NAME, "the draft uses up nothing, so it could be executed again and again")
    if len(set(case.effects.slots)) != len(case.effects.slots):
        return Denied(NAME, f"the draft names a position twice: {_places(case.effects.slots)}")
    return _one_intent(case) or _free_slots(case) or _in_order(case) or APPROVED


def _one_intent(case: Case) -> Denied | None:
    name, slots = case.intent.intent, set(case.effects.slots)
    for earlier in case.history.same_intent:
        if earlier.intent_hash != case.intent.hash():
            return Denied(NAME, f"intent {name} was signed before with other contents; use a new intent id")
        if slots.isdisjoint(earlier.slots):
            return Denied(
                NAME,
                f"intent {name} was signed before at {_places(earlier.slots)}; this draft at "
                f"{_places(case.effects.slots)} does not conflict with it, so both could be paid",
            )
    return None


def _free_slots(case: Case) -> Denied | None:
    if case.intent.purpose is Purpose.VOID:
        return None
    for earlier in case.history.same_slots:
        if earlier.intent != case.intent.intent:
            return Denied(
                NAME,
                f"{_places(case.effects.slots)} is held by intent {earlier.intent}: pay at the next free "
                "place, after a void if that one is abandoned",
            )
    return None


def _in_order(case: Case) -> Denied | None:
    if not case.effects.ordered:
        return None
    signed = {slot for earlier in case.history.same_slots for slot in earlier.slots}
    for slot in case.effects.slots:
        lowest = case.history.lowest_unsigned.get(slot.space)
        if slot not in signed and slot.position != lowest:
            expected = "not known to this signer" if lowest is None else str(lowest)
            return Denied(NAME, f"the next position of {slot.space} is {expected}, not {slot.position}")
    return None


def _places(slots: tuple[Slot, ...]) -> str:
    return ", ".join(f"{slot.space} position {slot.position}" for slot in slots)
