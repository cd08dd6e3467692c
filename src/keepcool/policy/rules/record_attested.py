"""The wallet is one that every required signer attested, of a class the policy knows."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "record_attested"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    wallet, of_class = case.record.wallet, case.record.policy_class
    missing = sorted(policy.attestations - case.attested_by)
    if missing:
        return Denied(NAME, f"wallet {wallet} lacks the attestation of {' and '.join(missing)}")
    if of_class and of_class not in policy.classes:
        return Denied(NAME, f"wallet {wallet} is of class {of_class!r}; the policy knows no such class")
    return APPROVED
