"""Delivering: for each webhook a loop of its own, one batch after another.

Laws: a slow or dead receiver holds up nobody else; what is known between two batches stands in the database;
secrets are opened for a batch and kept nowhere; neither a secret nor a body is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from keepcool.app.events import deliveries, endpoints
from keepcool.app.events.deliveries import Batch, Due, Outcome, Terms
from keepcool.app.events.endpoints import Webhook
from keepcool.app.events.numbers import Numbers
from keepcool.app.events.patience import Patience
from keepcool.app.events.tail import Tail
from keepcool.app.store import Store
from keepcool.core.errors import KeepcoolError
from keepcool.ports.system import Clock, Entropy
from keepcool.ports.webhooks import Poster, Sealer
from keepcool.wire import webhooks

_LOOK_EVERY_S = 5.0
_NO_NEWS = 2**62  # no cursor is ever beyond it
_BATCH_FOLD = 16  # a batch is so many times what is sent at once: fewer transactions
_BREATH_S = 0.005
_BATCH_S = 5.0  # begun within; what becomes of them is noted soon after
_log = logging.getLogger("keepcool.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What delivering takes."""

    store: Store
    tail: Tail
    poster: Poster
    sealer: Sealer
    clock: Clock
    entropy: Entropy
    patience: Patience
    in_flight: int
    numbers: Numbers

    def terms(self) -> Terms:
        return Terms(self.patience, self.entropy, self.clock.now_ms())


class Dispatcher:
    """`run` until cancelled; `changed` when webhooks were added, removed or replayed."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._changed = asyncio.Event()
        self._bells: dict[str, asyncio.Event] = {}

    def changed(self) -> None:
        self._changed.set()
        for bell in self._bells.values():
            bell.set()

    async def run(self) -> None:
        loops: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                await self._start_missing(loops)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._changed.wait()
        finally:
            for loop in loops.values():
                loop.cancel()
            await asyncio.gather(*loops.values(), return_exceptions=True)

    async def _start_missing(self, loops: dict[str, asyncio.Task[None]]) -> None:
        for name in [name for name, loop in loops.items() if loop.done()]:
            if (failure := loops.pop(name).exception()) is not None:
                _log.error("a webhook's loop broke", exc_info=failure, extra={"webhook": name})
        try:
            rows = await self._means.store.run(lambda tx: endpoints.listed(tx, active=True))
        except OperationalError:
            return  # asked again soon
        for one in rows:
            if one.id not in loops:
                loops[one.id] = asyncio.create_task(self._loop(one.id))

    async def _loop(self, name: str) -> None:
        """Until it is removed or switched off."""
        bell = self._bells.setdefault(name, asyncio.Event())
        seen = 0
        try:
            while True:
                bell.clear()
                try:
                    seen, wait_s = await self._round(name)
                except (KeepcoolError, OperationalError) as error:
                    _log.warning("webhook waits", extra={"webhook": name, "kind": type(error).__name__})
                    wait_s = _LOOK_EVERY_S
                if wait_s is None:
                    return
                await self._pause(bell, seen, wait_s)
        finally:
            self._bells.pop(name, None)

    async def _pause(self, bell: asyncio.Event, seen: int, wait_s: float) -> None:
        if wait_s <= _BREATH_S:
            await asyncio.sleep(wait_s)  # more may gather: then they share transactions
            return
        rung = asyncio.create_task(bell.wait())
        news = asyncio.create_task(self._means.tail.wait(seen, wait_s))
        try:
            await asyncio.wait((rung, news), return_when=asyncio.FIRST_COMPLETED)
        finally:
            rung.cancel()
            news.cancel()

    async def _round(self, name: str) -> tuple[int, float | None]:
        """How far the log was read, and how long to wait for news; None when it is over."""
        means = self._means
        taken = await means.store.run(lambda tx: self._take(tx, name))
        if taken is None:
            return 0, None
        batch, keys, wait_ms = taken
        if not batch.dues and batch.read_to == batch.webhook.cursor:
            limit = _LOOK_EVERY_S if wait_ms is None else min(wait_ms / 1000, _LOOK_EVERY_S)
            return (_NO_NEWS if batch.blocked else batch.read_to), limit
        outcomes = await self._sent(batch, keys)
        after = await means.store.run(lambda tx: deliveries.finish(tx, batch, outcomes, means.terms()))
        self._told(batch, outcomes)
        return batch.read_to, (_BREATH_S if after is not None and after.active else None)

    def _take(self, tx: Connection, name: str) -> tuple[Batch, tuple[bytes, ...], int | None] | None:
        one, terms = endpoints.find(tx, name), self._means.terms()
        if one is None or not one.active:
            return None
        size = self._means.in_flight
        batch = deliveries.next_batch(tx, one, terms, size=size * _BATCH_FOLD if size > 1 else 1)
        if not batch.dues:
            return batch, (), deliveries.wait_ms(tx, one, terms.now_ms)
        return batch, endpoints.secrets(tx, name, self._means.sealer, terms.now_ms), 0

    async def _sent(self, batch: Batch, keys: Sequence[bytes]) -> list[Outcome]:
        """Of the first so many: no more are begun when the first have all failed, or time is up."""
        most, loop = self._means.in_flight, asyncio.get_running_loop()
        room, until_s = asyncio.Semaphore(most), loop.time() + _BATCH_S
        stopped, said = asyncio.Event(), list[bool]()

        async def one(due: Due) -> Outcome | None:
            async with room:
                if stopped.is_set() or loop.time() > until_s or (len(said) >= most and not any(said)):
                    stopped.set()
                    return None
                done = await send(self._means, batch.webhook, keys, due.event.id, due.event.body())
                said.append(done.taken)
                return done

        outcomes = await asyncio.gather(*(one(due) for due in batch.dues))
        return [done for done in takewhile(lambda done: done is not None, outcomes) if done is not None]

    def _told(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._means.numbers.deliveries.labels("taken" if outcome.taken else "failed").inc()
        problems = [outcome.problem for outcome in outcomes if not outcome.taken]
        if problems:
            told = {"webhook": batch.webhook.id, "failed": len(problems), "problem": problems[-1]}
            _log.info("webhook not taken", extra=told)


async def send(means: Means, one: Webhook, keys: Sequence[bytes], message: str, body: bytes) -> Outcome:
    """One attempt."""
    headers = webhooks.headers(keys, message, means.clock.now_ms() // 1000, body)
    try:
        posted = await means.poster.post(one.url, headers, body)
    except KeepcoolError as error:
        return Outcome(taken=False, problem=error.public)
    if posted.taken:
        return Outcome(taken=True, status=posted.status)
    problem = f"the receiver answered with status {posted.status}"
    return Outcome(taken=False, status=posted.status, problem=problem, retry_after_s=posted.retry_after_s)
