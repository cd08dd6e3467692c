"""A withdrawal that does not move: what its state means, what was sent for it, and what to do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import Connection

from keepcool.app.http.fields import Out, Time, UnitsOut
from keepcool.app.http.money import PayoutPath
from keepcool.app.http.parts import Admin, Given, Reader
from keepcool.app.http.payouts_shown import WithdrawalOut, shown
from keepcool.app.payouts import advice, notes, urging
from keepcool.app.payouts.purses import Attempt

router = APIRouter(prefix="/v1/withdrawals", tags=["money"])


class AttemptOut(Out):
    """A transaction of the purse for it (EVM). `stage`: stored | signed | sent | seen | final | superseded |
    declined."""

    nonce: int
    purpose: str
    stage: str
    transaction: str | None
    fee_max: UnitsOut
    block_number: int | None
    sent_at_ms: Time | None
    problem: str | None


class NoteOut(Out):
    kind: str
    text: str
    at_ms: Time


class AdviceOut(Out):
    withdrawal: WithdrawalOut
    meaning: str
    commands: Annotated[list[str], Field(description="In the order to try.")]
    attempts: list[AttemptOut]
    notes: Annotated[list[NoteOut], Field(description="What operators were told of it, newest first.")]


@router.get("/{withdrawal}/advice", summary="Why it does not move, and what to do")
async def get_advice(given: Given, _: Reader, withdrawal: PayoutPath) -> AdviceOut:
    def work(tx: Connection) -> AdviceOut:
        one = given.payouts.get(tx, withdrawal)
        told = advice.of(one)
        return AdviceOut(
            withdrawal=shown(tx, one),
            meaning=told.meaning,
            commands=list(told.commands),
            attempts=[_attempt(each) for each in urging.attempts_of(tx, one)],
            notes=[
                NoteOut(kind=note.kind, text=note.text, at_ms=note.at_ms)
                for note in notes.about(tx, [one.id, *([one.batch] if one.batch else [])])
            ],
        )

    return await given.store.read(work)


@router.post("/{withdrawal}/bump", summary="Raise its fee now")
async def bump(given: Given, _: Admin, withdrawal: PayoutPath) -> WithdrawalOut:
    """As App does by itself when its time has come, within what was signed and allowed."""
    now_ms, networks = given.clock.now_ms(), given.settings.networks
    one = await given.store.run(lambda tx: shown(tx, urging.raise_now(tx, networks, withdrawal, now_ms)))
    given.engine.wake()
    return one


def _attempt(one: Attempt) -> AttemptOut:
    return AttemptOut(
        nonce=one.nonce,
        purpose=one.purpose.value,
        stage=one.stage.value,
        transaction=one.hash,
        fee_max=str(one.fee_max),
        block_number=one.block,
        sent_at_ms=one.sent_at_ms,
        problem=one.problem,
    )
