"""Which withdrawals one SafeTx pays: those of one source, a wallet or the treasury that pays for many.

Laws: one transaction of a source at a time; the voids of a source go before what waits; who must sign for his
wallet himself is paid alone, because he signs one intent; what was split off a batch that was given up is
drafted by itself, so that whom a signer or the chain objects to is found; a rescue is alone, and so is what
a pool pays for itself: its surplus. What waits for people and is signed by nobody keeps no place: others are
paid meanwhile, and it is asked for again, its intent the same, when the place is free; where both wait for it
they take turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from keepcool.app.controls import stops
from keepcool.app.payouts import answers, carried, holding, store, turns
from keepcool.app.payouts.evm import ceilings as bounds
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import signer_answer, withdrawal
from keepcool.app.pools.covering import uncovered
from keepcool.app.pools.sources import pools_among, sources_of
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal_states import Frozen, NeedsReview, Requested, name_of

READ_MAX = 2_000
GROUPS_MAX = 200
LOOKED_AT_MAX = 400  # of one source at once
_PAUSE_MS = 1_000  # after people were waited for in vain, others of the source go first


@dataclass(frozen=True, slots=True)
class Group:
    """What `source`, the wallet of a Safe, is to pay next. A void is alone."""

    source: WalletId
    members: tuple[Withdrawal, ...]

    @property
    def own(self) -> Withdrawal | None:
        """The one withdrawal or void that is drafted as itself: alone, and of the paying wallet."""
        (first, *more) = self.members
        return first if not more and first.wallet == self.source else None


@dataclass(frozen=True, slots=True)
class Round:
    """`again`: of a source what waits for people and is asked for once more, nothing else of it meanwhile."""

    groups: tuple[Group, ...]
    again: tuple[Withdrawal, ...]


def turns_of(tx: Connection, lane: EvmLane) -> Round:
    """What each source does now: it pays somebody, or it asks again for one that waits for people."""
    waiting, groups = _asked_again(tx, lane), due(tx, lane)
    ready = {one.source for one in groups}
    now_ms = lane.clock.now_ms()
    turned = {source for source in waiting if source in ready and _asked_lately(tx, source, now_ms)}
    again = {source: one for source, one in waiting.items() if source not in turned}
    return Round(tuple(one for one in groups if one.source not in again), tuple(again.values()))


def may_ask(tx: Connection, one: Withdrawal, again: frozenset[str]) -> bool:
    """Whether its draft is of the place that is its own now."""
    return one.id in again or not is_parked(tx, one)


def is_parked(tx: Connection, one: Withdrawal) -> bool:
    """It waits for people, and no signer has signed it or may have: its place is anybody's."""
    state = one.state.was if isinstance(one.state, Frozen) else one.state
    waits = isinstance(state, NeedsReview) and not state.signed and one.kind is not Kind.VOID
    return waits and not answers.may_be_signed(tx, one.id)


def _asked_again(tx: Connection, lane: EvmLane) -> dict[WalletId, Withdrawal]:
    """Of every source whose place is free the one that has waited longest for its turn."""
    now_ms, found = lane.clock.now_ms(), dict[WalletId, Withdrawal]()
    rows = store.in_states(tx, lane.network, [NeedsReview], limit=READ_MAX, due_ms=now_ms)
    for one in sorted(rows, key=lambda row: (row.try_after_ms, row.number)):
        if one.wallet not in found and is_parked(tx, one):
            found[one.wallet] = one
    return {source: one for source, one in found.items() if not _is_taken(_standing(tx, source))}


def _asked_lately(tx: Connection, source: WalletId, now_ms: int) -> bool:
    """Whether signers have said lately of one of this source that it waits for people."""
    here = (withdrawal.c.wallet == source, withdrawal.c.open.is_(True))
    last = select(func.max(signer_answer.c.at_ms)).join(
        withdrawal, withdrawal.c.id == signer_answer.c.withdrawal
    )
    at_ms = tx.execute(last.where(*here, withdrawal.c.state == name_of(NeedsReview))).scalar_one_or_none()
    return at_ms is not None and 0 <= now_ms - int(at_ms) < _PAUSE_MS


def due(tx: Connection, lane: EvmLane) -> list[Group]:
    """What can be drafted now, in the order of the requests."""
    now_ms = lane.clock.now_ms()
    rows = holding.ready(tx, lane.network, now_ms, each=LOOKED_AT_MAX, limit=READ_MAX)
    by_source: dict[WalletId, list[Withdrawal]] = {}
    sources = sources_of(tx, [one.wallet for one in rows])
    for one in rows:
        by_source.setdefault(sources[one.wallet], []).append(one)
    found = [_next(tx, lane, source, some) for source, some in by_source.items()]
    groups = sorted((one for one in found if one), key=lambda group: group.members[0].number)
    return groups[:GROUPS_MAX]


def _next(tx: Connection, lane: EvmLane, source: WalletId, waiting: Sequence[Withdrawal]) -> Group | None:
    now_ms = lane.clock.now_ms()
    opened = _standing(tx, source)
    if _is_taken(opened):
        turn = turns.whose_turn(opened)
        return None if turn is None or not store.is_due(turn, now_ms) else Group(source, (turn,))
    ready = [one for one in waiting if store.is_due(one, now_ms)][:LOOKED_AT_MAX]
    rows, ahead = list[Withdrawal](), Counter[str]()
    for one in ready:
        if not _held_back(tx, lane, one, ahead[one.asset]):
            rows.append(one)
            ahead[one.asset] += one.units
    return _chosen(tx, lane, source, rows) if rows else None


def is_occupied(tx: Connection, source: WalletId) -> bool:
    """Whether a transaction of this source is on its way."""
    return any(not isinstance(one.state, Requested) for one in _standing(tx, source))


def _is_taken(opened: Iterable[Withdrawal]) -> bool:
    return any(not isinstance(one.state, Requested) or one.kind is Kind.VOID for one in opened)


def _standing(tx: Connection, source: WalletId) -> list[Withdrawal]:
    """What is open of this source and not aside."""
    return [one for one in store.open_of_wallet(tx, source) if not _is_aside(tx, one)]


def _is_aside(tx: Connection, one: Withdrawal) -> bool:
    """It has no transaction of its own: a batch carries it, it was stopped before it had one, or it waits for
    people and nobody has signed it."""
    stopped = isinstance(one.state, Frozen) and isinstance(one.state.was, Requested)
    return one.batch is not None or stopped or is_parked(tx, one)


def _held_back(tx: Connection, lane: EvmLane, one: Withdrawal, ahead: int) -> bool:
    """One that may not be paid now waits by itself, and holds up nobody else of its source. `ahead`: what
    those before it are to get of the same asset."""
    stopped = stops.of(tx, one) or uncovered(tx, one, ahead)
    if stopped is not None:
        holding.hold_back(tx, one, now_ms=lane.clock.now_ms(), problem=stopped)
    return stopped is not None


def _chosen(tx: Connection, lane: EvmLane, source: WalletId, rows: Sequence[Withdrawal]) -> Group | None:
    """With the longest waiting one, as many as fit and may go with it."""
    first = rows[0]
    parts = carried.parts(tx, [one.id for one in rows])
    split_off = parts.get(first.id)
    treasuries = pools_among(tx, [source])
    alone = {one.id for one in rows if one.kind is Kind.RESCUE or one.wallet in treasuries}
    alike = [one for one in rows if parts.get(one.id) == split_off and one.id not in alone]
    most = lane.settings.fees.batch_max
    if len(alike) == 1 or first.id in alone or _signs_himself(tx, lane, source):
        alike = [first]
    found, size, ceilings = list[Withdrawal](), 0, bounds.of(tx, lane, source)
    for one in alike:
        if found and (size + len(one.payments) > most or not bounds.fits(ceilings, [*found, one])):
            break
        found.append(one)
        size += len(one.payments)
    waited_ms = lane.clock.now_ms() - first.created_at_ms
    may_fill_up = size < most and len(found) == len(alike) and split_off is None
    if may_fill_up and 0 <= waited_ms < lane.settings.fees.batch_wait_s * 1000:
        return None
    return Group(source, tuple(found))


def _signs_himself(tx: Connection, lane: EvmLane, source: WalletId) -> bool:
    return bool(lane.attesters.wallet(tx, source).record.user_key)
