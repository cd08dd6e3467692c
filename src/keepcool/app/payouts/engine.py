"""The service loop: every open withdrawal of the database, also after a crash, one small step at a time.

Three loops per network, so that a slow signer does not hold up receipts: draft and sign, execute and send,
watch and settle. What they share stands in the database; each step is legal there or does not happen.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from keepcool.app.payouts import bumping, drafting, executing, gaps, reconciling, sending, signing, watching
from keepcool.app.payouts.lane import Lane, wait_after
from keepcool.core.errors import Breach, KeepcoolError

_BREATH_S = 0.005
_log = logging.getLogger("keepcool.payouts")


class PayoutEngine:
    """`run` until cancelled. `wake` after a request, so that it need not wait for the next round."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._bells: list[asyncio.Event] = []

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                for name, work in (("sign", draft_and_sign), ("send", execute), ("watch", watch)):
                    bell = asyncio.Event()
                    self._bells.append(bell)
                    group.create_task(self._loop(name, lane, work, bell))
            await asyncio.Event().wait()

    def wake(self) -> None:
        for bell in self._bells:
            bell.set()

    async def _loop(
        self, name: str, lane: Lane, work: Callable[[Lane], Awaitable[bool]], bell: asyncio.Event
    ) -> None:
        failures = 0
        while True:
            bell.clear()
            moved = await _round(name, lane, work)
            failures = 0 if moved is not None else failures + 1
            if moved:
                self.wake()
                await asyncio.sleep(_BREATH_S)
                continue
            wait_ms = lane.settings.poll_ms if not failures else wait_after(failures)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):  # wait_for may swallow a cancellation
                    await bell.wait()


async def _round(name: str, lane: Lane, work: Callable[[Lane], Awaitable[bool]]) -> bool | None:
    """None when something outside was not there."""
    try:
        return await work(lane)
    except Breach as error:
        await lane.note("payout.breach", name, f"{error.code}: {error.public}")
    except KeepcoolError as error:
        _log.info("payouts wait", extra={"loop": name, "network": lane.network, "code": error.code})
    return None


async def draft_and_sign(lane: Lane) -> bool:
    drafted = await drafting.draft_all(lane)
    return await signing.sign_all(lane) or drafted


async def execute(lane: Lane) -> bool:
    purse = await sending.learn_purse(lane)
    planned = bool(await executing.plan_all(lane, purse))
    await bumping.bump_stuck(lane)
    if await sending.sign_stored(lane):
        await gaps.fill(lane)
    await sending.send_all(lane)
    return planned


async def watch(lane: Lane) -> bool:
    seen = await watching.look_for_receipts(lane)
    final = await executing.final_block(lane)
    posted = await reconciling.reconcile(lane, final)
    settled = await watching.finalize(lane, final)
    await watching.resolve_uncertain(lane)
    return seen or posted or settled
