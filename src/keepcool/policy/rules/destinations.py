"""Coins go where the policy lets them: to the listed where there is a list, never to the denied.

Denied addresses are compared without regard to case, so that a careless spelling still denies; allowed ones
exactly, so that a careless spelling allows nobody.
"""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.terms import NetworkRules, Policy

NAME = "destinations"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    network = policy.networks.get(case.intent.network)
    if network is None:
        return Denied(NAME, f"the policy lists no network {case.intent.network}")
    recipients = {payment.recipient for payment in case.effects.payments}
    recipients |= {output.recipient for output in case.intent.outputs}
    objections = (
        _denied(recipients, network),
        _not_allowed(recipients, network.allow, f"on {network.network}"),
        _not_allowed_to_class(recipients, case, policy),
        _lost(recipients, case, policy),
    )
    reasons = [reason for reason in objections if reason]
    return Denied(NAME, "; ".join(reasons)) if reasons else APPROVED


def _denied(recipients: set[str], network: NetworkRules) -> str:
    if not network.deny:
        return ""
    folded = {address.casefold() for address in network.deny}
    found = sorted(recipient for recipient in recipients if recipient.casefold() in folded)
    return f"{found[0]} is denied on {network.network}" if found else ""


def _not_allowed(recipients: set[str], allow: frozenset[str] | None, where: str) -> str:
    foreign = [] if allow is None else sorted(recipients - allow)
    return f"{foreign[0]} is not among the destinations allowed {where}" if foreign else ""


def _not_allowed_to_class(recipients: set[str], case: Case, policy: Policy) -> str:
    of_class = policy.classes.get(case.record.policy_class)
    if of_class is None:  # that a class is known is `record_attested`'s to say
        return ""
    return _not_allowed(recipients, of_class.allow, f"to wallets of class {of_class.name}")


def _lost(recipients: set[str], case: Case, policy: Policy) -> str:
    if case.record.address in recipients:
        return f"{case.record.address} is the paying wallet itself"
    contracts = {asset.partition("/")[2].partition(":")[2] for asset in policy.assets}
    found = sorted(recipients & contracts)
    return f"{found[0]} is the contract of a listed token: coins sent there are lost" if found else ""
