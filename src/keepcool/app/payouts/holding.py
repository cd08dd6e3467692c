"""What may not go on for now, through no fault of its own: its wallet is frozen, an operator has suspended
it, or what it is paid from is still on its way.

Laws: waiting for others is no try that failed, so whoever waited long is not given up at his first failure;
and however much waits, of one wallet or because it is held, it keeps nobody else from being looked at.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from keepcool.app.payouts import store
from keepcool.app.payouts.store import WAIT_MS_MAX, Withdrawal, read
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.ids import NetworkId
from keepcool.core.withdrawal_states import Requested, name_of

HELD = "wallet.frozen"  # the code of the error that says so
_WAIT_MS_MIN, _SHARE = 1_000, 8


def ready(tx: Connection, network: NetworkId, now_ms: int, *, each: int, limit: int) -> list[Withdrawal]:
    """Requests whose wait is over, oldest first: the first of every wallet before the second of any, at most
    `each` of one."""
    columns = withdrawal.c
    waits = columns.try_after_ms.between(now_ms + 1, now_ms + WAIT_MS_MAX)
    asking = (columns.network == network, columns.open.is_(True), columns.state == name_of(Requested))
    place = func.row_number().over(partition_by=columns.wallet, order_by=columns.number).label("place")
    queue = select(columns.number, place).where(*asking, columns.batch.is_(None), ~waits).subquery()
    query = select(withdrawal).join(queue, queue.c.number == columns.number).where(queue.c.place <= each)
    found = tx.execute(query.order_by(queue.c.place, columns.number).limit(limit))
    return sorted((read(row) for row in found), key=lambda one: one.number)


def hold_back(tx: Connection, one: Withdrawal, *, now_ms: int, problem: str) -> None:
    """It is looked at again, the longer it has waited the later."""
    wait_ms = min(max((now_ms - one.created_at_ms) // _SHARE, _WAIT_MS_MIN), WAIT_MS_MAX)
    store.postpone(tx, one.id, now_ms=now_ms, wait_ms=wait_ms, problem=problem, failed=False)
