"""Coins leave and reach only wallets whose owners were read from the chain, where addresses do not tell.

A reserved address may never become a wallet, or one with other owners: what is sent there may be lost, and
what it seems to hold may be somebody else's.
"""

from __future__ import annotations

from typing import assert_never

from keepcool.core.registry import Standing
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import Policy

NAME = "record_proven"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:  # noqa: ARG001 - no policy permits what nobody has read
    match case.record.standing:
        case Standing.PROVEN:
            return _paid(case)
        case Standing.RESERVED:
            wallet = case.record.wallet
            return Denied(NAME, f"the owners of wallet {wallet} were not read from the chain yet")
        case _ as never:
            assert_never(never)


def _paid(case: Case) -> Verdict:
    recipients = {payment.recipient for payment in case.effects.payments}
    recipients |= {output.recipient for output in case.intent.outputs}
    found = sorted(recipients & case.reserved)
    if found:
        return Denied(
            NAME, f"{found[0]} is reserved for a wallet whose owners were not read from the chain yet"
        )
    return APPROVED
