"""Working while this App leads: from the database alone when a term begins, not a step when it has ended.

Law: whoever leads works, even where another App, paused between winning and beginning, has begun a later term
than his: he begins one more, once his seat had the time to tell whether he is the one that was paused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from keepcool.app.leading import terms
from keepcool.app.store import FENCE, Store
from keepcool.ports.seat import Seat
from keepcool.ports.system import Clock

Work = Callable[[], Sequence[Coroutine[Any, Any, None]]]
_AGAIN_S = 0.5
_DOUBT_S = 5.0  # longer than a seat that was lost may not know it
_log = logging.getLogger("keepcool.app")


async def lead(seat: Seat, store: Store, clock: Clock, name: str, work: Work) -> None:
    """Until cancelled, term after term. Raises what a part of the work failed with."""
    while True:
        await seat.won()
        try:
            epoch = await store.run(lambda tx: terms.begin(tx, name, clock.now_ms()))
        except OperationalError as error:
            _log.warning("the term cannot begin", extra={"kind": type(error.orig).__name__})
            await asyncio.sleep(_AGAIN_S)
            continue
        _log.info("works", extra={"term": epoch})
        overtaken, loop = asyncio.Event(), asyncio.get_running_loop()
        fence = terms.fence(epoch, partial(_told, loop, overtaken))
        await _until_lost(seat, asyncio.create_task(_term(fence, work)), overtaken)


def _told(loop: asyncio.AbstractEventLoop, overtaken: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and all work with it
        loop.call_soon_threadsafe(overtaken.set)


async def _until_lost(seat: Seat, working: asyncio.Task[None], overtaken: asyncio.Event) -> None:
    lost = asyncio.create_task(_lost(seat, overtaken))
    try:
        await asyncio.wait((working, lost), return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost.cancel()
        over = working.done()
        working.cancel()
        (ended,) = await asyncio.gather(working, return_exceptions=True)
    if over and isinstance(ended, BaseException):
        raise ended


async def _lost(seat: Seat, overtaken: asyncio.Event) -> None:
    """Returns when the term is over: the seat is lost, or a later term has begun."""
    lost, later = asyncio.create_task(seat.lost()), asyncio.create_task(overtaken.wait())
    try:
        await asyncio.wait((lost, later), return_when=asyncio.FIRST_COMPLETED)
        if not lost.done():
            await asyncio.wait((lost,), timeout=_DOUBT_S)
    finally:
        lost.cancel()
        later.cancel()


async def _term(fence: Callable[[Connection], None], work: Work) -> None:
    FENCE.set(fence)  # of this task and of all it starts
    failed: BaseException | None = None
    parts = [asyncio.create_task(one) for one in work()]
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        failed = next((error for one in done if (error := one.exception()) is not None), None)
    finally:
        for one in parts:
            one.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
    if failed is not None:
        raise failed
