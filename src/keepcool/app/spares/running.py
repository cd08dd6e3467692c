"""Wallet making at work: round after round, patient with nodes and Keeper, never silent about a wait."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from keepcool.app.spares import asking, books, making, sending
from keepcool.app.spares.bells import Bells
from keepcool.app.spares.lane import Lane
from keepcool.core.errors import Breach, KeepcoolError, Unavailable

_PAUSE_MS_MAX = 30_000
_log = logging.getLogger("keepcool.app.spares")


@dataclass(slots=True)
class Standing:
    """How it is, for health. `waiting` is None while all is well."""

    rounds: int = 0
    waiting: KeepcoolError | None = None

    def describe(self) -> str:
        """A sentence. Raises the error it waits for."""
        if self.waiting is not None:
            raise self.waiting
        if not self.rounds:
            raise Unavailable("spares.starting", "no wallet was made ahead yet")
        return "wallets are made ahead"


async def run(lane: Lane, standing: Standing, bells: Bells, *, poll_ms: int) -> None:
    """Until cancelled."""
    failures = 0
    while True:
        bells.wanted.clear()
        try:
            moved = await step(lane, bells.made)
        except KeepcoolError as error:
            failures += 1
            await _tell(lane, standing, error)
        else:
            failures, standing.waiting, standing.rounds = 0, None, standing.rounds + 1
            if moved:
                continue
        try:
            pause_ms = min(poll_ms * 2 ** min(failures, 16), max(_PAUSE_MS_MAX, poll_ms))
            async with asyncio.timeout(pause_ms / 1000):
                await bells.wanted.wait()
        except TimeoutError:
            continue


async def step(lane: Lane, made: asyncio.Event) -> bool:
    """One bounded round. Whether there is more to do at once."""
    creators, keepers = await asking.learn(lane)
    if not creators:
        raise Unavailable("spares.creators", f"Keeper names no creators on {lane.network}: set its policy")
    accounts = await lane.accounts([one.address for one in creators])
    seen = await sending.observe(lane, accounts)
    if seen:
        made.set()
    cost = await making.create_cost(lane)
    posted = await books.reconcile(lane, creators, cost)
    planned = False if seen else await making.plan_all(lane, creators, accounts, keepers)
    signed = await asking.ask_all(lane)
    await sending.send_all(lane)
    return seen or posted or (planned and signed)


async def _tell(lane: Lane, standing: Standing, error: KeepcoolError) -> None:
    if standing.waiting is None or standing.waiting.code != error.code:
        _log.warning("wallet making waits", extra={"code": error.code, "reason": error.public})
    if isinstance(error, Breach):
        await lane.note("spare.breach", lane.network, f"{error.code}: {error.public}")
    standing.waiting = error
