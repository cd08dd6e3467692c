"""Drafted → Signed: both signers are asked in parallel, all rungs of many batches in one question.

Laws: that a signer was asked is stored before it is; the final transactions are stored before a withdrawal
counts as signed; a rung that a signer declines is left out, as long as the cheapest is signed; what is
refused as a whole because of one is split until the one is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from keepcool.app.deposits import events
from keepcool.app.payouts import answers, heads, windows
from keepcool.app.payouts.answers import Outcome
from keepcool.app.payouts.bitcoin import batches, ending, finishing, said
from keepcool.app.payouts.bitcoin.batches import Batch, Rung, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.said import Said
from keepcool.app.payouts.lane import wait_after
from keepcool.app.payouts.said import SIGNERS, WAITING, Item
from keepcool.chains.bitcoin.combining import Final
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

AT_ONCE_MAX = 50
REQUEST_BYTES_MAX = 420 * 1024  # before base64, twice
_REVIEW_EVERY_MS = 15_000
_PATIENCE_TRIES = 3  # before a rung above the cheapest is left out


@dataclass(frozen=True, slots=True)
class Question:
    batch: Batch
    rung: Rung
    item: SignItem
    record: WalletRecord


async def sign_all(lane: BitcoinLane) -> bool:
    """Ask for what is missing. True when any batch moved on."""
    fresh, moved = await lane.store.run(lambda tx: _sifted(tx, lane))
    if not fresh:
        return moved
    lane.faults.reach(FaultPoint.APP_DRAFTED)
    problems = await asyncio.gather(*(_ask(lane, signer, fresh) for signer in SIGNERS))
    told = "; ".join(problem for problem in problems if problem)
    after = [await _concluded(lane, one.id, told) for one in fresh]
    if any(one.stage is Stage.SIGNED for one in after):
        lane.faults.reach(FaultPoint.APP_SIGNED)
    return moved or any(one.stage is not Stage.DRAFTED for one in after)


def _sifted(tx: Connection, lane: BitcoinLane) -> tuple[list[Batch], bool]:
    """Those to ask for now, and whether any has ended: an expired intent is signed by nobody, what is frozen
    waits."""
    now_ms, fresh, ended = lane.clock.now_ms(), list[Batch](), False
    for one in batches.in_stages(tx, lane.network, [Stage.DRAFTED], limit=AT_ONCE_MAX, due_ms=now_ms):
        members = ending.members_of(tx, one)
        frozen = events.frozen(tx, lane.network, one.source)
        if ending.is_left(members, one.purpose):
            ending.end(tx, lane, one, "nobody waits for it any more")
            ended = True
        elif now_ms // 1000 >= one.expires_at_s:
            ending.expire(tx, lane, one)
            ended = True
        elif frozen is not None or ending.is_held_up(members):
            _wait(tx, lane, one, "it is frozen" if frozen is None else f"the wallet is frozen: {frozen.text}")
        else:
            fresh.append(one)
    return fresh, ended


async def _ask(lane: BitcoinLane, signer: Service, fresh: Sequence[Batch]) -> str:
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
        for proof in answers.evidence_of(tx, name)
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
    kept = Said(
        one.rung.place, signer, answer.outcome, answer.signatures, answer.objections, policy, answer.sequence
    )
    await lane.store.run(lambda tx: _keep(tx, lane, one.batch, kept))
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
        return Said(place, signer, Outcome.NEEDS_REVIEW if item.review else Outcome.DENIED, (), objections)
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


async def _concluded(lane: BitcoinLane, name: str, problems: str) -> Batch:
    """What follows when both have been asked."""
    one, rungs, told = await lane.store.run(lambda tx: _stands(tx, name))
    if one.stage is not Stage.DRAFTED:
        return one
    whole = _whole(one, rungs, told)
    if whole is not None:
        record = await lane.store.run(lambda tx: lane.attesters.wallet(tx, one.source).record)
        finals = {rung.place: await asyncio.to_thread(_combined, lane, record, rung, told) for rung in whole}
        return await lane.store.run(partial(_signed, lane=lane, one=one, finals=finals))
    return await lane.store.run(lambda tx: _undecided(tx, lane, one, told, problems))


def _stands(tx: Connection, name: str) -> tuple[Batch, list[Rung], dict[tuple[int, Service], Said]]:
    return batches.get(tx, name), batches.rungs(tx, name), said.of(tx, name)


def _whole(one: Batch, rungs: Sequence[Rung], told: Mapping[tuple[int, Service], Said]) -> list[Rung] | None:
    """The rungs both have signed, once there is nothing to wait for; the cheapest is among them."""
    signed = []
    for rung in rungs:
        outcomes = [_outcome(told, rung.place, signer) for signer in SIGNERS]
        if all(outcome is Outcome.SIGNED for outcome in outcomes):
            signed.append(rung)
        elif rung.place == 0 or (Outcome.ASKED in outcomes and one.tries < _PATIENCE_TRIES):
            return None
    return signed


def _outcome(told: Mapping[tuple[int, Service], Said], place: int, signer: Service) -> Outcome:
    known = told.get((place, signer))
    return Outcome.ASKED if known is None else known.outcome


def _combined(
    lane: BitcoinLane, record: WalletRecord, rung: Rung, told: Mapping[tuple[int, Service], Said]
) -> Final:
    given = {signer: told[rung.place, signer].signatures for signer in SIGNERS}
    return finishing.combined(lane.row, record, rung.draft, given)


def _signed(tx: Connection, lane: BitcoinLane, one: Batch, finals: Mapping[int, Final]) -> Batch:
    members = ending.members_of(tx, one)
    if batches.get(tx, one.id).stage is not Stage.DRAFTED or ending.is_left(members, one.purpose):
        return one  # cancelled meanwhile: the next round ends it
    for rung in batches.rungs(tx, one.id):
        if rung.place in finals:
            final = finals[rung.place]
            batches.change_rung(tx, one.id, rung.place, raw=final.raw, txid=final.txid)
        else:
            batches.change_rung(tx, one.id, rung.place, dropped="it was not signed by both")
    for each in members:
        if isinstance(each.state, WAITING):
            for signer in SIGNERS:
                if isinstance(each.state, WAITING):
                    each = lane.step_in(tx, each.id, SignatureMade(signer))  # noqa: PLW2901
    return batches.change(tx, one.id, lane.clock.now_ms(), stage=Stage.SIGNED.value)


def _undecided(
    tx: Connection,
    lane: BitcoinLane,
    one: Batch,
    told: Mapping[tuple[int, Service], Said],
    problems: str,
) -> Batch:
    outcomes = [_outcome(told, 0, signer) for signer in SIGNERS]
    refused = set(outcomes) & {Outcome.DENIED, Outcome.NEEDS_REVIEW}
    if Outcome.ASKED not in outcomes and refused:
        objections = [each for signer in SIGNERS for each in told[0, signer].objections]
        if not _is_known(tx, one, objections):
            ending.objected(tx, lane, one, objections)
    after = batches.get(tx, one.id)
    if after.stage is Stage.DRAFTED:
        review = ending.waits_for_review(ending.members_of(tx, one))
        text = problems or "a signer wants more evidence" if review else problems or "not signed yet"
        _wait(tx, lane, one, text, wait_ms=_REVIEW_EVERY_MS if review else None)
    return batches.get(tx, one.id)


def _is_known(tx: Connection, one: Batch, objections: Sequence[Objection]) -> bool:
    """It waits for review of exactly these already."""
    members = ending.members_of(tx, one)
    return ending.waits_for_review(members) and all(
        getattr(each.state, "objections", None) == tuple(objections) for each in members
    )


def _wait(tx: Connection, lane: BitcoinLane, one: Batch, problem: str, *, wait_ms: int | None = None) -> None:
    wait = wait_after(one.tries) if wait_ms is None else wait_ms
    batches.postpone(tx, one.id, now_ms=lane.clock.now_ms(), wait_ms=wait, problem=problem)
