"""Nothing leaves while a freeze touches the wallet."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "not_frozen"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:  # noqa: ARG001 - no policy overrules a freeze
    if case.history.frozen:
        return Denied(NAME, "frozen: " + "; ".join(case.history.frozen))
    return APPROVED
