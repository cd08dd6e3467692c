"""No transaction pays more of an asset than its cap, and no wallet more than its class allows.

What goes to the harbor that the policy itself names is not counted.
"""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy import rescuing
from keepcool.policy.amounts import spoken
from keepcool.policy.case import Case
from keepcool.policy.spending import paid, unlisted
from keepcool.policy.terms import Policy

NAME = "cap_transaction"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    rescued = rescuing.token_of(case, policy)
    of_class = policy.classes.get(case.record.policy_class)
    for asset, units in sorted(paid(case.effects, policy.harbor_of(case.effects.network)).items()):
        rules = policy.assets.get(asset)
        if rules is None and asset == rescued:
            continue
        if rules is None:
            return Denied(NAME, unlisted(asset))
        cap = rules.cap_transaction_units
        if of_class is not None:
            cap = min(cap, of_class.cap_transaction_units.get(asset, cap))
        if units > cap:
            pays, most = spoken(asset, units, policy), spoken(asset, cap, policy)
            return Denied(NAME, f"pays {pays} at once; the cap is {most} per transaction")
    return APPROVED
