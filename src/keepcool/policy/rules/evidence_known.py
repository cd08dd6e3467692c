"""Evidence of a kind nobody here verifies is refused, not overlooked: its sender meant it to matter."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "evidence_known"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    unknown = sorted({item.kind for item in case.evidence} - policy.evidence_kinds)
    if unknown:
        return Denied(NAME, f"evidence of unknown kind: {', '.join(repr(kind[:40]) for kind in unknown[:5])}")
    return APPROVED
