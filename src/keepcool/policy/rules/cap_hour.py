"""What all wallets together pay within a sliding hour stays under the asset's cap."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Verdict
from keepcool.policy.case import Case
from keepcool.policy.spending import Window, judge_window
from keepcool.policy.terms import Policy

NAME = "cap_hour"
WINDOW = Window(
    rule=NAME,
    name="an hour",
    spent=lambda history: history.spent_hour,
    cap=lambda rules: rules.cap_hour_units,
    approved=Approved(NAME),
)


def judge(case: Case, policy: Policy) -> Verdict:
    return judge_window(WINDOW, case, policy)
