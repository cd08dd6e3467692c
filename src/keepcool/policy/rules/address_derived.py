"""The address is the one the record's own terms give, as a 2-of-3 of a kind the policy names."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "address_derived"
APPROVED = Approved(NAME)
THRESHOLD = 2  # of three: hot, cool, cold


def judge(case: Case, policy: Policy) -> Verdict:
    record = case.record
    network = policy.networks.get(record.network)
    if network is None:
        return Denied(NAME, f"the policy lists no network {record.network}")
    if record.family != network.family:
        return Denied(NAME, f"the record says family {record.family}; {record.network} is {network.family}")
    if not network.knows(record.profile):
        allowed = " or ".join(network.profiles)
        return Denied(NAME, f"the wallet is a {record.profile}; on {record.network} it must be {allowed}")
    if record.threshold != THRESHOLD:
        return Denied(NAME, f"the wallet needs {record.threshold} signatures; it must need {THRESHOLD}")
    if record.address != case.derived_address:
        return Denied(NAME, f"the record says {record.address}; its keys give {case.derived_address}")
    return APPROVED
