"""What a signer knows of people, and what it does where they are missing: put to wait, or count a denial.

Laws: a case learns of people only what this signer verified or has in its journal; what waits is noted before
the asker hears of it; what was decided on stands in the journal before what it decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from keepcool.core.approvals import Decision
from keepcool.core.errors import Unavailable
from keepcool.core.verdict import Approved, Denied, Failed, NeedsReview, Verdict
from keepcool.cosigner import decisions as deciding
from keepcool.cosigner.alarm import DenialAlarm
from keepcool.cosigner.cases import Read, failure
from keepcool.cosigner.decisions import Decisions
from keepcool.cosigner.entries import WAITING, WaitingRow
from keepcool.cosigner.evidence import Offered, Verifier
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Batch, Memory
from keepcool.cosigner.judge import Rulebook, Withheld
from keepcool.cosigner.keyring import RequestKeys
from keepcool.cosigner.owners import Owners, whose
from keepcool.cosigner.revisions import Rekeys
from keepcool.cosigner.waiting import Waiting
from keepcool.policy.case import Case, History, Proofs
from keepcool.policy.tiering import Assessment, assess
from keepcool.ports.signer_store import WaitingDraft
from keepcool.wire.messages import Declined, Failure, VerdictItem

REVIEWS_PER_HOUR_MAX = 1000  # where the policy sets no alarm
_NO_ASSESSMENT = Assessment()
# What an honest asker meets as well: too much at once, or changed meanwhile.
_HONEST = frozenset({"conflict", "unavailable"})


@dataclass(frozen=True, slots=True)
class Moment:
    """What is staged together, by which policy, when, and the keys that came with the request."""

    batch: Batch
    book: Rulebook
    now_s: int
    keys: RequestKeys = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Memories of one journal and what goes with them. Open with `People.of`."""

    owners: Owners
    waiting: Waiting
    decisions: Decisions
    rekeys: Rekeys
    alarm: DenialAlarm
    verifier: Verifier = field(default_factory=Verifier)

    @classmethod
    def of(cls, freezes: Freezes) -> People:
        owners = Owners()
        return cls(
            owners=owners,
            waiting=Waiting(owners),
            decisions=Decisions(),
            rekeys=Rekeys(),
            alarm=DenialAlarm(freezes),
        )

    @property
    def memories(self) -> tuple[Memory, ...]:
        """For the journal; besides, `owners` and `waiting` are told of what is signed."""
        return self.waiting, self.decisions, self.rekeys

    def history(self, read: Read, history: History, joined: Sequence[int], now_s: int) -> History:
        """With what is known of the owner. `joined`: the drafts that this one excludes."""
        record = read.known.record
        hour, day = self.owners.spent(record.owner, now_s, joined)
        return replace(
            history,
            waiting_since_s=self.waiting.since_s(read.intent_hash),
            destinations=self.owners.destinations(whose(record), read.recipients),
            user_spent_hour=hour,
            user_spent_day=day,
        )

    def proofs(self, read: Read, offered: Offered, now_s: int) -> Proofs:
        """Whatever verified, now or before: a decision is told once."""
        known = self.decisions.of(read.intent_hash)
        stated = {one.approval for one in known}
        new = [one.given(now_s) for one in offered.decided if one.approval not in stated]
        user_key = offered.user_key or self._signed_before(read)
        return Proofs(user_key, (*(one.given for one in known), *new), offered.invalid)

    def withheld(
        self, case: Case, read: Read, offered: Offered, ruling: Withheld, moment: Moment
    ) -> Declined | Failure:
        """Not signed: it waits, or it is refused."""
        self.keep(offered, moment)
        if not ruling.review:
            if not case.history.frozen and case.now_s < case.intent.expires_at_s:
                self.deny(f"intent {read.intent_hash}", moment)
            return declined(ruling.verdicts, review=False)
        found = assessed(case, moment.book)
        if self.waiting.is_news(read.intent_hash, user=bool(case.proofs.user_key)):
            if self.waiting.noted_lately(moment.now_s) >= reviews_per_hour_max(moment.book):
                return failure(Unavailable("signing.reviews", "too much waits for people; ask again later"))
            moment.batch.add(_waiting_row(case, read, found.tier, moment))
        moment.batch.waiting.append(
            WaitingDraft(
                intent_hash=read.intent_hash,
                draft_hash=read.draft_hash.hex(),
                draft=read.draft,
                at_s=moment.now_s,
                until_s=read.intent.expires_at_s,
            )
        )
        return declined(ruling.verdicts, review=True, until_s=found.until_s)

    def refused(self, why: Failure, draft: str, moment: Moment) -> None:
        """An item that was not understood, or of a wallet that is not known. `draft`: its hash."""
        if why.problem.kind not in _HONEST:
            self.deny(f"draft {draft}", moment)

    def keep(self, offered: Offered, moment: Moment) -> None:
        """Stage the decisions that came with a request, each once."""
        for one in offered.decided:
            if self.decisions.covering(one) is None and not self.decisions.is_full(one):
                deciding.noted(moment.batch, one, moment.book.policy, moment.now_s)

    def ended(self, read: Read, moment: Moment) -> None:
        """What is signed waits no more."""
        if self.waiting.item(read.intent_hash) is not None:
            moment.batch.ended.append(read.intent_hash)

    def rejected(self, intent_hash: str, book: Rulebook) -> bool:
        """Whether somebody whom this policy lets decide has rejected it."""
        people = {} if book.terms is None else book.terms.approvers
        keys = {name: one.key for name, one in people.items()}
        return any(
            one.decision is Decision.REJECT and keys.get(one.approver) == one.key
            for one in self.decisions.given(intent_hash)
        )

    def _signed_before(self, read: Read) -> str:
        """The record's key, where its signature over this intent was verified before."""
        item, key = self.waiting.item(read.intent_hash), read.known.record.user_key
        return key if item is not None and item.user and item.user_key == key else ""

    def deny(self, what: str, moment: Moment) -> None:
        """Count a denial. `what` names the thing refused."""
        terms = moment.book.terms
        self.alarm.denied(what, None if terms is None else terms.alarm, moment.batch, moment.now_s)


def assessed(case: Case, book: Rulebook) -> Assessment:
    """What the tiers say, as far as there are any."""
    return _NO_ASSESSMENT if book.terms is None else assess(case, book.terms)


def reviews_per_hour_max(book: Rulebook) -> int:
    alarm = None if book.terms is None else book.terms.alarm
    return REVIEWS_PER_HOUR_MAX if alarm is None else alarm.reviews_per_hour_max


def declined(verdicts: Sequence[Verdict], *, review: bool, until_s: int = 0) -> Declined:
    return Declined(verdicts=[verdict_item(one) for one in verdicts], review=review, until_s=until_s)


def verdict_item(verdict: Verdict) -> VerdictItem:
    match verdict:
        case Approved(rule):
            return VerdictItem(rule=rule, outcome="approved")
        case Denied(rule, reason):
            return VerdictItem(rule=rule, outcome="denied", reason=reason)
        case NeedsReview(rule, reason):
            return VerdictItem(rule=rule, outcome="needs_review", reason=reason)
        case Failed(rule, error):
            return VerdictItem(rule=rule, outcome="failed", reason=error)
        case _ as never:
            assert_never(never)


def _waiting_row(case: Case, read: Read, tier: str, moment: Moment) -> WaitingRow:
    record = read.known.record
    return WaitingRow(
        at_s=moment.now_s,
        kind=WAITING,
        intent=read.intent_bytes,
        intent_hash=read.intent_hash,
        owner=record.owner,
        policy=moment.book.policy,
        recipients=sorted(read.recipients),
        tier=tier,
        user=bool(case.proofs.user_key),
        user_key=record.user_key,
        wallet=record.wallet,
    )
