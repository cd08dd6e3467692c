"""Drafted → Signed: both signers are asked in parallel, many withdrawals in one question.

Laws: that a signer was asked is stored before it is; a signature counts when it recovers to the owner's key
in the attested record; a refusal is final when both have answered, a need for review waits for evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.payouts import answers, carried, heads, reviews, store
from keepcool.app.payouts.answers import Outcome
from keepcool.app.payouts.lane import Lane, wait_after
from keepcool.app.payouts.said import SIGNERS, WAITING, caught_up, stored
from keepcool.app.payouts.store import Withdrawal
from keepcool.core.errors import Breach, KeepcoolError, Malformed, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.parties import Service
from keepcool.core.withdrawal import Abandoned, Objected, Undrafted
from keepcool.core.withdrawal_states import Drafted, Failed, NeedsReview, PartlySigned, Signed
from keepcool.wire import messages
from keepcool.wire.messages import ITEMS_MAX, SignAnswer, SignItem, SignRequest

REVIEWS_MAX = 2_000  # looked through at once
MayAsk: TypeAlias = Callable[[Connection, Withdrawal], bool]


def always(_: Connection, __: Withdrawal) -> bool:
    return True


async def sign_all(lane: Lane, may_ask: MayAsk = always) -> bool:
    """Ask for what is missing. True when any withdrawal moved on. `may_ask`: whether the draft of one that
    waits for people can be signed as it is."""
    began_ms = lane.clock.now_ms()
    fresh, expired = await lane.store.run(lambda tx: _sifted(tx, lane, may_ask))
    if not fresh:
        return expired
    lane.faults.reach(FaultPoint.APP_DRAFTED)
    problems = await asyncio.gather(*(_ask(lane, signer, fresh) for signer in SIGNERS))
    told = "; ".join(problem for problem in problems if problem)
    after = await lane.store.run(lambda tx: _concluded(tx, lane, fresh, told, began_ms))
    if any(isinstance(one.state, Signed) for one in after):
        lane.faults.reach(FaultPoint.APP_SIGNED)
    return expired or any(not isinstance(one.state, WAITING) for one in after)


def _sifted(tx: Connection, lane: Lane, may_ask: MayAsk) -> tuple[list[Withdrawal], bool]:
    """Those to ask for now, and whether any has expired: an expired intent is signed by nobody, a frozen
    wallet waits."""
    now_ms, fresh, expired = lane.clock.now_ms(), [], False
    for one in _due(tx, lane, now_ms, may_ask):
        stopped, held = stops.of(tx, one), stops.of_operators(tx, one)
        is_late = now_ms // 1000 >= (one.expires_at_s or 0)
        if is_late and held is not None and not answers.may_be_signed(tx, one.id):
            lane.step_in(tx, one.id, Undrafted())  # nobody signs it: it is drafted anew once it may go on
        elif is_late and held is None:
            ended = Failed("payout.expired", reviews.expired(one.state, one.problem))
            lane.step_in(tx, one.id, Abandoned(ended, "expired"))
            expired = True
        elif stopped is not None:
            _wait(tx, lane, one, stopped)
        else:
            fresh.append(one)
    return fresh, expired


def _due(tx: Connection, lane: Lane, now_ms: int, may_ask: MayAsk) -> list[Withdrawal]:
    """What waits for people comes behind what waits for nobody else."""
    found = store.in_states(tx, lane.network, (Drafted, PartlySigned), limit=ITEMS_MAX, due_ms=now_ms)
    waiting = store.in_states(tx, lane.network, (NeedsReview,), limit=REVIEWS_MAX, due_ms=now_ms)
    for one in waiting:
        if len(found) >= ITEMS_MAX:
            break
        if now_ms // 1000 >= (one.expires_at_s or 0) or may_ask(tx, one):
            found.append(one)
    return found


async def _ask(lane: Lane, signer: Service, rows: Sequence[Withdrawal]) -> str:
    """Ask one signer for what it has not signed, and store what it says. What went wrong, or ""."""
    request, asked = await lane.store.run(lambda tx: _request(tx, lane, signer, rows))
    if not asked:
        return ""
    try:
        said = await lane.exchange.ask(signer, "sign.v1", request, lane.signer_timeout_s)
        if not isinstance(said, SignAnswer) or len(said.items) != len(asked):
            raise Malformed("signing.answer", f"{signer} did not answer what it was asked")
        await lane.store.run(lambda tx: heads.seen(tx, signer, said.head))
    except Breach as error:
        await lane.note(error.code, signer.value, error.public)
        return error.public
    except KeepcoolError as error:
        return f"{signer}: {error.public}"
    pairs = list(zip(asked, said.items, strict=True))
    failed = await lane.store.run(lambda tx: stored(tx, lane, signer, pairs, said.policy))
    for one, failure in failed:
        if isinstance(failure, Breach):
            await lane.freeze(one, failure)
        else:
            await lane.postpone(one, f"{signer}: {failure.public}")
    lane.faults.reach(FaultPoint.APP_PARTLY_SIGNED)
    return ""


def _request(
    tx: Connection, lane: Lane, signer: Service, rows: Sequence[Withdrawal]
) -> tuple[SignRequest, list[Withdrawal]]:
    asked, items = [], []
    for one in rows:
        before = answers.of(tx, one.id).get(signer)
        if before is not None and before.outcome is Outcome.SIGNED:
            continue
        if one.intent is None or one.draft is None:
            raise Breach("withdrawal.row", f"withdrawal {one.id} is drafted and has no draft")
        asked.append(one)
        items.append(SignItem(intent=one.intent, draft=one.draft, evidence=_evidence(tx, one)))
    answers.asked(tx, signer, [one.id for one in asked], lane.clock.now_ms())
    head = heads.newest(tx, signer)
    return SignRequest(items=items, heads=[] if head is None else [head]), asked


def _evidence(tx: Connection, one: Withdrawal) -> list[messages.EvidenceItem]:
    names = [one.id, *(each.id for each in carried.members(tx, one.id))]
    return [
        messages.EvidenceItem(kind=proof.kind, key=proof.key, proof=proof.proof)
        for name in names
        for proof in answers.evidence_of(tx, name, one.intent or b"")
    ]


def _concluded(
    tx: Connection, lane: Lane, asked: Sequence[Withdrawal], problems: str, began_ms: int
) -> list[Withdrawal]:
    """What follows when both have been asked, since `began_ms`."""
    step = partial(lane.step_in, tx)
    after = [_objected(tx, lane, caught_up(tx, store.get(tx, one.id), step)) for one in asked]
    others = reviews.waiting(tx, lane.network)
    for one in after:
        if isinstance(one.state, NeedsReview) and store.is_due(one, lane.clock.now_ms()):
            _review(tx, lane, one, problems, others=others, began_ms=began_ms)
        elif isinstance(one.state, WAITING) and problems:
            _wait(tx, lane, one, problems)
    return after


def _review(
    tx: Connection, lane: Lane, one: Withdrawal, problems: str, *, others: int, began_ms: int
) -> None:
    """It waits for people; what they have signed while the signers were asked is shown to them at once."""
    if answers.evidence_of(tx, one.id, one.intent or b"", since_ms=began_ms):
        return
    now_ms, untils = lane.clock.now_ms(), [said.until_s for said in answers.of(tx, one.id).values()]
    wait = reviews.wait_ms(tries=one.tries, others=others, now_ms=now_ms, until_s=untils)
    _wait(tx, lane, one, problems, wait_ms=wait)


def _objected(tx: Connection, lane: Lane, one: Withdrawal) -> Withdrawal:
    """A step only when every signer has answered, and something new."""
    said = answers.of(tx, one.id)
    outcomes = {signer: said[signer].outcome if signer in said else Outcome.ASKED for signer in SIGNERS}
    if not isinstance(one.state, WAITING) or Outcome.ASKED in outcomes.values():
        return one
    objections = tuple(objection for signer in SIGNERS for objection in said[signer].objections)
    review = Outcome.DENIED not in outcomes.values()
    if isinstance(one.state, NeedsReview) and review and one.state.objections == objections:
        return one
    return lane.step_in(tx, one.id, Objected(objections, review))


def _wait(tx: Connection, lane: Lane, one: Withdrawal, problem: str, *, wait_ms: int | None = None) -> None:
    wait = wait_after(one.tries) if wait_ms is None else wait_ms
    store.postpone(tx, one.id, now_ms=lane.clock.now_ms(), wait_ms=wait, problem=problem)


async def learn_head(lane: Lane, signer: Service, head: messages.Head) -> None:
    """From any other answer of a signer."""
    try:
        await lane.store.run(lambda tx: heads.seen(tx, signer, head))
    except Breach as error:
        await lane.note(error.code, signer.value, error.public)
        raise Unavailable("signer.forked", f"{signer} is not trusted now: {error.public}") from error
