"""What each signer was asked and answered, per withdrawal. ASKED is written before the question leaves:
a signature that never reached us may exist all the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.sqlite import insert as upsert

from keepcool.app.payouts.tables import evidence, signer_answer
from keepcool.core.intent import Evidence
from keepcool.core.parties import Service
from keepcool.core.withdrawal_states import Objection


class Outcome(StrEnum):
    ASKED = "asked"
    SIGNED = "signed"
    DENIED = "denied"
    NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True)
class Answer:
    """`objections`: the rules that did not approve."""

    signer: Service
    outcome: Outcome
    signature: bytes | None
    objections: tuple[Objection, ...]
    policy: str
    sequence: int | None
    at_ms: int


def asked(tx: Connection, signer: Service, withdrawals: Sequence[str], now_ms: int) -> None:
    """A signature once stored stays."""
    for one in withdrawals:
        row = upsert(signer_answer).values(
            withdrawal=one,
            signer=signer.value,
            outcome=Outcome.ASKED.value,
            verdicts="[]",
            policy="",
            at_ms=now_ms,
        )
        # a signer that said no may say yes when asked again: until it answers, it may have signed
        changed = {"outcome": Outcome.ASKED.value, "at_ms": now_ms}
        unsigned = signer_answer.c.outcome != Outcome.SIGNED.value
        tx.execute(
            row.on_conflict_do_update(index_elements=["withdrawal", "signer"], set_=changed, where=unsigned)
        )


def put(tx: Connection, withdrawal: str, answer: Answer) -> None:
    verdicts = [[one.rule, one.outcome, one.reason] for one in answer.objections]
    row = {
        "outcome": answer.outcome.value,
        "signature": answer.signature,
        "verdicts": json.dumps(verdicts),
        "policy": answer.policy,
        "sequence": answer.sequence,
        "at_ms": answer.at_ms,
    }
    fresh = upsert(signer_answer).values(withdrawal=withdrawal, signer=answer.signer.value, **row)
    tx.execute(fresh.on_conflict_do_update(index_elements=["withdrawal", "signer"], set_=row))


def of(tx: Connection, withdrawal: str) -> dict[Service, Answer]:
    rows = tx.execute(select(signer_answer).where(signer_answer.c.withdrawal == withdrawal))
    return {Service(row.signer): _answer(row) for row in rows}


def may_be_signed(tx: Connection, withdrawal: str) -> bool:
    """Whether any signer may hold a signature over this draft. Only a plain no after the last question
    proves that it does not."""
    return any(one.outcome in (Outcome.ASKED, Outcome.SIGNED) for one in of(tx, withdrawal).values())


def add_evidence(tx: Connection, withdrawal: str, one: Evidence, now_ms: int) -> None:
    row = upsert(evidence).values(
        withdrawal=withdrawal, kind=one.kind, key=one.key, proof=one.proof, at_ms=now_ms
    )
    tx.execute(
        row.on_conflict_do_update(
            index_elements=["withdrawal", "kind", "key"], set_={"proof": one.proof, "at_ms": now_ms}
        )
    )


def evidence_of(tx: Connection, withdrawal: str) -> list[Evidence]:
    query = select(evidence).where(evidence.c.withdrawal == withdrawal)
    rows = tx.execute(query.order_by(evidence.c.kind, evidence.c.key))
    return [Evidence(row.kind, row.key, bytes(row.proof)) for row in rows]


def _answer(row: Row[tuple[object, ...]]) -> Answer:
    signer = Service(row.signer)
    return Answer(
        signer=signer,
        outcome=Outcome(row.outcome),
        signature=None if row.signature is None else bytes(row.signature),
        objections=tuple(Objection(signer, *one) for one in json.loads(row.verdicts)),
        policy=row.policy,
        sequence=row.sequence,
        at_ms=row.at_ms,
    )
