"""Which withdrawals one SafeTx pays: those of one source, a wallet or the treasury that pays for many.

Laws: one transaction of a source at a time; the voids of a source go before what waits; who must sign for his
wallet himself is paid alone, because he signs one intent; what was split off a batch that was given up is
drafted by itself, so that whom a signer or the chain objects to is found; a rescue is alone, and so is what
a pool pays for itself: its surplus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.payouts import carried, holding, store, turns
from keepcool.app.payouts.evm import ceilings as bounds
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.pools.covering import uncovered
from keepcool.app.pools.sources import pools_among, sources_of
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal_states import Frozen, Requested

READ_MAX = 2_000
GROUPS_MAX = 200
LOOKED_AT_MAX = 400  # of one source at once


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
    opened = [one for one in store.open_of_wallet(tx, source) if not _is_aside(one)]
    if occupied(opened) or any(one.kind is Kind.VOID for one in opened):
        turn = turns.whose_turn(opened)
        return None if turn is None or not store.is_due(turn, now_ms) else Group(source, (turn,))
    ready = [one for one in waiting if store.is_due(one, now_ms)][:LOOKED_AT_MAX]
    rows, ahead = list[Withdrawal](), Counter[str]()
    for one in ready:
        if not _held_back(tx, lane, one, ahead[one.asset]):
            rows.append(one)
            ahead[one.asset] += one.units
    return _chosen(tx, lane, source, rows) if rows else None


def occupied(opened: Sequence[Withdrawal]) -> bool:
    """Whether a transaction of their source is on its way, among what is open of it."""
    return any(not isinstance(one.state, Requested) and not _is_aside(one) for one in opened)


def _is_aside(one: Withdrawal) -> bool:
    """It has no transaction of its own: a batch carries it, or it was stopped before it had one."""
    stopped = isinstance(one.state, Frozen) and isinstance(one.state.was, Requested)
    return one.batch is not None or stopped


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
