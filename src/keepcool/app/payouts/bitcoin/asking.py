"""Both signers asked for the rungs of many batches, as many as a frame holds; what they say is proved.

Laws: that a signer was asked is stored before it is; a signature counts when its leaf key made it over the
digest computed here; a refusal of the form of a question is a no, any other failure may be asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from keepcool.app.payouts import answers, heads, windows
from keepcool.app.payouts.answers import Outcome
from keepcool.app.payouts.bitcoin import batches, ending, finishing, said
from keepcool.app.payouts.bitcoin.batches import Batch, Rung
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.said import Said
from keepcool.app.payouts.said import SIGNERS, WAITING, Item
from keepcool.core.errors import Breach, KeepcoolError, Malformed, rebuild
from keepcool.core.faults import FaultPoint
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.core.withdrawal import Froze, SignatureMade
from keepcool.core.withdrawal_states import Objection, is_open
from keepcool.wire.messages import (
    ITEMS_MAX,
    Declined,
    EvidenceItem,
    Failure,
    SignAnswer,
    SignItem,
    SignRequest,
)
from keepcool.wire.messages import Signed as SignedItem

REQUEST_BYTES_MAX = 420 * 1024  # before base64, twice


@dataclass(frozen=True, slots=True)
class Question:
    batch: Batch
    rung: Rung
    item: SignItem
    record: WalletRecord


async def ask(lane: BitcoinLane, signer: Service, fresh: Sequence[Batch]) -> str:
    """Ask one signer for what it has not signed, and store what it says. What went wrong, or ""."""
    questions = await lane.store.run(lambda tx: _questions(tx, lane, signer, fresh))
    problems = [await _asked(lane, signer, some) for some in _framed(questions)]
    return "; ".join(dict.fromkeys(problem for problem in problems if problem))


async def _asked(lane: BitcoinLane, signer: Service, some: Sequence[Question]) -> str:
    request = await lane.store.run(lambda tx: _request(tx, lane, signer, some))
    try:
        answer = await lane.exchange.ask(signer, "sign.v1", request, lane.signer_timeout_s)
        if not isinstance(answer, SignAnswer) or len(answer.items) != len(some):
            raise Malformed("signing.answer", f"{signer} did not answer what it was asked")
        await lane.store.run(lambda tx: heads.seen(tx, signer, answer.head))
    except Breach as error:
        await lane.note(error.code, signer.value, error.public)
        return error.public
    except KeepcoolError as error:
        return f"{signer}: {error.public}"
    pairs = list(zip(some, answer.items, strict=True))
    problems = [await _stored(lane, signer, one, item, answer.policy) for one, item in pairs]
    lane.faults.reach(FaultPoint.APP_PARTLY_SIGNED)
    return "; ".join(dict.fromkeys(problem for problem in problems if problem))


def _questions(tx: Connection, lane: BitcoinLane, signer: Service, fresh: Sequence[Batch]) -> list[Question]:
    found = []
    for one in fresh:
        before, evidence = said.of(tx, one.id), _evidence(tx, one)
        record = lane.attesters.wallet(tx, one.source).record
        for rung in batches.rungs(tx, one.id):
            known = before.get((rung.place, signer))
            answered = known is not None and known.outcome is Outcome.SIGNED
            declined = known is not None and known.outcome is Outcome.DENIED and rung.place > 0
            if not answered and not declined and rung.dropped is None:
                item = SignItem(intent=one.intent, draft=rung.draft, evidence=evidence)
                found.append(Question(one, rung, item, record))
    return found


def _evidence(tx: Connection, one: Batch) -> list[EvidenceItem]:
    proofs = {
        (proof.kind, proof.key): EvidenceItem(kind=proof.kind, key=proof.key, proof=proof.proof)
        for name in batches.members(tx, one.id)
        for proof in answers.evidence_of(tx, name, one.intent)
    }
    return list(proofs.values())


def _framed(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """As many together as fit into one frame."""
    current, size = list[Question](), 0
    for one in questions:
        length = (
            len(one.item.intent) + len(one.item.draft) + sum(len(each.proof) for each in one.item.evidence)
        )
        if current and (size + length > REQUEST_BYTES_MAX or len(current) == ITEMS_MAX):
            yield current
            current, size = [], 0
        current.append(one)
        size += length
    if current:
        yield current


def _request(tx: Connection, lane: BitcoinLane, signer: Service, some: Sequence[Question]) -> SignRequest:
    said.asked(tx, signer, [(one.batch.id, one.rung.place) for one in some], lane.clock.now_ms())
    head = heads.newest(tx, signer)
    return SignRequest(items=[one.item for one in some], heads=[] if head is None else [head])


async def _stored(lane: BitcoinLane, signer: Service, one: Question, item: Item, policy: str) -> str:
    """What was said of one rung, verified. What may be asked again, or ""."""
    try:
        answer = await asyncio.to_thread(_read, lane, signer, one, item)
    except Breach as error:
        await _freeze(lane, one.batch, error)
        return error.public
    except KeepcoolError as error:
        return windows.told(signer, error)
    await lane.store.run(lambda tx: _keep(tx, lane, one.batch, replace(answer, policy=policy)))
    return ""


def _read(lane: BitcoinLane, signer: Service, one: Question, item: Item) -> Said:
    place = one.rung.place
    if isinstance(item, SignedItem):
        given = tuple(item.signatures)
        finishing.verified(lane.row, one.record, one.rung.draft, signer, given)
        return Said(place, signer, Outcome.SIGNED, given, (), sequence=item.sequence)
    if isinstance(item, Declined):
        objections = tuple(
            Objection(signer, verdict.rule, verdict.outcome, verdict.reason)
            for verdict in item.verdicts
            if verdict.outcome != "approved"
        )
        outcome = Outcome.NEEDS_REVIEW if item.review else Outcome.DENIED
        return Said(place, signer, outcome, (), objections, until_s=item.until_s if item.review else 0)
    return _failed(place, signer, item)


def _failed(place: int, signer: Service, item: Failure) -> Said:
    problem = item.problem
    if problem.kind != Malformed.kind:  # it may have signed all the same
        raise rebuild(problem.kind, problem.code, problem.text)
    objection = Objection(signer, problem.code, "failed", problem.text)
    return Said(place, signer, Outcome.DENIED, (), (objection,))


def _keep(tx: Connection, lane: BitcoinLane, one: Batch, kept: Said) -> None:
    said.put(tx, one.id, kept, lane.clock.now_ms())
    other = next(signer for signer in SIGNERS if signer is not kept.signer)
    theirs = said.of(tx, one.id).get((0, other))
    second = theirs is not None and theirs.outcome is Outcome.SIGNED
    if kept.place or kept.outcome is not Outcome.SIGNED or second:
        return  # the second signature counts when the transaction it makes is stored
    for each in ending.members_of(tx, one):
        if isinstance(each.state, WAITING):
            lane.step_in(tx, each.id, SignatureMade(kept.signer))


async def _freeze(lane: BitcoinLane, one: Batch, error: Breach) -> None:
    """The world is not as proved: nothing more happens to it until a person has looked."""

    def work(tx: Connection) -> None:
        text = f"{error.code}: {error.public}"
        lane.note_in(tx, "payout.breach", one.id, text)
        for each in ending.members_of(tx, one):
            if is_open(each.state):
                lane.step_in(tx, each.id, Froze(text))

    await lane.store.run(work)
