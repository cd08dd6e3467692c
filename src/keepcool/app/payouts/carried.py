"""Batches whose one transaction carries out several withdrawals, step by step together.

Laws: a batch is a row like any other and holds no money; whatever befalls it befalls all it carries, in the
same database transaction; one that ends unpaid lets them go back to where they were, to be drafted anew, and
not before nothing can pay them any more; one that carries a single withdrawal ends it as itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sqlalchemy import Connection, delete, select

from keepcool.app.payouts import said, store
from keepcool.app.payouts.bitcoin.tables import part
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId
from keepcool.core.withdrawal import (
    LEGAL,
    Abandoned,
    DraftMade,
    Event,
    Finalized,
    Froze,
    Objected,
    Overtaken,
    Seen,
    SlotUsed,
    Thawed,
    Undrafted,
)
from keepcool.core.withdrawal_states import (
    Cancelled,
    Confirmed,
    Drafted,
    Ending,
    Failed,
    Frozen,
    NeedsReview,
    PartlySigned,
    Refused,
    Requested,
    State,
    Uncertain,
    is_open,
    name_of,
    signed_by,
)

Step: TypeAlias = Callable[..., Withdrawal]  # (withdrawal, event, **columns), in the caller's transaction
GIVEN_UP, REVERTS = "payout.given_up", "payout.reverts"
_WAITING = (Drafted, PartlySigned, NeedsReview)
_NOWHERE: dict[str, object] = dict.fromkeys(("batch", "transaction", "digest", "intent", "draft"))
_ROWS_MAX = 500
_batch = withdrawal.alias()
_DONE = select(_batch.c.id).where(_batch.c.id == withdrawal.c.batch, _batch.c.open.is_(False))
# what is open, of batches that have ended
_LEFT = select(withdrawal).where(withdrawal.c.open.is_(True), withdrawal.c.batch.is_not(None), _DONE.exists())


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a batch is drafted as: canonical intent and draft, and the withdrawals in the order of payment."""

    carries: tuple[str, ...]
    made: DraftMade
    intent: bytes
    draft: bytes
    expires_at_s: int
    block: int


def members(tx: Connection, batch: str) -> list[Withdrawal]:
    """What it carries, in the order of its payments."""
    return store.rows(tx, select(withdrawal).where(withdrawal.c.batch == batch).order_by(withdrawal.c.number))


def is_shared(tx: Connection, batch: str) -> bool:
    return len(members(tx, batch)) > 1


def begin(tx: Connection, take: Step, new: NewWithdrawal, fixed: Fixed, now_ms: int) -> Withdrawal:
    """The row of a batch, drafted, and with it all it carries. Raises Conflict when one of these has moved on
    or is carried already."""
    rows = [store.get(tx, one) for one in fixed.carries]
    if any(not isinstance(one.state, Requested) or one.batch is not None for one in rows):
        raise Conflict("withdrawal.moved", "a withdrawal of this batch has moved on: draft again")
    store.insert(tx, new, now_ms)
    made = fixed.made
    common: dict[str, object] = {"digest": made.draft.digest, "expires_at_s": fixed.expires_at_s}
    whole: dict[str, object] = {"intent": fixed.intent, "draft": fixed.draft}
    place = {"slot": made.draft.slot.position, "drafted_at_block": fixed.block}
    after = take(new.id, made, **common, **whole, **place)
    set_part(tx, fixed.carries, None)
    alone = whole if len(rows) == 1 else {}  # what its owner signs, where he must
    for one in rows:
        take(one.id, made, **common, **alone, batch=new.id)
    return after


def redraft(
    tx: Connection, take: Step, one: Withdrawal, made: DraftMade, *, draft: bytes, block: int
) -> Withdrawal:
    """The same intent at another place: of what waits for people, a batch of one or a withdrawal by itself,
    and is signed by nobody. Raises Conflict when it is."""
    digest, drafted = made.draft.digest, {"drafted_at_block": block, "slot": made.draft.slot.position}
    for each in members(tx, one.id):
        take(each.id, made, digest=digest, draft=draft)
    return take(one.id, made, digest=digest, draft=draft, tries=one.tries, **drafted)


def step(
    tx: Connection, take: Step, batch: Withdrawal, event: Event, now_ms: int, **columns: object
) -> Withdrawal:
    """One step of a batch and of all it carries. What one of several spoils is refused as a whole, and its
    withdrawals are drafted again in two parts."""
    carried = members(tx, batch.id)
    if isinstance(event, Undrafted):
        event = given_up("it was not signed in time")
    if isinstance(event, Objected) and len(carried) > 1:
        event = replace(event, review=False)
    after = take(batch.id, event, **columns)
    if after.state == batch.state:
        return after
    if isinstance(after.state, Confirmed) or is_open(after.state):
        _followed(tx, take, after, event, now_ms)
    else:
        _ended(tx, take, carried, after, event)
    return after


def given_up(why: str) -> Abandoned:
    """Nobody wants what it carries to end."""
    return Abandoned(Failed(GIVEN_UP, why), why)


def settle_left(tx: Connection, take: Step, network: NetworkId) -> int:
    """What was held up while its batch became final, and goes on now. How many these were."""
    rows = store.rows(tx, _LEFT.where(withdrawal.c.network == network).limit(_ROWS_MAX))
    settled = [one for one in rows if _settled(tx, take, one)]
    return len(settled)


def _settled(tx: Connection, take: Step, one: Withdrawal) -> bool:
    ended = store.get(tx, one.batch or "").state
    if isinstance(one.state, Frozen) or not is_open(one.state) or not isinstance(ended, Confirmed):
        return False
    take(one.id, Seen(ended.inclusion), transaction=ended.inclusion.transaction)
    take(one.id, Finalized())
    return True


def is_concerned(one: Withdrawal) -> bool:
    """It is a batch, or in one."""
    return one.batch is not None or one.kind is Kind.BATCH


def cancel(tx: Connection, one: Withdrawal, now_ms: int) -> Withdrawal:
    """Of one that a batch carries. Raises Conflict `withdrawal.too_late` when it carries others as well."""
    batch = store.get(tx, one.batch or one.id)
    if isinstance(batch.state, Uncertain) and isinstance(batch.state.then, Cancelled):
        return one
    if is_shared(tx, batch.id):
        text = f"withdrawal {one.id} is being signed together with others: too late to cancel"
        raise Conflict("withdrawal.too_late", text, state=name_of(one.state))
    take = _plainly(tx, now_ms)
    batch = said.let_go(tx, batch, lambda name, event: step(tx, take, store.get(tx, name), event, now_ms))
    step(tx, take, batch, Abandoned(Cancelled(), "cancelled"), now_ms)
    return store.get(tx, one.id)


def freeze(tx: Connection, one: Withdrawal, reason: str, now_ms: int) -> Withdrawal:
    """The others go on without it while its batch is not signed; what is signed is stopped as a whole."""
    take, batch = _plainly(tx, now_ms), store.get(tx, one.batch or one.id)
    if batch.id != one.id and isinstance(batch.state, _WAITING) and is_shared(tx, batch.id):
        step(tx, take, batch, given_up(f"withdrawal {one.id} is frozen: {reason}"), now_ms)
        return take(one.id, Froze(reason))
    step(tx, take, batch, Froze(reason), now_ms)
    return store.get(tx, one.id)


def thaw(tx: Connection, one: Withdrawal, now_ms: int) -> Withdrawal:
    take, batch = _plainly(tx, now_ms), store.get(tx, one.batch or one.id)
    if not isinstance(batch.state, Frozen):
        return take(one.id, Thawed())
    step(tx, take, batch, Thawed(), now_ms)
    return store.get(tx, one.id)


def _plainly(tx: Connection, now_ms: int) -> Step:
    return lambda name, event, **columns: store.step(tx, name, event, now_ms, **columns)


def parts(tx: Connection, names: Sequence[str]) -> dict[str, str]:
    """Those of them that were split off, and what goes together with what."""
    query = select(part).where(part.c.withdrawal.in_(list(names)))
    return {row.withdrawal: row.part for row in tx.execute(query)}


def set_part(tx: Connection, names: Sequence[str], what: str | None) -> None:
    """From now on they are drafted with what has the same part, and with nothing else."""
    tx.execute(delete(part).where(part.c.withdrawal.in_(list(names))))
    if what is not None and names:
        tx.execute(part.insert(), [{"withdrawal": one, "part": what} for one in names])


def _followed(tx: Connection, take: Step, after: Withdrawal, event: Event, now_ms: int) -> None:
    carried = members(tx, after.id)
    if isinstance(event, Finalized):
        for one in carried:
            _settled(tx, take, one)
        return
    if isinstance(event, Abandoned):
        text = f"its batch {after.id} is given up: {event.why}; what was signed of it is made void first"
        for one in carried:
            store.postpone(tx, one.id, now_ms=now_ms, wait_ms=0, problem=text)
        return
    transaction = {} if after.transaction is None else {"transaction": after.transaction}
    for one in carried:
        held_up = isinstance(one.state, Frozen) and not isinstance(event, Thawed)
        if not held_up and (type(one.state), type(event)) in LEGAL:
            take(one.id, event, **transaction)


def _ended(
    tx: Connection, take: Step, carried: Sequence[Withdrawal], after: Withdrawal, event: Event
) -> None:
    """Nothing pays them by this batch any more."""
    ending = after.state if isinstance(after.state, Ending) else None
    is_given_up = isinstance(ending, Failed) and ending.code == GIVEN_UP
    rows = [one for one in carried if is_open(one.state)]
    for one in rows:
        if ending is not None and not is_given_up and len(carried) == 1:
            _end_alone(take, one, ending, event)
        else:
            _redrawn(take, one, event)
    spoilt = isinstance(ending, Refused) or (isinstance(ending, Failed) and ending.code == REVERTS)
    if spoilt and len(rows) > 1:
        for number, some in enumerate(_divided(rows, ending)):
            set_part(tx, [one.id for one in some], f"{after.id}/{number}")


def _divided(rows: Sequence[Withdrawal], ending: State | None) -> list[Sequence[Withdrawal]]:
    """Whom an objection names is drafted alone: a signer that is asked for him again and again may take that
    for an attack. In halves where it names nobody."""
    said = " ".join(one.reason for one in ending.objections) if isinstance(ending, Refused) else ""
    named = [one for one in rows if any(to in said for to, _ in one.payments)]
    others = [one for one in rows if one not in named]
    if named and others:
        return [others, *([one] for one in named)]
    half = -(-len(rows) // 2)
    return [rows[:half], rows[half:]]


def _end_alone(take: Step, one: Withdrawal, ending: Ending, event: Event) -> None:
    why = event.why if isinstance(event, Abandoned) else name_of(ending)
    if isinstance(one.state, Frozen):
        one = take(one.id, Thawed())
    if isinstance(event, Objected) and (type(one.state), Objected) in LEGAL:
        take(one.id, event)
        return
    if signed_by(one.state):
        one = _redrawn(take, one, event)
    take(one.id, Abandoned(ending, why))


def _redrawn(take: Step, one: Withdrawal, event: Event) -> Withdrawal:
    """Back to where it was before it was drafted; what is stopped stays stopped."""
    reason = one.state.reason if isinstance(one.state, Frozen) else None
    if reason is not None:
        one = take(one.id, Thawed())
    if not isinstance(one.state, Requested):
        back = Overtaken(event.by) if isinstance(event, SlotUsed) else Undrafted()
        one = take(one.id, back, **_NOWHERE)
    return one if reason is None else take(one.id, Froze(reason))
