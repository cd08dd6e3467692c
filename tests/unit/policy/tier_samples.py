"""A payment that tiers are asked about, people who approve it, and ways to bend both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keepcool.core.approvals import Decision, effects_hash
from keepcool.policy.case import Case, Given, Proofs
from keepcool.policy.rules import tiers
from keepcool.policy.terms import Approver, NeededApprovals, Policy, Tier
from keepcool.policy.tiering import Assessment, assess
from tests.unit.policy.samples import FEE_CEILING, NOW_S, PAYMENT, POLICY

KEYS = {name: f"ed25519:{number:064x}" for number, name in enumerate(("alice", "bob", "carol", "dave"), 1)}
GROUPS = {"alice": {"a"}, "bob": {"a", "b"}, "carol": {"b"}, "dave": {"a"}}
APPROVERS = {
    name: Approver(name, KEYS[name], groups=frozenset(GROUPS[name]), owner="u-4" if name == "dave" else "")
    for name in KEYS
}
USER_KEY = f"ed25519:{'ee' * 32}"


def policy(*rows: Tier, **changes: Any) -> Policy:
    return replace(POLICY, tiers=rows, approvers=APPROVERS, **changes)


def needing(*needs: tuple[str, int], **changes: Any) -> Tier:
    return Tier("t", approvals=tuple(NeededApprovals(*one) for one in needs), **changes)


def given(name: str, case: Case = PAYMENT, **changes: Any) -> Given:
    """An approval that fits the case; bent by `changes`."""
    fitting = Given(
        approver=name,
        key=KEYS[name],
        decision=Decision.APPROVE,
        effects=effects_hash(case.effects).hex(),
        fee_units_max=FEE_CEILING,
        policies=(POLICY.hash, "cd" * 32),
        expires_at_s=NOW_S + 1,
        at_s=NOW_S - 1,
    )
    return replace(fitting, **changes)


def approved_by(*names: str, case: Case = PAYMENT) -> Case:
    return with_given(*(given(name, case) for name in names), case=case)


def with_given(*rows: Given, case: Case = PAYMENT) -> Case:
    return replace(case, proofs=replace(case.proofs, approvals=rows))


def owned(case: Case = PAYMENT, signed_by: str = "") -> Case:
    """The same out of a wallet with a user key."""
    return replace(case, record=replace(case.record, user_key=USER_KEY), proofs=Proofs(user_key=signed_by))


def asked(case: Case, *rows: Tier, **changes: Any) -> Assessment:
    return assess(case, policy(*rows, **changes))


def told(case: Case, *rows: Tier, **changes: Any) -> str:
    """The rule's verdict, as its kind and reason; "yes" for an approval."""
    verdict = tiers.judge(case, policy(*rows, **changes))
    reason = getattr(verdict, "reason", "")
    return f"{type(verdict).__name__}: {reason}" if reason else "yes"
