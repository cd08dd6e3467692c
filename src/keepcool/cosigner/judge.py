"""The judge: all rules are asked, all answers are kept, and only unanimous approval gives an `Approval`.

Laws: the only constructor of an `Approval`; a rule that raises or answers nonsense has failed, and a
failure is closed like a denial; no rules, no approval. There is no falsy value that means yes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from keepcool.core.approval import STAMP, Approval
from keepcool.core.ids import NetworkId
from keepcool.core.verdict import Approved, Denied, Failed, NeedsReview, Verdict
from keepcool.policy import consent
from keepcool.policy.case import Case, Remembered
from keepcool.policy.terms import Policy
from keepcool.policy.tiering import needs_nobody

Rule: TypeAlias = Callable[[Case], Verdict]
_KINDS = (Approved, Denied, NeedsReview, Failed)
FROZEN, EXPIRED, REJECTED = "frozen", "expired", "rejected"


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of one policy file, by name, each bound to it. `policy` is the file's hash (hex); `harbors`:
    per network where payments may go that count in no cap; `terms` what it says of people, None: nothing is
    asked of anybody."""

    policy: str
    rules: tuple[tuple[str, Rule], ...]
    harbors: Mapping[NetworkId, str] = field(default_factory=dict)
    terms: Policy | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    approval: Approval


@dataclass(frozen=True, slots=True)
class Withheld:
    """Every rule's verdict. `review`: every objection is a need for review, so evidence can help."""

    verdicts: tuple[Verdict, ...]
    review: bool


Ruling: TypeAlias = Granted | Withheld


def judge(case: Case, book: Rulebook) -> Ruling:
    """Never raises: what goes wrong inside a rule is a `Failed` verdict."""
    said = verdicts(case, book)
    objections = [verdict for verdict in said if type(verdict) is not Approved]
    if said and not objections and case.effects.digests:
        return Granted(_approval(case, book.policy))
    review = bool(objections) and all(type(verdict) is NeedsReview for verdict in objections)
    return Withheld(said or (Failed("rulebook", "there are no rules to ask"),), review)


def verdicts(case: Case, book: Rulebook) -> tuple[Verdict, ...]:
    """Of every rule, in order."""
    return tuple([_asked(name, rule, case) for name, rule in book.rules])


def affirm(case: Case, remembered: Remembered, book: Rulebook) -> Ruling:
    """The same request again: it was approved when it was remembered, and a signature may be out already.

    It is not judged anew (its own row fills the caps) but a freeze, a rejection and the intent's end hold
    back this signature too: it may never have left. What asks nobody, nobody rejects."""
    if remembered.intent_hash != case.intent.hash() or remembered.digests != case.effects.digests:
        return Withheld((Failed("remembered", "this is not the request that is remembered"),), review=False)
    if case.history.frozen:
        return Withheld(tuple(Denied(FROZEN, sentence) for sentence in case.history.frozen), review=False)
    if case.intent.expires_at_s <= case.now_s:
        return Withheld((Denied(EXPIRED, "the intent has expired: make a new one"),), review=False)
    free = book.terms is None or needs_nobody(case, book.terms)
    rejected = "" if free or book.terms is None else consent.rejection(case, book.terms)
    if rejected:
        return Withheld((Denied(REJECTED, rejected),), review=False)
    return Granted(_approval(case, book.policy))


def _approval(case: Case, policy: str) -> Approval:
    effects = case.effects
    return Approval(case.intent.intent, case.record.wallet, effects.digests, policy, STAMP, effects.leaves)


def _asked(name: str, rule: Rule, case: Case) -> Verdict:
    try:
        verdict = rule(case)
    except Exception as error:  # noqa: BLE001 - whatever broke, the answer is no
        return Failed(name, f"the rule broke ({type(error).__name__})")
    if type(verdict) is Approved and verdict.rule == name:
        return verdict
    if type(verdict) not in _KINDS or verdict.rule != name:
        return Failed(name, "the rule answered no verdict of its own")
    return verdict
