"""Whatever no ordinary payment has is refused: delegatecalls, refunds, changes of owners, unknown calls."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "hazards"
APPROVED = Approved(NAME)
SHOWN_MAX = 5


def judge(case: Case, policy: Policy) -> Verdict:  # noqa: ARG001 - no policy permits a hazard
    found = case.effects.hazards
    if not found:
        return APPROVED
    shown = "; ".join(f"{hazard.text} [{hazard.code}]" for hazard in found[:SHOWN_MAX])
    more = f"; and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
    return Denied(NAME, f"{shown}{more}")
