"""A draft that pays its own fee pays at a rate within the policy's ceiling; one that pays none has no rate.

Where a fee cannot be computed from the draft alone (Minter: a vote's price table times the draft's gas price)
its rate is all that keeps a hostile App from burning a wallet on fees.
"""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "fee_rate"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    network = policy.networks.get(case.intent.network)
    if network is None:
        return Denied(NAME, f"the policy lists no network {case.intent.network}")
    rate, most = case.effects.fee_rate, network.fee_rate_max
    if rate is None and most is None:
        return APPROVED
    if most is None:
        return Denied(NAME, f"the draft pays fees at a rate of {rate}; on {network.network} drafts pay none")
    if rate is None:
        return Denied(NAME, f"the draft states no fee rate; on {network.network} every draft has one")
    if not 1 <= rate <= most:
        return Denied(NAME, f"the draft pays fees at a rate of {rate}; from 1 to {most} is allowed")
    return APPROVED
