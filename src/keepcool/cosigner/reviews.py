"""What this signer shows people: what waits and why, what it would do, and what was before.

Laws: nothing is decided and nothing remembered here; of a draft only what this signer decoded from its bytes
is shown; every answer is bounded, and what a page does not hold the next one does.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.cosigner import entries, showing
from keepcool.cosigner.cases import Read, read_items
from keepcool.cosigner.decisions import Known
from keepcool.cosigner.entries import WaitingRow
from keepcool.cosigner.evidence import NOTHING
from keepcool.cosigner.journal import Journal
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.people import People, assessed
from keepcool.cosigner.signing import CoSigner
from keepcool.cosigner.waiting import OPEN, Item
from keepcool.cosigner.witness import Witness
from keepcool.policy.case import Case
from keepcool.policy.tiering import Assessment
from keepcool.ports.signer_store import SignerStore, WaitingDraft
from keepcool.ports.system import Clock
from keepcool.wire.messages import Failure, SignItem
from keepcool.wire.reviews import (
    REVIEWS_MAX,
    GivenApproval,
    ReviewAnswer,
    ReviewRequest,
    ReviewsAnswer,
    ReviewsRequest,
    ReviewSummary,
)

PAGE_BYTES_MAX, DRAFTS_BYTES_MAX = 384 * 1024, 3584 * 1024
TEXT_MAX = 200
ASSESSED_MAX, ASSESSED_S = 20_000, 30
NO_DRAFT = Assessment(needs=("its draft, which comes when it is asked for again",))


@dataclass(frozen=True, slots=True)
class _Stamp:
    """While this is the same, so is what an intent still needs, but for the passing of time."""

    policy: str
    decided: int
    user: bool
    until_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """`reviews.v1` and `review.v1`. `cosigner` makes the cases that it would judge."""

    journal: Journal
    store: SignerStore
    registry: OwnRegistry
    people: People
    cosigner: CoSigner
    witness: Witness
    clock: Clock
    _assessed: OrderedDict[str, tuple[_Stamp, Assessment]] = field(default_factory=OrderedDict)

    async def page(self, body: ReviewsRequest) -> ReviewsAnswer:
        """`reviews.v1`. Others speak in between."""
        if not 1 <= body.limit <= REVIEWS_MAX or len(body.text) > TEXT_MAX or body.before < 0:
            raise Malformed("reviews.page", f"ask for 1 to {REVIEWS_MAX} at once")
        now_s, size = self._now_s(), 0
        found: list[ReviewSummary] = []
        wanted = self.people.waiting.newest(body.state, body.text, body.before, now_s)
        for item in list(islice(wanted, body.limit)):
            summary = self._summary(item, now_s)
            size += showing.size_of(summary)
            if found and size > PAGE_BYTES_MAX:
                break
            found.append(summary)
            if len(found) % 10 == 0:
                await asyncio.sleep(0)
        terms = self.cosigner.rulebook().terms
        return ReviewsAnswer(
            items=found,
            waiting=self.people.waiting.open_count(now_s),
            policy=self.cosigner.rulebook().policy,
            policy_version=0 if terms is None else terms.version,
            head=self.witness.stated(),
        )

    async def one(self, body: ReviewRequest) -> ReviewAnswer:
        """`review.v1`. Raises Refused for what never waited here, Conflict where no draft of it is left."""
        item, now_s = self.people.waiting.item(body.intent_hash), self._now_s()
        if item is None:
            raise Refused("review.unknown", "no intent of this hash waits or waited here")
        drafts = self.store.waiting(item.intent_hash)
        reads = [read for read in self._reads(item, drafts) if isinstance(read, Read)]
        if not reads:
            raise Conflict("review.no_draft", "no draft of it is here; it comes when it is asked for again")
        await asyncio.sleep(0)
        dearest = max(reversed(reads), key=showing.fee_units)  # the newest of these
        book = self.cosigner.rulebook()
        case = self.cosigner.case(dearest, NOTHING, book, now_s)
        await asyncio.sleep(0)
        past = showing.Shown(case, self.people, self.store, self.cosigner.drafts, book)
        terms = book.terms
        return ReviewAnswer(
            summary=self._summarized(item, now_s, self._assess(item, case, now_s)),
            record=case.record.encoded(),
            drafts=list(_held(drafts)),
            draft_hashes=[one.draft_hash for one in drafts],
            effects=showing.effects_shown(case.effects),
            effects_hash=showing.effects_name(case.effects),
            fee_units_max=str(max(map(showing.fee_units, reads))),
            policy=book.policy,
            policy_version=0 if terms is None else terms.version,
            verdicts=past.verdicts(),
            user_key=case.record.user_key,
            user_signed=bool(case.proofs.user_key),
            destinations=past.destinations(dearest),
            history=past.history(),
            windows=past.windows(),
            hints=past.hints(item.intent_hash),
            head=self.witness.stated(),
        )

    def _summary(self, item: Item, now_s: int) -> ReviewSummary:
        if self.people.waiting.state(item, now_s) != OPEN:
            return self._summarized(item, now_s, Assessment(item.tier))
        stamp = self._stamp(item)
        cached = self._assessed.get(item.intent_hash)
        if cached is not None and _same(cached[0], stamp) and cached[0].until_s > now_s:
            return self._summarized(item, now_s, cached[1])
        drafts = self.store.waiting(item.intent_hash, 1)
        read = next((one for one in self._reads(item, drafts) if isinstance(one, Read)), None)
        if read is None:
            return self._summarized(item, now_s, NO_DRAFT)
        book = self.cosigner.rulebook()
        case = self.cosigner.case(read, NOTHING, book, now_s)
        return self._summarized(item, now_s, self._assess(item, case, now_s))

    def _assess(self, item: Item, case: Case, now_s: int) -> Assessment:
        found, stamp = assessed(case, self.cosigner.rulebook()), self._stamp(item)
        until_s = min(now_s + ASSESSED_S, found.until_s or now_s + ASSESSED_S)
        self._assessed[item.intent_hash] = (_Stamp(stamp.policy, stamp.decided, stamp.user, until_s), found)
        self._assessed.move_to_end(item.intent_hash)
        if len(self._assessed) > ASSESSED_MAX:
            self._assessed.popitem(last=False)
        return found

    def _summarized(self, item: Item, now_s: int, found: Assessment) -> ReviewSummary:
        row = self._row(item)
        return ReviewSummary(
            intent_hash=item.intent_hash,
            intent=row.intent,
            owner=item.owner,
            since_s=item.since_s,
            until_s=found.until_s,
            state=self.people.waiting.state(item, now_s),
            tier=found.tier or item.tier,
            needs=[found.denied] if found.denied else list(found.needs),
            approvals=[_given(one) for one in self.people.decisions.of(item.intent_hash)],
            sequence=item.sequence,
        )

    def _row(self, item: Item) -> WaitingRow:
        row = self.store.entry(item.sequence)
        if row is None:
            raise Conflict("review.pending", "this is being written; ask again")
        return entries.decoded(entries.read(row.head, row.previous, row.body), WaitingRow)

    def _reads(self, item: Item, drafts: list[WaitingDraft]) -> list[Read | Failure]:
        try:
            intent = self._row(item).intent
        except KeepcoolError:
            return []
        return read_items([SignItem(intent=intent, draft=one.draft) for one in drafts], self.registry)

    def _stamp(self, item: Item) -> _Stamp:
        decided = len(self.people.decisions.of(item.intent_hash))
        return _Stamp(self.cosigner.rulebook().policy, decided, item.user, 0)

    def _now_s(self) -> int:
        return self.journal.now_ms(self.clock.now_ms()) // 1000


def _same(one: _Stamp, other: _Stamp) -> bool:
    return (one.policy, one.decided, one.user) == (other.policy, other.decided, other.user)


def _given(one: Known) -> GivenApproval:
    return GivenApproval(
        approver=one.approval.approver,
        decision=one.approval.decision.value,
        reason=one.approval.reason,
        at_s=one.at_s,
        expires_at_s=one.approval.expires_at_s,
        sequence=one.sequence,
    )


def _held(drafts: list[WaitingDraft]) -> Iterator[bytes]:
    """As many as an answer holds."""
    size = 0
    for one in drafts:
        size += len(one.draft)
        if size > DRAFTS_BYTES_MAX:
            return
        yield one.draft
