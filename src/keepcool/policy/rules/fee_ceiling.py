"""The fee an intent allows is in the native asset and under the ceiling; the draft's own is within it."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.amounts import spoken
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "fee_ceiling"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    network = policy.networks.get(case.intent.network)
    if network is None:
        return Denied(NAME, f"the policy lists no network {case.intent.network}")
    native, allowed, drafted = network.native.asset, case.intent.fee_max, case.effects.fee_max
    if allowed.asset != native:
        return Denied(NAME, f"the intent bounds its fee in {allowed.asset}; fees are paid in {native}")
    if allowed.units > network.fee_max_units:
        ceiling = spoken(native, network.fee_max_units, policy)
        asked = spoken(native, allowed.units, policy)
        return Denied(NAME, f"the intent allows {asked} for fees; at most {ceiling} is allowed")
    if drafted is None:  # the purse pays and has a judge of its own, or `fee_rate` and `fee_asset` bound it
        return APPROVED
    if drafted.asset != native or drafted.units > allowed.units:
        fee, bound = spoken(drafted.asset, drafted.units, policy), spoken(native, allowed.units, policy)
        return Denied(NAME, f"the draft's fee may reach {fee}; the intent allows {bound}")
    return APPROVED
