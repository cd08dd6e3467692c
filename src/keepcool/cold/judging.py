"""How a paper's rules are asked: by the judge, as everywhere; every objection is told.

Law: a rule is a sentence that says what is wrong, empty when nothing is; none may break.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from keepcool.core.approval import Approval
from keepcool.core.errors import Refused
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.cosigner.judge import Granted, Rule, Rulebook, judge
from keepcool.policy.case import Case, History

NO_HISTORY = History((), (), {}, {}, {}, ())
Objection: TypeAlias = Callable[[Case], str]


def asked(objections: Sequence[Objection]) -> tuple[tuple[str, Rule], ...]:
    """As a rulebook takes them."""
    return tuple((one.__name__, _rule(one)) for one in objections)


def granted(case: Case, harbor: str, rules: Sequence[tuple[str, Rule]]) -> Approval:
    """Raises Refused with every objection."""
    ruling = judge(case, Rulebook(f"harbor {harbor}", tuple(rules)))
    if isinstance(ruling, Granted):
        return ruling.approval
    objections = [one.reason for one in ruling.verdicts if isinstance(one, Denied)]
    raise Refused("cold.refused", "not signed: " + ("; ".join(objections) or "a rule broke"))


def _rule(objection: Objection) -> Rule:
    def rule(case: Case) -> Verdict:
        text = objection(case)
        return Denied(objection.__name__, text) if text else Approved(objection.__name__)

    return rule
