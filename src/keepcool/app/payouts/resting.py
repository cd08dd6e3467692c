"""Whether a loop has anything to look at: one short question to the books, in place of a round of many that
would find nothing.

Laws: a question names every row that a step of its round may act on; to name more costs time, to name fewer
would leave a payment lying. It is asked of the books anew each time, under the fence of the term. What a
round reads of the chain besides is looked at with every block, and now and then without one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, or_, select

from keepcool.app.deposits.tables import block, cursor
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.purses import Stage
from keepcool.app.payouts.said import WAITING
from keepcool.app.payouts.tables import purse, purse_transaction, withdrawal
from keepcool.core.withdrawal_states import Requested, State, name_of

Rest: TypeAlias = Callable[[], Awaitable[Hashable | None]]
NETWORK: BindParameter[str] = bindparam("network")
_NOW_AND_THEN_MS = 2_000


def of(lane: Lane, question: Select[Any]) -> Rest:
    """Rests while the answer is no, and what it says besides stays as it is."""
    return partial(_books, lane, question)


async def _books(lane: Lane, question: Select[Any]) -> Hashable | None:
    some, *besides = await _answer(lane, question)
    return None if some else tuple(besides)


async def _answer(lane: Lane, question: Select[Any]) -> tuple[Any, ...]:
    network = {"network": lane.network}
    return await lane.store.read(lambda tx: tuple(tx.execute(question, network).one()))


@dataclass(slots=True)
class BesideChain:
    """Rests while the answer is no and no block comes, which counts at most every `pause_ms`."""

    lane: Lane
    question: Select[Any]
    pause_ms: int = 0
    _stands: Hashable = None
    _since_ms: int = 0

    async def __call__(self) -> Hashable | None:
        some, newest, account = await _answer(self.lane, self.question)
        if some:
            return None
        now_ms = self.lane.clock.now_ms()
        stands = (newest, account, now_ms // _NOW_AND_THEN_MS)
        if stands != self._stands and abs(now_ms - self._since_ms) >= self.pause_ms:
            self._stands, self._since_ms = stands, now_ms
        return self._stands


def asking(*any_of: ColumnElement[bool]) -> Select[Any]:
    """One question, made once: building a statement takes longer than it."""
    return select(or_(*any_of))


def asking_beside_chain(*any_of: ColumnElement[bool]) -> Select[Any]:
    """And which block was read last, and which account pays."""
    here = (cursor.c.network == block.c.network) & (cursor.c.scanned == block.c.number)
    newest = select(block.c.hash).join(cursor, here).where(cursor.c.network == NETWORK).scalar_subquery()
    account = select(purse.c.address).where(purse.c.network == NETWORK).scalar_subquery()
    return select(or_(*any_of), newest, account)


def opened(*kinds: type[State]) -> ColumnElement[bool]:
    """A withdrawal of the network that is open; in one of these states, where some are named."""
    here = select(withdrawal.c.id).where(withdrawal.c.network == NETWORK, withdrawal.c.open.is_(True))
    return (here.where(withdrawal.c.state.in_([name_of(one) for one in kinds])) if kinds else here).exists()


def carried() -> ColumnElement[bool]:
    """One that goes with a batch."""
    here = (withdrawal.c.network == NETWORK, withdrawal.c.open.is_(True), withdrawal.c.batch.is_not(None))
    return select(withdrawal.c.id).where(*here).exists()


def attempted(*stages: Stage) -> ColumnElement[bool]:
    """A transaction of the purse in one of these stages."""
    here = (
        purse_transaction.c.network == NETWORK,
        purse_transaction.c.stage.in_([one.value for one in stages]),
    )
    return select(purse_transaction.c.number).where(*here).exists()


UNSIGNED = asking(opened(Requested, *WAITING))
"""Of a loop that drafts and has signed."""
