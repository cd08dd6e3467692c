"""One network's lane: all that its payouts need, and how a step that fails is tried again.

Steps take a lane and rows; what they know between two steps stands in the database alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from keepcool.app.config import NetworkSettings
from keepcool.app.payouts import holding, notes, store
from keepcool.app.payouts.notes import Numbers
from keepcool.app.payouts.store import WAIT_MS_MAX, Withdrawal
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.core.errors import Breach, Conflict, KeepcoolError
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.withdrawal import Event, Froze
from keepcool.core.withdrawal_states import is_open, name_of
from keepcool.ports.system import Clock, Faults
from keepcool.wire.exchange import Exchange

WAIT_MS_FIRST, _DOUBLINGS_MAX = 400, 8
_TOGETHER_MAX = 8
T = TypeVar("T")
_log = logging.getLogger("keepcool.payouts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What the steps of every family share."""

    network: NetworkId
    native: AssetId
    settings: NetworkSettings
    store: Store
    exchange: Exchange
    attesters: Attesters
    clock: Clock
    faults: Faults
    numbers: Numbers
    signer_timeout_s: float

    async def step(self, withdrawal: str, event: Event, **columns: object) -> Withdrawal:
        """One legal step in a transaction of its own. Raises Conflict on an illegal one."""
        return await self.store.run(lambda tx: self.step_in(tx, withdrawal, event, **columns))

    def step_in(self, tx: Connection, withdrawal: str, event: Event, **columns: object) -> Withdrawal:
        after = store.step(tx, withdrawal, event, self.clock.now_ms(), **columns)
        self.numbers.steps.labels(self.network, name_of(after.state)).inc()
        _log.info("withdrawal", extra={"withdrawal": withdrawal, "state": name_of(after.state)})
        return after

    async def postpone(self, one: Withdrawal, problem: str) -> None:
        now_ms, wait_ms = self.clock.now_ms(), wait_after(one.tries)
        await self.store.run(
            lambda tx: store.postpone(tx, one.id, now_ms=now_ms, wait_ms=wait_ms, problem=problem)
        )

    async def hold_back(self, one: Withdrawal, problem: str) -> None:
        now_ms = self.clock.now_ms()
        await self.store.run(lambda tx: holding.hold_back(tx, one, now_ms=now_ms, problem=problem))

    async def note(self, kind: str, subject: str, text: str) -> None:
        await self.store.run(lambda tx: self.note_in(tx, kind, subject, text))

    def note_in(self, tx: Connection, kind: str, subject: str, text: str) -> None:
        now_ms = self.clock.now_ms()
        if notes.note(tx, at_ms=now_ms, kind=kind, network=self.network, subject=subject, text=text):
            self.numbers.notes.labels(self.network, kind).inc()

    async def freeze(self, one: Withdrawal, error: KeepcoolError) -> None:
        """The world is not as proved: nothing more happens to it until a person has looked."""

        def work(tx: Connection) -> None:
            self.note_in(tx, "payout.breach", one.id, f"{error.code}: {error.public}")
            if is_open(store.get(tx, one.id).state):
                self.step_in(tx, one.id, Froze(f"{error.code}: {error.public}"))

        await self.store.run(work)

    async def each(
        self, rows: Iterable[Withdrawal], work: Callable[[Withdrawal], Awaitable[T | None]]
    ) -> list[T]:
        """`work` for every row, a few at a time; one that fails is postponed and spoils no other."""
        room = asyncio.Semaphore(_TOGETHER_MAX)

        async def one(row: Withdrawal) -> T | None:
            async with room:
                return await self._guarded(row, work)

        done = await asyncio.gather(*(one(row) for row in rows))
        return [result for result in done if result is not None]

    async def _guarded(self, row: Withdrawal, work: Callable[[Withdrawal], Awaitable[T | None]]) -> T | None:
        try:
            return await work(row)
        except Breach as error:
            await self.freeze(row, error)
        except Conflict as error:
            # another step came first, or the chain moved: read again next time
            await self.postpone(row, error.public)
        except KeepcoolError as error:
            held = error.code == holding.HELD
            await (self.hold_back(row, error.public) if held else self.postpone(row, error.public))
        except Exception as error:  # noqa: BLE001 - a poisoned row waits, the others go on
            _log.exception("a payout's step broke", extra={"withdrawal": row.id})
            await self.postpone(row, f"internal: {type(error).__name__}")
        return None


def wait_after(tries: int) -> int:
    """Milliseconds: doubling, bounded."""
    return int(min(WAIT_MS_MAX, WAIT_MS_FIRST * 2 ** min(tries, _DOUBLINGS_MAX)))
