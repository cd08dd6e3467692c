"""The service loop: every open withdrawal of the database, also after a crash, one small step at a time.

Three loops per network, so that a slow signer does not hold up receipts: draft and sign, execute and send,
watch and settle. What they share stands in the database; each step is legal there or does not happen.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass

from keepcool.app.payouts.lane import Lane, wait_after
from keepcool.core.errors import Breach, KeepcoolError

_BREATH_S = 0.005
_UNKNOWN = None  # what a round depended on: it cannot be told, or there is something to do
_log = logging.getLogger("keepcool.payouts")


@dataclass(frozen=True, slots=True)
class Work:
    """One loop of a lane. `work` says whether anything moved. `rest`: what a round that moved nothing depends
    on; as long as it stays the same the next would move nothing. None: there is something to look at."""

    name: str
    lane: Lane
    work: Callable[[], Awaitable[bool]]
    rest: Callable[[], Awaitable[Hashable | None]] | None = None


class PayoutEngine:
    """`run` until cancelled. `wake` after a request, so that it need not wait for the next round."""

    def __init__(self, works: Sequence[Work]) -> None:
        self._works = works
        self._bells: list[asyncio.Event] = []

    async def run(self) -> None:
        self._bells.clear()
        async with asyncio.TaskGroup() as group:
            for work in self._works:
                bell = asyncio.Event()
                self._bells.append(bell)
                group.create_task(self._loop(work, bell))
            await asyncio.Event().wait()

    def wake(self) -> None:
        for bell in self._bells:
            bell.set()

    async def _loop(self, work: Work, bell: asyncio.Event) -> None:
        failures, before = 0, _UNKNOWN
        while True:
            bell.clear()
            moved, found = await _round(work, before)
            before = found if moved is False else _UNKNOWN
            failures = 0 if moved is not None else failures + 1
            if moved:
                self.wake()
                await asyncio.sleep(_BREATH_S)
                continue
            wait_ms = work.lane.settings.poll_ms if not failures else wait_after(failures)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):  # wait_for may swallow a cancellation
                    await bell.wait()


async def _round(one: Work, before: Hashable | None) -> tuple[bool | None, Hashable | None]:
    """Whether anything moved, None when something outside was not there; and what it depended on. Nothing
    is done where that is as it was `before` a round that moved nothing."""
    try:
        found = _UNKNOWN if one.rest is None else await one.rest()
        if found is not _UNKNOWN and found == before:
            return False, found
        return await one.work(), found
    except Breach as error:
        await one.lane.note("payout.breach", one.name, f"{error.code}: {error.public}")
    except KeepcoolError as error:
        where = {"loop": one.name, "network": one.lane.network, "code": error.code}
        _log.info("payouts wait", extra=where)
    except Exception:  # noqa: BLE001 - a row nobody foresaw ends neither this loop nor those of the other networks
        _log.exception("a payouts' loop broke", extra={"loop": one.name, "network": one.lane.network})
    return None, _UNKNOWN
