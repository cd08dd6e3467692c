"""Every decision of an approver that this signer has verified and written into its journal, by intent.

Laws: the same statement is one row for ever; a rejection ends the intent here, and nothing decided afterwards
changes that; an approval that an earlier one of the same person covers adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.core.approvals import Approval, Decision
from keepcool.cosigner import entries
from keepcool.cosigner.entries import APPROVAL, ApprovalRow, Entry, ascii_text
from keepcool.cosigner.evidence import Decided
from keepcool.cosigner.journal import Batch
from keepcool.policy.case import Given
from keepcool.wire import proofs

PER_APPROVER_MAX = 32  # decisions of one person about one intent


@dataclass(frozen=True, slots=True)
class Known:
    """A decision, and the journal entry that holds it."""

    sequence: int
    at_s: int
    approval: Approval
    given: Given


class Decisions:
    """A `journal.Memory` of the kind `approval`."""

    def __init__(self) -> None:
        self._by_intent: dict[str, tuple[Known, ...]] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind != APPROVAL:
            return
        row = entries.decoded(entry, ApprovalRow)
        known = _known(entry.head.sequence, row)
        self._by_intent[row.intent_hash] = (*self.of(row.intent_hash), known)

    def unlearn(self, entry: Entry) -> None:
        if entry.kind != APPROVAL:
            return
        row = entries.decoded(entry, ApprovalRow)
        rest = self.of(row.intent_hash)[:-1]
        if rest:
            self._by_intent[row.intent_hash] = rest
        else:
            del self._by_intent[row.intent_hash]

    def of(self, intent_hash: str) -> tuple[Known, ...]:
        """In the order they came."""
        return self._by_intent.get(intent_hash, ())

    def given(self, intent_hash: str) -> tuple[Given, ...]:
        return tuple(one.given for one in self.of(intent_hash))

    def rejection(self, intent_hash: str) -> Known | None:
        """The first, if there is one."""
        known = self.of(intent_hash)
        return next((one for one in known if one.approval.decision is Decision.REJECT), None)

    def covering(self, decided: Decided) -> Known | None:
        """What makes this decision no news: itself, or one of the same person's that says as much."""
        known = self.of(decided.approval.intent)
        return next((one for one in known if _covers(one, decided)), None)

    def is_full(self, decided: Decided) -> bool:
        """Whether this person has approved this intent too often. A rejection is always heard."""
        if decided.approval.decision is Decision.REJECT:
            return False
        name = decided.approval.approver
        of_same = sum(one.approval.approver == name for one in self.of(decided.approval.intent))
        return of_same >= PER_APPROVER_MAX

    def __len__(self) -> int:
        """How many intents were decided about."""
        return len(self._by_intent)


def noted(batch: Batch, decided: Decided, policy: str, now_s: int) -> int:
    """Stage the row of a decision; its sequence."""
    said, asked = decided.approval, batch.asked
    row = ApprovalRow(
        at_s=now_s,
        kind=APPROVAL,
        approver=ascii_text(said.approver),
        by=asked.requester.value if asked is not None else "",
        decision=said.decision.value,
        intent_hash=said.intent,
        key=decided.key,
        policy=policy,
        signed=decided.signed,
    )
    return batch.add(row).head.sequence


def _known(sequence: int, row: ApprovalRow) -> Known:
    approval = proofs.stated(proofs.parse_signed_approval(row.signed))
    return Known(sequence, row.at_s, approval, Decided(approval, row.key, row.signed).given(row.at_s))


def _covers(known: Known, decided: Decided) -> bool:
    ours, theirs = known.approval, decided.approval
    if known.given.key != decided.key or ours.approver != theirs.approver:
        return False
    if ours == theirs:
        return True
    if ours.decision is not theirs.decision:
        return False
    if ours.decision is Decision.REJECT:
        return True
    return (
        (ours.effects, ours.policies) == (theirs.effects, theirs.policies)
        and ours.fee_units_max >= theirs.fee_units_max
        and ours.expires_at_s >= theirs.expires_at_s
    )
