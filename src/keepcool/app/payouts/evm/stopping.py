"""Batches that carry what may not be paid now: the others go on without it.

Laws: only what both have not signed yet is taken apart; what is signed waits as a whole.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.payouts import carried, store
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.said import WAITING
from keepcool.app.payouts.store import Kind

_AT_ONCE_MAX = 200


def let_go(tx: Connection, lane: EvmLane) -> None:
    """Batches that wait for signatures, and carry somebody who is stopped, are given up."""
    for one in store.in_states(tx, lane.network, WAITING, limit=_AT_ONCE_MAX):
        if one.kind is not Kind.BATCH:
            continue
        rows = carried.members(tx, one.id)
        stopped = next((why for each in rows if (why := stops.of(tx, each))), None)
        if stopped is not None and len(rows) > 1:
            lane.step_in(tx, one.id, carried.given_up(stopped))


def settle_left(tx: Connection, lane: EvmLane) -> bool:
    """What was held up while its batch became final, and goes on now."""
    return carried.settle_left(tx, partial(Lane.step_in, lane, tx), lane.network) > 0
