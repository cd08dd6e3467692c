"""Evidence nobody here can verify is refused, not overlooked, and so is what did not verify: its sender meant
it to matter."""

from __future__ import annotations

from keepcool.core.approvals import APPROVAL_KIND, USER_KIND
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "evidence_known"
APPROVED = Approved(NAME)
SHOWN_MAX = 5


def judge(case: Case, policy: Policy) -> Verdict:
    kinds = {item.kind for item in case.evidence}
    unknown = sorted(kinds - policy.evidence_kinds)
    if unknown:
        return Denied(
            NAME, f"evidence of unknown kind: {', '.join(repr(one[:40]) for one in unknown[:SHOWN_MAX])}"
        )
    if case.proofs.invalid:
        return Denied(NAME, f"evidence that does not hold: {'; '.join(case.proofs.invalid[:SHOWN_MAX])}")
    if case.proofs.user_key and case.proofs.user_key != case.record.user_key:
        return Denied(NAME, "the owner's signature is not by the user key of this wallet's record")
    proven = {USER_KIND: bool(case.proofs.user_key), APPROVAL_KIND: bool(case.proofs.approvals)}
    claimed = sorted(kind for kind in kinds if not proven.get(kind))
    if claimed:
        return Denied(NAME, f"evidence that was not proven: {', '.join(claimed)}")
    return APPROVED
