"""Nothing leaves while a freeze touches the wallet, but to the harbor where a freeze leaves that way open."""

from __future__ import annotations

from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case
from keepcool.policy.spending import solely_to_harbor
from keepcool.policy.terms import Policy

NAME = "not_frozen"
APPROVED = Approved(NAME)


def judge(case: Case, policy: Policy) -> Verdict:
    if case.history.harbor_only:
        return _harbor_only(case, policy)
    if case.history.frozen:
        return Denied(NAME, "frozen: " + "; ".join(case.history.frozen))
    return APPROVED


def _harbor_only(case: Case, policy: Policy) -> Verdict:
    harbor = policy.harbor_of(case.effects.network)
    if solely_to_harbor(case, harbor):
        return APPROVED
    why = f": {'; '.join(case.history.frozen)}" if case.history.frozen else ""
    where = "the policy names none here" if harbor is None else f"here that is {harbor}"
    return Denied(NAME, f"nothing but payments to the harbor is signed now ({where}){why}")
