"""Decisions brought to this signer: each verified by itself, each in the journal before the answer leaves.

Laws: a decision counts here only if an approver of the policy in force signed it, for this policy among
others, in time, and about an intent that this signer itself put to wait; the same decision again is the same
row; a rejection ends the intent, and nobody approves it any more.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from keepcool.core import approvals
from keepcool.core.approvals import Decision
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.cosigner import decisions as deciding
from keepcool.cosigner.cases import failure
from keepcool.cosigner.evidence import UNKNOWN_APPROVER, Decided
from keepcool.cosigner.journal import Asked, Batch, Journal
from keepcool.cosigner.judge import Rulebook
from keepcool.cosigner.people import Moment, People
from keepcool.cosigner.witness import Witness
from keepcool.policy.terms import Policy
from keepcool.ports.system import Clock
from keepcool.wire import proofs
from keepcool.wire.messages import Failure
from keepcool.wire.reviews import Accepted, ApprovalsAnswer, SubmitApprovals

ITEMS_MAX = approvals.DECISIONS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Approving:
    """`approvals.v1`. `due` stages what takes effect before anything is judged."""

    journal: Journal
    people: People
    rulebook: Callable[[], Rulebook]
    due: Callable[[Batch, int], None]
    witness: Witness
    clock: Clock

    async def submit(self, body: SubmitApprovals, asked: Asked) -> ApprovalsAnswer:
        """One outcome per decision, in order."""
        if not 1 <= len(body.items) <= ITEMS_MAX:
            raise Malformed("approval.batch", f"bring 1 to {ITEMS_MAX} decisions at once")
        book = self.rulebook()
        if book.terms is None:
            raise Refused(UNKNOWN_APPROVER, "the policy names no approvers")
        read = [await self._verified(one, book.terms) for one in body.items]
        with self.journal.batch(asked) as batch:
            now_s = self.journal.now_ms(self.clock.now_ms()) // 1000
            self.due(batch, now_s)
            if self.rulebook().policy != book.policy:
                raise Conflict("policy.changed", "another policy came into force meanwhile; ask again")
            moment = Moment(batch, book, now_s)
            items = [self._outcome(raw, one, moment) for raw, one in zip(body.items, read, strict=True)]
        await batch.settled()
        return ApprovalsAnswer(items=items, head=self.witness.stated())

    async def _verified(self, raw: bytes, terms: Policy) -> Decided | KeepcoolError:
        await asyncio.sleep(0)
        try:
            return self.people.verifier.decision(proofs.parse_signed_approval(raw), terms)
        except KeepcoolError as error:
            return error

    def _outcome(self, raw: bytes, read: Decided | KeepcoolError, moment: Moment) -> Accepted | Failure:
        if isinstance(read, KeepcoolError):
            self.people.deny(f"decision {hashlib.sha256(raw).hexdigest()}", moment)
            return failure(read)
        try:
            return Accepted(sequence=self._accepted(read, moment))
        except KeepcoolError as error:
            return failure(error)

    def _accepted(self, decided: Decided, moment: Moment) -> int:
        """The row of this decision. Raises Refused or Conflict when it does not count here."""
        known, said = self.people.decisions.covering(decided), decided.approval
        if known is not None:
            return known.sequence
        if self.people.waiting.item(said.intent) is None:
            raise Refused("approval.intent", "no intent of this hash waits or waited here")
        if moment.book.policy not in said.policies:
            raise Refused("approval.policy", "this was decided under another policy than is in force here")
        if said.expires_at_s <= moment.now_s:
            raise Refused("approval.expired", "this decision does not count any more: decide again")
        rejected = self.people.decisions.rejection(said.intent)
        if rejected is not None and said.decision is Decision.APPROVE:
            raise Conflict("approval.rejected", f"{rejected.approval.approver} has rejected this intent")
        if self.people.decisions.is_full(decided):
            raise Conflict("approval.many", f"{said.approver} approved this intent too often already")
        if said.decision is Decision.REJECT:
            moment.batch.ended.append(said.intent)
        return deciding.noted(moment.batch, decided, moment.book.policy, moment.now_s)
