"""A draft pays its fee in an asset the policy lists for that, or, where it lists none, pays none.

A fee leaves the wallet beside the caps, and in a coin of little trade it may cost the whole balance.
"""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "fee_asset"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    network = policy.networks.get(case.intent.network)
    if network is None:
        return Denied(NAME, f"the policy lists no network {case.intent.network}")
    asset, listed = case.effects.fee_asset, network.fee_assets
    if asset is None and not listed:
        return APPROVED
    if asset is None:
        return Denied(NAME, f"the draft does not say what it pays its fee in; on {network.network} it must")
    if asset not in listed:
        allowed = " or ".join(sorted(listed)) or "nothing: drafts there pay none"
        return Denied(NAME, f"the draft pays its fee in {asset}; allowed is {allowed}")
    return APPROVED
