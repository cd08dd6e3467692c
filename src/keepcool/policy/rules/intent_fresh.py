"""An intent has not expired, and does not outlive what the policy allows."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "intent_fresh"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    left_s, longest_s = case.intent.expires_at_s - case.now_s, policy.intent_lifetime_s_max
    if left_s <= 0:
        return Denied(NAME, f"the intent expired {-left_s} s ago: make a new one")
    if left_s > longest_s:
        return Denied(NAME, f"the intent would live {left_s} s more; at most {longest_s} s is allowed")
    return APPROVED
