"""Batches as rows: an intent, the coins it spends, the withdrawals it pays, and one rung for each fee.

Laws: one open batch for a withdrawal; a batch's coins are leased to it until it has ended and nobody can sign
for them any more; what is stored of a rung is never written over, only added to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from keepcool.app.coins.tables import spending
from keepcool.app.payouts.bitcoin.tables import batch, member, rung, spent
from keepcool.app.payouts.store import PROBLEM_CHARS_MAX, WAIT_MS_MAX
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.withdrawal_states import Inclusion


class Purpose(StrEnum):
    """PAY: pays withdrawals. BURN: spends the coins of a batch that was given up. LIFT: spends the change of
    one that is stuck. GATHER: makes many small coins into few. All but PAY pay nobody and return change."""

    PAY = "pay"
    BURN = "burn"
    LIFT = "lift"
    GATHER = "gather"


class Stage(StrEnum):
    """DRAFTED: stored, not signed by both. SIGNED: final transactions are stored, none was handed out. SENT:
    one may be anywhere. CONFIRMED: one is final. ENDED: it can never confirm, or has no signatures that could
    make it."""

    DRAFTED = "drafted"
    SIGNED = "signed"
    SENT = "sent"
    CONFIRMED = "confirmed"
    ENDED = "ended"


OPEN = (Stage.DRAFTED, Stage.SIGNED, Stage.SENT)


@dataclass(frozen=True, slots=True)
class Spent:
    """A coin of a batch; `txid` as people write it."""

    txid: str
    vout: int
    amount_sat: int


@dataclass(frozen=True, slots=True)
class Rung:
    """`place` 0 is the cheapest. `body`: the id of its transaction without signatures; `raw` with them."""

    place: int
    draft: bytes
    fee_sat: int
    vsize: int
    body: str
    txid: str | None = None
    raw: bytes | None = None
    dropped: str | None = None
    sent_at_ms: int | None = None

    @property
    def fee_rate(self) -> int:
        """Per 1000 virtual bytes, rounded up."""
        return -(-self.fee_sat * 1000 // self.vsize)


@dataclass(frozen=True, slots=True)
class NewBatch:
    id: str
    network: NetworkId
    source: WalletId
    purpose: Purpose
    intent: bytes
    fee_max: int
    expires_at_s: int
    coins: tuple[Spent, ...]
    rungs: tuple[Rung, ...]
    members: tuple[tuple[str, int], ...] = ()  # withdrawals, and how many parts of the fee are theirs
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """`seen`: the block it is in now. `sent_rung`: the highest that was handed out, since `sent_at_ms`.
    `undone`: how often what it had booked as final was taken back; `outdone_by`: what has spent its coins."""

    number: int
    id: str
    network: NetworkId
    source: WalletId
    purpose: Purpose
    stage: Stage
    intent: bytes
    fee_max: int
    parent: str | None
    sent_rung: int | None
    seen: Inclusion | None
    undone: int
    outdone_by: str | None
    tainted: bool
    expires_at_s: int
    tries: int
    try_after_ms: int
    problem: str | None
    created_at_ms: int
    sent_at_ms: int | None
    updated_at_ms: int

    @property
    def seen_as(self) -> str | None:
        """The transaction that a block has."""
        return None if self.seen is None else self.seen.transaction


def insert(tx: Connection, new: NewBatch, now_ms: int) -> Batch:
    """The rows of a fresh draft."""
    tx.execute(
        batch.insert().values(
            id=new.id,
            network=new.network,
            source=new.source,
            purpose=new.purpose.value,
            stage=Stage.DRAFTED.value,
            intent=new.intent,
            fee_max=new.fee_max,
            parent=new.parent,
            undone=0,
            tainted=False,
            expires_at_s=new.expires_at_s,
            tries=0,
            try_after_ms=0,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
    )
    for name, parts in new.members:
        tx.execute(member.insert().values(batch=new.id, withdrawal=name, fee_part=parts))
    for coin in new.coins:
        row = {"txid": coin.txid, "vout": coin.vout, "amount_sat": coin.amount_sat}
        tx.execute(spent.insert().values(batch=new.id, network=new.network, **row))
    for one in new.rungs:
        row = {"draft": one.draft, "fee_sat": one.fee_sat, "vsize": one.vsize, "body": one.body}
        tx.execute(rung.insert().values(batch=new.id, place=one.place, **row))
    return get(tx, new.id)


def get(tx: Connection, name: str) -> Batch:
    """Raises Conflict `batch.not_found`."""
    row = tx.execute(select(batch).where(batch.c.id == name)).one_or_none()
    if row is None:
        raise Conflict("batch.not_found", f"there is no batch {name[:64]}")
    return _read(row)


def in_stages(
    tx: Connection, network: NetworkId, stages: Sequence[Stage], *, limit: int, due_ms: int | None = None
) -> list[Batch]:
    """Oldest first; with `due_ms` only those whose wait is over."""
    names = [one.value for one in stages]
    query = select(batch).where(batch.c.network == network, batch.c.stage.in_(names))
    if due_ms is not None:
        query = query.where(~_waits(due_ms))
    return rows(tx, query.order_by(batch.c.number).limit(limit))


def rows(tx: Connection, query: Select[tuple[object, ...]]) -> list[Batch]:
    return [_read(row) for row in tx.execute(query)]


def of_withdrawal(tx: Connection, withdrawal: str) -> list[Batch]:
    """All it was ever in, oldest first."""
    query = select(batch).join(member, member.c.batch == batch.c.id)
    return rows(tx, query.where(member.c.withdrawal == withdrawal).order_by(batch.c.number))


def confirmed(tx: Connection, withdrawals: Sequence[str]) -> dict[str, str]:
    """Those of them that a final transaction has paid, and which: whatever was drafted since."""
    query = (
        select(member.c.withdrawal, batch.c.transaction)
        .join(batch, batch.c.id == member.c.batch)
        .where(batch.c.stage == Stage.CONFIRMED.value, batch.c.purpose == Purpose.PAY.value)
        .where(member.c.withdrawal.in_(list(withdrawals)))
    )
    return {one: transaction or "" for one, transaction in tx.execute(query)}


def seen_paying(tx: Connection, withdrawals: Sequence[str], but: str = "") -> dict[str, str]:
    """Those of them that a transaction in a block or in the pool pays, and which; the batch `but` aside."""
    query = (
        select(member.c.withdrawal, spending.c.txid)
        .join(batch, batch.c.id == member.c.batch)
        .join(spending, spending.c.holder == batch.c.id)
        .where(spending.c.gone.is_(False), batch.c.purpose == Purpose.PAY.value, batch.c.id != but)
        .where(member.c.withdrawal.in_(list(withdrawals)))
    )
    return {row.withdrawal: row.txid for row in tx.execute(query)}


def is_newest(tx: Connection, one: Batch, withdrawal: str) -> bool:
    """The withdrawal was not drafted anew since."""
    return of_withdrawal(tx, withdrawal)[-1].id == one.id


def children(tx: Connection, parent: str, purpose: Purpose) -> list[Batch]:
    where = (batch.c.parent == parent, batch.c.purpose == purpose.value)
    return rows(tx, select(batch).where(*where).order_by(batch.c.number))


def members(tx: Connection, name: str) -> dict[str, int]:
    """Withdrawals and their parts of the fee, in one order for ever."""
    query = select(member).where(member.c.batch == name).order_by(member.c.withdrawal)
    return {row.withdrawal: row.fee_part for row in tx.execute(query)}


def coins(tx: Connection, name: str) -> list[Spent]:
    query = select(spent).where(spent.c.batch == name).order_by(spent.c.txid, spent.c.vout)
    return [Spent(row.txid, row.vout, row.amount_sat) for row in tx.execute(query)]


def rungs(tx: Connection, name: str) -> list[Rung]:
    """Cheapest first."""
    query = select(rung).where(rung.c.batch == name).order_by(rung.c.place)
    return [_rung(row) for row in tx.execute(query)]


def change(tx: Connection, name: str, now_ms: int, **columns: object) -> Batch:
    """What is told of it becomes another. A step forward ends its wait."""
    if "stage" in columns:
        columns = {"tries": 0, "try_after_ms": 0, "problem": None, **columns}
    tx.execute(batch.update().where(batch.c.id == name).values(updated_at_ms=now_ms, **columns))
    return get(tx, name)


def change_rung(tx: Connection, name: str, place: int, **columns: object) -> None:
    where = (rung.c.batch == name, rung.c.place == place)
    tx.execute(rung.update().where(*where).values(**columns))


def postpone(tx: Connection, name: str, *, now_ms: int, wait_ms: int, problem: str) -> None:
    """Try again later."""
    row = get(tx, name)
    wait = {"tries": row.tries + 1, "try_after_ms": now_ms + min(wait_ms, WAIT_MS_MAX)}
    tx.execute(batch.update().where(batch.c.id == name).values(problem=problem[:PROBLEM_CHARS_MAX], **wait))


def at_once(tx: Connection, name: str) -> None:
    tx.execute(batch.update().where(batch.c.id == name).values(try_after_ms=0))


def _waits(now_ms: int) -> ColumnElement[bool]:
    return batch.c.try_after_ms.between(now_ms + 1, now_ms + WAIT_MS_MAX)


def _rung(row: Row[tuple[object, ...]]) -> Rung:
    return Rung(
        place=row.place,
        draft=bytes(row.draft),
        fee_sat=row.fee_sat,
        vsize=row.vsize,
        body=row.body,
        txid=row.txid,
        raw=None if row.raw is None else bytes(row.raw),
        dropped=row.dropped,
        sent_at_ms=row.sent_at_ms,
    )


def _read(row: Row[tuple[object, ...]]) -> Batch:
    seen = None if row.transaction is None else Inclusion(row.transaction, row.height, row.block_hash)
    return Batch(
        number=row.number,
        id=row.id,
        network=NetworkId(row.network),
        source=WalletId(row.source),
        purpose=Purpose(row.purpose),
        stage=Stage(row.stage),
        intent=bytes(row.intent),
        fee_max=row.fee_max,
        parent=row.parent,
        sent_rung=row.sent_rung,
        seen=seen,
        undone=row.undone,
        outdone_by=row.outdone_by,
        tainted=row.tainted,
        expires_at_s=row.expires_at_s,
        tries=row.tries,
        try_after_ms=row.try_after_ms,
        problem=row.problem,
        created_at_ms=row.created_at_ms,
        sent_at_ms=row.sent_at_ms,
        updated_at_ms=row.updated_at_ms,
    )
