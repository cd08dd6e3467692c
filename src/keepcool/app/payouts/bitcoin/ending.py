"""Batches that are given up: what becomes of their coins and of the withdrawals they would have paid.

Laws: coins that any signer may have signed for stay leased until a void has spent them; withdrawals whose
batch was shared go back to be drafted anew, one that was alone ends or is burnt as its own states say.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Select, select

from keepcool.app.coins import book
from keepcool.app.controls import stops
from keepcool.app.payouts import reviews, store, windows
from keepcool.app.payouts.bitcoin import batches, groups, said
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch, member
from keepcool.app.payouts.said import WAITING
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.ids import NetworkId
from keepcool.core.withdrawal import Abandoned, Objected, Undrafted
from keepcool.core.withdrawal_states import (
    Broadcast,
    Failed,
    Frozen,
    NeedsReview,
    Objection,
    Signed,
    name_of,
)

_AT_ONCE_MAX = 500
GIVEN_UP = "payout.given_up"  # nobody wants it to end: burnt, it is drafted anew


def members_of(tx: Connection, one: Batch) -> list[Withdrawal]:
    return [store.get(tx, name) for name in batches.members(tx, one.id)]


def end(tx: Connection, lane: BitcoinLane, one: Batch, why: str) -> None:
    """Its coins are free at once where nobody can have signed. A burn has no coins of its own."""
    doubtful = said.may_be_signed(tx, one.id)
    if not doubtful:
        book.release(tx, one.id)
    tainted = doubtful and one.purpose is not Purpose.BURN
    batches.change(tx, one.id, lane.clock.now_ms(), stage=Stage.ENDED.value, tainted=tainted, problem=why)


def expire(tx: Connection, lane: BitcoinLane, one: Batch) -> None:
    """No signer signs it any more. What only waited for a signing window, or was held by an operator, is
    drafted anew."""
    why = one.problem or "it was not signed in time"
    waiting = [each for each in members_of(tx, one) if isinstance(each.state, WAITING)]
    held = any(stops.of_operators(tx, each) is not None for each in waiting)
    shared = len(waiting) > 1 or held or windows.is_waiting(one.problem)
    if shared and one.purpose is Purpose.PAY:
        redraw(tx, lane, waiting)
    else:
        for each in waiting:
            ended = Failed("payout.expired", reviews.expired(each.state, why))
            lane.step_in(tx, each.id, Abandoned(ended, "expired"))
    end(tx, lane, one, why)


def objected(tx: Connection, lane: BitcoinLane, one: Batch, objections: Sequence[Objection]) -> None:
    """Both signers have answered, and at least one of them does not sign."""
    text = "; ".join(f"{by.by.value}: {by.reason}" for by in objections)
    waiting = [each for each in members_of(tx, one) if isinstance(each.state, WAITING)]
    if one.purpose is Purpose.PAY and len(waiting) > 1:
        redraw(tx, lane, waiting)
        groups.split(tx, one.id, [each.id for each in waiting])
        end(tx, lane, one, f"split, because it was not signed as one: {text}")
        return
    review = all(by.outcome == "needs_review" for by in objections)
    for each in waiting:
        lane.step_in(tx, each.id, Objected(tuple(objections), review))
    if not review or not waiting:
        end(tx, lane, one, text)
    if not waiting:
        lane.note_in(tx, f"payout.{one.purpose.value}_refused", one.id, text)


def redraw(tx: Connection, lane: BitcoinLane, waiting: Sequence[Withdrawal]) -> None:
    """Back to where they were before they were drafted together."""
    for each in waiting:
        lane.step_in(tx, each.id, Undrafted(), digest=None)


def let_others_go(tx: Connection, lane: BitcoinLane, one: Batch, why: str) -> None:
    """Some of those it would pay are stopped: the others are drafted without them. What is stopped goes on
    from the beginning, once it is let go."""
    waiting = [each for each in members_of(tx, one) if isinstance(each.state, WAITING)]
    redraw(tx, lane, waiting)
    end(tx, lane, one, why)


def recover(tx: Connection, lane: BitcoinLane) -> bool:
    """What a person has let go and whose batch has ended meanwhile begins anew, or is burnt where both have
    signed it. Whether there was any."""
    rows = store.rows(tx, _left_alone(lane.network))
    for each in rows:
        if each.kind is not Kind.VOID and not isinstance(each.state, Signed):
            redraw(tx, lane, [each])
        else:
            why = "its batch was given up"
            lane.step_in(tx, each.id, Abandoned(Failed(GIVEN_UP, why), why))
    return bool(rows)


def give_up(tx: Connection, lane: BitcoinLane, one: Batch, why: str) -> None:
    """Both have signed it and nobody was handed it: its coins are burnt, then its withdrawals are drafted
    anew."""
    for each in members_of(tx, one):
        wanted = isinstance(each.state, Signed | Broadcast) or getattr(each.state, "then", each) is None
        if wanted and one.purpose is Purpose.PAY:
            lane.step_in(tx, each.id, Abandoned(Failed(GIVEN_UP, why), why))
    end(tx, lane, one, why)


def stop_second(tx: Connection, lane: BitcoinLane, one: Batch, why: str) -> None:
    """It would pay again what was paid: it is given up where that is possible. What was handed out cannot be
    taken back; both are on the books once it is final."""
    if one.stage is Stage.DRAFTED:
        let_others_go(tx, lane, one, why)
    elif one.stage is Stage.SIGNED:
        give_up(tx, lane, one, why)
    else:
        lane.note_in(tx, "payout.breach", one.id, f"{why}, and this one may pay it again")


def _left_alone(network: NetworkId) -> Select[tuple[object, ...]]:
    """Withdrawals that are drafted or signed, and in no batch that goes on."""
    names = [name_of(one) for one in (*WAITING, Signed)]
    goes_on = (
        select(member.c.batch)
        .join(batch, batch.c.id == member.c.batch)
        .where(member.c.withdrawal == withdrawal.c.id, batch.c.stage != Stage.ENDED.value)
    )
    query = select(withdrawal).where(
        withdrawal.c.network == network,
        withdrawal.c.open.is_(True),
        withdrawal.c.state.in_(names),
        ~goes_on.exists(),
    )
    return query.limit(_AT_ONCE_MAX)


def is_held_up(members: Sequence[Withdrawal]) -> bool:
    """A person has stopped one of them."""
    return any(isinstance(each.state, Frozen) for each in members)


def is_left(members: Sequence[Withdrawal], purpose: Purpose) -> bool:
    """Nobody waits for it any more: all were cancelled or have ended otherwise."""
    pays = purpose in (Purpose.PAY, Purpose.BURN) and bool(members)
    return pays and not any(isinstance(each.state, (*WAITING, Frozen)) for each in members)


def waits_for_review(members: Sequence[Withdrawal]) -> bool:
    return any(isinstance(each.state, NeedsReview) for each in members)
