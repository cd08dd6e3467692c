"""What each signer was asked and answered, per withdrawal. ASKED is written before the question leaves:
a signature that never reached us may exist all the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, select

from keepcool.app.payouts.tables import evidence, signer_answer
from keepcool.app.upserts import upsert
from keepcool.core.intent import Evidence, intent_hash
from keepcool.core.parties import Service
from keepcool.core.withdrawal_states import Objection


class Outcome(StrEnum):
    ASKED = "asked"
    SIGNED = "signed"
    DENIED = "denied"
    NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True)
class Answer:
    """`objections`: the rules that did not approve. `until_s`: when a delay it named ends, 0 for none."""

    signer: Service
    outcome: Outcome
    signature: bytes | None
    objections: tuple[Objection, ...]
    policy: str
    sequence: int | None
    at_ms: int
    until_s: int = 0


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
            until_s=0,
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
        "until_s": answer.until_s,
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


def add_evidence(tx: Connection, withdrawal: str, intent: bytes, one: Evidence, now_ms: int) -> None:
    """`intent`: the canonical bytes it was given for."""
    row = upsert(evidence).values(
        withdrawal=withdrawal,
        intent=intent_hash(intent).hex(),
        kind=one.kind,
        key=one.key,
        proof=one.proof,
        at_ms=now_ms,
    )
    keys = ["withdrawal", "intent", "kind", "key"]
    tx.execute(row.on_conflict_do_update(index_elements=keys, set_={"proof": one.proof, "at_ms": now_ms}))


def evidence_of(
    tx: Connection, withdrawal: str, intent: bytes, *, since_ms: int | None = None
) -> list[Evidence]:
    """What was given for exactly this intent; with `since_ms` only what came then or later."""
    where = (evidence.c.withdrawal == withdrawal, evidence.c.intent == intent_hash(intent).hex())
    query = select(evidence).where(*where).order_by(evidence.c.kind, evidence.c.key)
    if since_ms is not None:
        query = query.where(evidence.c.at_ms >= since_ms)
    return [Evidence(row.kind, row.key, bytes(row.proof)) for row in tx.execute(query)]


def signed_before(tx: Connection, withdrawal: str, intent: bytes) -> bool:
    """Whether people signed another intent of this withdrawal: what they signed then counts no more."""
    where = (evidence.c.withdrawal == withdrawal, evidence.c.intent != intent_hash(intent).hex())
    return tx.execute(select(evidence.c.key).where(*where).limit(1)).first() is not None


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
        until_s=row.until_s,
    )
