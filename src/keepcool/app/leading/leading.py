"""Working while this App leads: from the database alone when a term begins, not a step when it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from sqlalchemy.exc import OperationalError

from keepcool.app.leading import terms
from keepcool.app.store import FENCE, Store
from keepcool.ports.seat import Seat
from keepcool.ports.system import Clock

Work = Callable[[], Sequence[Coroutine[Any, Any, None]]]
_AGAIN_S = 0.5
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
        await _until_lost(seat, asyncio.create_task(_term(epoch, work)))


async def _until_lost(seat: Seat, working: asyncio.Task[None]) -> None:
    lost = asyncio.create_task(seat.lost())
    try:
        await asyncio.wait((working, lost), return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost.cancel()
        over = working.done()
        working.cancel()
        (ended,) = await asyncio.gather(working, return_exceptions=True)
    if over and isinstance(ended, BaseException):
        raise ended


async def _term(epoch: int, work: Work) -> None:
    FENCE.set(terms.fence(epoch))  # of this task and of all it starts
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
