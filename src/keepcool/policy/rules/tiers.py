"""A payment has the evidence that the first tier it falls into asks for, and has waited as long as it says.

Where the policy has no tiers, caps alone decide; a rejection by somebody it names ends a payment everywhere.
"""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, NeedsReview, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy
from keepcool.policy.tiering import assess

NAME = "tiers"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    found = assess(case, policy)
    if found.denied:
        return Denied(NAME, found.denied)
    if found.needs:
        return NeedsReview(NAME, f"tier {found.tier} needs {'; '.join(found.needs)}")
    return APPROVED
