"""Every rule, in the order in which verdicts are shown. All are evaluated; one that is not here does not
exist, so a test compares this list with the folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from keepcool.core.verdict import Verdict
from keepcool.policy.case import Case
from keepcool.policy.rules import (
    address_derived,
    cap_day,
    cap_hour,
    cap_transaction,
    data_bytes,
    destinations,
    effects_equal_intent,
    evidence_known,
    fee_asset,
    fee_ceiling,
    fee_rate,
    fee_share,
    hazards,
    intent_fresh,
    never_twice,
    not_frozen,
    record_attested,
    record_proven,
    selectors,
    tiers,
)
from keepcool.policy.terms import Policy


class Rule(Protocol):
    """A module of this folder."""

    NAME: str

    def judge(self, case: Case, policy: Policy) -> Verdict:
        """Pure. Approves only what it has looked at to the end."""


ALL: tuple[Rule, ...] = (
    intent_fresh,
    record_attested,
    record_proven,
    address_derived,
    effects_equal_intent,
    hazards,
    selectors,
    data_bytes,
    fee_ceiling,
    fee_rate,
    fee_share,
    fee_asset,
    cap_transaction,
    cap_hour,
    cap_day,
    destinations,
    never_twice,
    not_frozen,
    evidence_known,
    tiers,
)


def bound(policy: Policy) -> tuple[tuple[str, Callable[[Case], Verdict]], ...]:
    """Every rule by name, each bound to this policy: what a co-signer's judge asks."""
    return tuple((rule.NAME, partial(rule.judge, policy=policy)) for rule in ALL)
