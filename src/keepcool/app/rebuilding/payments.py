"""Recalled payments as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, select

from keepcool.app.rebuilding.journals import Remembered
from keepcool.app.rebuilding.tables import output, payment
from keepcool.app.upserts import upsert
from keepcool.core.errors import Breach, Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.intent import Intent, parse_intent


class Stage(StrEnum):
    """SEEN: not final yet. BOOKED: final, and in the books. OPEN: final, and whose some of it was is not
    clear. REPLACED: another transaction of the same intent is final."""

    SEEN = "seen"
    BOOKED = "booked"
    OPEN = "open"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Recalled:
    """`fee` once it is final. `paid_out`: the sum of its transaction's outputs, 0 where there are none."""

    number: int
    network: NetworkId
    digest: str
    transaction: str
    source: WalletId
    intent: Intent
    by: str
    signed_at_s: int
    paid_out: int
    fee: int | None
    stage: Stage


@dataclass(frozen=True, slots=True)
class PaidOutput:
    """`wallet`: out of whose balance it is booked."""

    payment: int
    place: int
    recipient: str
    asset: AssetId
    units: int
    wallet: WalletId | None
    withdrawal: str | None


@dataclass(frozen=True, slots=True)
class SeenDraft:
    """A draft on a chain: what was signed, what carried it out, and whose coins it took."""

    digest: str
    transaction: str
    source: WalletId
    paid_out: int = 0


def note(tx: Connection, network: NetworkId, seen: SeenDraft, remembered: Remembered, at_ms: int) -> Recalled:
    """Once per digest."""
    intent = remembered.intent
    row = upsert(payment).values(
        network=network,
        digest=seen.digest,
        transaction=seen.transaction,
        source=seen.source,
        intent=intent.intent,
        intent_bytes=remembered.encoded,
        remembered_by=",".join(one.value for one in remembered.by),
        signed_at_s=remembered.at_s,
        paid_out=seen.paid_out,
        stage=Stage.SEEN.value,
        at_ms=at_ms,
    )
    tx.execute(row.on_conflict_do_nothing(index_elements=["network", "digest"]))
    kept = find(tx, network, seen.digest)
    if kept is None:
        raise Breach("restore.payment", "a recalled payment was not stored")
    rows = [
        {
            "payment": kept.number,
            "place": place,
            "recipient": one.recipient,
            "asset": one.amount.asset,
            "units": one.amount.units,
        }
        for place, one in enumerate(intent.outputs)
    ]
    if rows:
        tx.execute(upsert(output).on_conflict_do_nothing(), rows)
    return kept


def find(tx: Connection, network: NetworkId, digest: str) -> Recalled | None:
    row = tx.execute(
        select(payment).where(payment.c.network == network, payment.c.digest == digest)
    ).one_or_none()
    return None if row is None else _recalled(row)


def get(tx: Connection, number: int) -> Recalled:
    """Raises Conflict `restore.no_payment`."""
    row = tx.execute(select(payment).where(payment.c.number == number)).one_or_none()
    if row is None:
        raise Conflict("restore.no_payment", f"there is no recalled payment {number}")
    return _recalled(row)


def in_stage(tx: Connection, stage: Stage, network: NetworkId | None = None) -> list[Recalled]:
    """In the order they were seen."""
    query = select(payment).where(payment.c.stage == stage.value)
    if network is not None:
        query = query.where(payment.c.network == network)
    return [_recalled(row) for row in tx.execute(query.order_by(payment.c.number))]


def outputs_of(tx: Connection, number: int) -> list[PaidOutput]:
    query = select(output).where(output.c.payment == number).order_by(output.c.place)
    return [_output(row) for row in tx.execute(query)]


def set_stage(tx: Connection, number: int, stage: Stage, fee: int) -> None:
    tx.execute(payment.update().where(payment.c.number == number).values(stage=stage.value, fee=fee))


def set_booked(
    tx: Connection, number: int, places: Sequence[int], wallet: WalletId, withdrawal: str | None = None
) -> None:
    here = (output.c.payment == number, output.c.place.in_(list(places)))
    tx.execute(output.update().where(*here).values(wallet=wallet, withdrawal=withdrawal))


def told(one: Recalled) -> str:
    """What it paid, in words."""
    return ", ".join(f"{out.amount.units} to {out.recipient}" for out in one.intent.outputs) or "nobody"


def plain(one: Recalled, outputs: Sequence[PaidOutput]) -> dict[str, object]:
    """For programs."""
    return {
        "number": one.number,
        "network": one.network,
        "transaction": one.transaction,
        "source": one.source,
        "intent": one.intent.intent,
        "stage": one.stage.value,
        "fee": None if one.fee is None else str(one.fee),
        "outputs": [
            {
                "output": out.place,
                "recipient": out.recipient,
                "asset": out.asset,
                "units": str(out.units),
                "wallet": out.wallet,
            }
            for out in outputs
        ],
    }


def _recalled(row: Row[tuple[object, ...]]) -> Recalled:
    return Recalled(
        number=row.number,
        network=NetworkId(row.network),
        digest=row.digest,
        transaction=row.transaction,
        source=WalletId(row.source),
        intent=parse_intent(bytes(row.intent_bytes)),
        by=row.remembered_by,
        signed_at_s=row.signed_at_s,
        paid_out=row.paid_out,
        fee=row.fee,
        stage=Stage(row.stage),
    )


def _output(row: Row[tuple[object, ...]]) -> PaidOutput:
    return PaidOutput(
        payment=row.payment,
        place=row.place,
        recipient=row.recipient,
        asset=AssetId(row.asset),
        units=row.units,
        wallet=None if row.wallet is None else WalletId(row.wallet),
        withdrawal=row.withdrawal,
    )
