"""A decision at the desk: statements built from what both signers see, signed elsewhere, carried to both.

Laws: nothing is approved that the signers and the bytes do not agree about, and nobody's own request by him;
the signers enforce both again. What comes back signed must be of the one signed in, and verify, before it is
carried on; a session alone decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from keepcool.core import approvals, merkle
from keepcool.core.approvals import DECISIONS_MAX, TEXT_MAX, Decision
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.desk.item import Item, Items
from keepcool.desk.people import Holder
from keepcool.desk.recount import Recount
from keepcool.desk.signers import SIGNERS, Both, Signers
from keepcool.ports.system import Clock
from keepcool.wire import proofs
from keepcool.wire.messages import Failure
from keepcool.wire.proofs import Proof, SignedApproval
from keepcool.wire.reviews import Accepted, ApprovalsAnswer, ReviewAnswer
from keepcool.wire.webauthn import Site

LIVES_S_MIN, LIVES_S_DEFAULT = 60, 86_400
_AT_ONCE = 8  # questions to the signers about the items of one decision


@dataclass(frozen=True, slots=True)
class Wish:
    """What an approver wants said of these intents. `lives_s`: how long it shall count."""

    decision: Decision
    intents: tuple[str, ...]
    reason: str
    lives_s: int = LIVES_S_DEFAULT


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one decision at one signer. `error` is "" and `sequence` a journal row when taken."""

    intent: str
    service: Service
    sequence: int
    code: str
    error: str


class Deciding:
    """`site`: where the desk's passkeys are touched."""

    def __init__(self, items: Items, signers: Signers, clock: Clock, site: Site, lives_s_max: int) -> None:
        self._items, self._signers, self._clock = items, signers, clock
        self._site, self._lives_s_max = site, lives_s_max

    async def statements(self, holder: Holder, wish: Wish) -> list[bytes]:
        """Canonical bytes of each decision, in order. Raises Refused or Conflict on the first that this
        person cannot make."""
        _check_wish(holder, wish, self._lives_s_max)
        gate = asyncio.Semaphore(_AT_ONCE)
        items = await asyncio.gather(*(self._item(one, gate) for one in wish.intents))
        now_s = self._clock.now_ms() // 1000
        return [_statement(item, holder, wish, now_s) for item in items]

    async def _item(self, intent_hash: str, gate: asyncio.Semaphore) -> Item:
        async with gate:
            return await self._items.item(intent_hash)

    async def submit(self, holder: Holder, statements: Sequence[bytes], proof: Proof) -> list[Outcome]:
        """Both signers' answers. Raises Refused or Malformed before anything is carried to anybody."""
        signed = packed(statements, proof)
        key = holder.person_key()
        said = [proofs.verify_approval(key, one, self._site) for one in signed]
        if not holder.approver or any(one.approver != holder.approver for one in said):
            raise Refused("approval.approver", "a decision is signed in the name of the one signed in")
        answers = await self._signers.submit_approvals([proofs.encode(one) for one in signed])
        return [
            outcome
            for place, one in enumerate(said)
            for outcome in _outcomes(one.intent, place, len(said), answers)
        ]


class Objection(StrEnum):
    """Why somebody may not approve something, in words for programs; pages have their own."""

    NOT_APPROVER = "only an approver of the policy decides about payments"
    FOUR_EYES = "nobody approves what he asked for"
    DIFFERENT = "the signers and the bytes do not agree about what this does"
    ENDED = "it does not wait any more"


def why_not_approved(item: Item, holder: Holder) -> Objection | None:
    """None when this person may approve this."""
    if not holder.approver:
        return Objection.NOT_APPROVER
    if holder.owner and holder.owner == item.cooler.summary.owner:
        return Objection.FOUR_EYES
    if item.differences or isinstance(item.found, KeepcoolError):
        return Objection.DIFFERENT
    return None if item.waiting else Objection.ENDED


def packed(statements: Sequence[bytes], proof: Proof) -> list[SignedApproval]:
    """One signature over the list, beside each of its decisions."""
    if not 1 <= len(statements) <= DECISIONS_MAX:
        raise Malformed("approval.count", f"from 1 to {DECISIONS_MAX} decisions are signed at once")
    ways = merkle.paths(statements)
    return [
        SignedApproval(statement=one, proof=proof, place=place, count=len(statements), way=list(ways[place]))
        for place, one in enumerate(statements)
    ]


def _check_wish(holder: Holder, wish: Wish, lives_s_max: int) -> None:
    if not holder.approver:
        raise Refused("approval.approver", "only an approver of the policy decides about payments")
    if not 1 <= len(wish.intents) <= DECISIONS_MAX or len(set(wish.intents)) != len(wish.intents):
        raise Malformed("approval.count", f"from 1 to {DECISIONS_MAX} different items are decided at once")
    if not wish.reason.strip() or len(wish.reason) > TEXT_MAX or not wish.reason.isprintable():
        raise Malformed(
            "approval.reason", f"a decision has a reason: one line, at most {TEXT_MAX} characters"
        )
    if not LIVES_S_MIN <= wish.lives_s <= lives_s_max:
        raise Malformed("approval.expiry", f"a decision counts from {LIVES_S_MIN} to {lives_s_max} seconds")


def _statement(item: Item, holder: Holder, wish: Wish, now_s: int) -> bytes:
    if wish.decision is Decision.APPROVE:
        objection = why_not_approved(item, holder)
        if objection:
            raise Refused("approval.closed", f"{item.hash[:16]}: {objection.value}")
    elif not item.waiting:
        raise Conflict("approval.ended", f"{item.hash[:16]} does not wait any more")
    return statement_of(item, holder.approver, wish, now_s).encoded()


def statement_of(item: Item, approver: str, wish: Wish, now_s: int) -> approvals.Approval:
    """What is signed of this item. An approval names effects and fee as counted from the bytes; a rejection
    names them as Cooler does, so that what differs can be ended too."""
    found, said = item.found, item.cooler
    effects, fee = said.effects_hash, int(said.fee_units_max)
    expires = now_s + wish.lives_s
    if isinstance(found, Recount):
        expires = min(expires, max(found.intent.expires_at_s, now_s + LIVES_S_MIN))
    if isinstance(found, Recount) and wish.decision is Decision.APPROVE:
        effects = found.effects
        if found.stated == len(found.drafts):  # else the rest of the ladder is known by its hashes alone
            fee = found.fee.units
    return approvals.Approval(
        decision=wish.decision,
        intent=item.hash,
        effects=effects,
        fee_units_max=fee,
        policies=item.policies,
        approver=approver,
        reason=wish.reason.strip(),
        expires_at_s=expires,
    )


def _outcomes(intent: str, place: int, count: int, answers: Both[ApprovalsAnswer]) -> list[Outcome]:
    return [_outcome(intent, place, count, service, answers.of(service)) for service in SIGNERS]


def _outcome(
    intent: str, place: int, count: int, service: Service, answer: ApprovalsAnswer | KeepcoolError
) -> Outcome:
    if isinstance(answer, KeepcoolError):
        return Outcome(intent, service, 0, answer.code, answer.public)
    if len(answer.items) != count:
        return Outcome(intent, service, 0, "desk.answer", "it answered about another number of decisions")
    match answer.items[place]:
        case Accepted(sequence=sequence):
            return Outcome(intent, service, sequence, "", "")
        case Failure(problem=problem):
            return Outcome(intent, service, 0, problem.code, problem.text)


def state_at(answer: ReviewAnswer | KeepcoolError) -> str:
    """How one signer stands to an item, in a word."""
    return answer.summary.state if isinstance(answer, ReviewAnswer) else "silent"
