"""A fee is a small part of what is moved: where a draft states its fee, a bound in thousandths holds.

A fee within ceiling and rate can still eat a small payment whole. What is moved is what is paid, and where
nobody is paid, what comes back.
"""

from __future__ import annotations

from keepcool.core.money import Amount
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.amounts import spoken
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "fee_share"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    network = policy.networks.get(case.intent.network)
    if network is None:
        return Denied(NAME, f"the policy lists no network {case.intent.network}")
    fee, most = case.effects.fee_max, network.fee_share_max
    if fee is None and most is None:
        return APPROVED
    if most is None:
        return Denied(NAME, f"the draft pays a fee; on {network.network} the policy bounds no share of it")
    if fee is None:
        return Denied(NAME, f"the draft states no fee; on {network.network} every draft has one")
    moved = _moved(case, fee)
    if fee.units * 1000 > most * moved:
        paid, through = spoken(fee.asset, fee.units, policy), spoken(fee.asset, moved, policy)
        return Denied(NAME, f"the fee is {paid} where {through} is moved: at most {most} thousandths may be")
    return APPROVED


def _moved(case: Case, fee: Amount) -> int:
    paid, back = (
        sum(one.amount.units for one in group if one.amount.asset == fee.asset)
        for group in (case.effects.payments, case.effects.change)
    )
    return paid or back
