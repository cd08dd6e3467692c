"""What each signer was asked and said of each rung. ASKED is written before the question leaves: a signature
that never reached us may exist all the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from keepcool.app.payouts.answers import Outcome
from keepcool.app.payouts.bitcoin.tables import rung_answer
from keepcool.app.upserts import upsert
from keepcool.chains.bitcoin.signatures import WIRE_BYTES
from keepcool.core.parties import Service
from keepcool.core.withdrawal_states import Objection


@dataclass(frozen=True, slots=True)
class Said:
    """Of one rung. `signatures`: r, s, v for each input; `objections`: the rules that did not approve;
    `until_s`: when a delay it named ends, 0 for none."""

    place: int
    signer: Service
    outcome: Outcome
    signatures: tuple[bytes, ...]
    objections: tuple[Objection, ...]
    policy: str = ""
    sequence: int | None = None
    until_s: int = 0


def asked(tx: Connection, signer: Service, questions: Sequence[tuple[str, int]], now_ms: int) -> None:
    """`questions`: batch and rung. A signature once stored stays."""
    for batch, place in questions:
        row = upsert(rung_answer).values(
            batch=batch,
            place=place,
            signer=signer.value,
            outcome=Outcome.ASKED.value,
            verdicts="[]",
            policy="",
            at_ms=now_ms,
            until_s=0,
        )
        changed = {"outcome": Outcome.ASKED.value, "at_ms": now_ms}
        unsigned = rung_answer.c.outcome != Outcome.SIGNED.value
        keys = ["batch", "place", "signer"]
        tx.execute(row.on_conflict_do_update(index_elements=keys, set_=changed, where=unsigned))


def put(tx: Connection, batch: str, one: Said, now_ms: int) -> None:
    row = {
        "outcome": one.outcome.value,
        "signatures": b"".join(one.signatures) or None,
        "verdicts": json.dumps([[by.rule, by.outcome, by.reason] for by in one.objections]),
        "policy": one.policy,
        "sequence": one.sequence,
        "at_ms": now_ms,
        "until_s": one.until_s,
    }
    fresh = upsert(rung_answer).values(batch=batch, place=one.place, signer=one.signer.value, **row)
    tx.execute(fresh.on_conflict_do_update(index_elements=["batch", "place", "signer"], set_=row))


def of(tx: Connection, batch: str) -> dict[tuple[int, Service], Said]:
    """By rung and signer."""
    found = tx.execute(select(rung_answer).where(rung_answer.c.batch == batch))
    return {(row.place, Service(row.signer)): _said(row) for row in found}


def may_be_signed(tx: Connection, batch: str) -> bool:
    """Whether any signer may hold a signature over any rung. Only a plain no after the last question proves
    that it does not."""
    return any(one.outcome in (Outcome.ASKED, Outcome.SIGNED) for one in of(tx, batch).values())


def is_whole(tx: Connection, batch: str) -> bool:
    """Whether both signatures over any rung are stored: whoever reads them can send it."""
    signed = [place for (place, _), one in of(tx, batch).items() if one.outcome is Outcome.SIGNED]
    return len(signed) > len(set(signed))


def _said(row: Row[tuple[object, ...]]) -> Said:
    signer, raw = Service(row.signer), row.signatures or b""
    return Said(
        place=row.place,
        signer=signer,
        outcome=Outcome(row.outcome),
        signatures=tuple(bytes(raw[at : at + WIRE_BYTES]) for at in range(0, len(raw), WIRE_BYTES)),
        objections=tuple(Objection(signer, *one) for one in json.loads(row.verdicts)),
        policy=row.policy,
        sequence=row.sequence,
        until_s=row.until_s,
    )
