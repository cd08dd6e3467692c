"""A draft carries no more data beside its payments than the policy allows: unless it says so, none.

Data is paid for by the byte from the wallet, is public for ever, and may mean something to somebody else.
"""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "data_bytes"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    network = policy.networks.get(case.intent.network)
    if network is None:
        return Denied(NAME, f"the policy lists no network {case.intent.network}")
    carried, most = case.effects.data_bytes, network.data_bytes_max
    if not 0 <= carried <= most:
        return Denied(NAME, f"the draft carries {carried} bytes beside its payments; at most {most} may be")
    return APPROVED
