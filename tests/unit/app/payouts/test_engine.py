"""The payouts' loops: what breaks one round ends no life."""

from __future__ import annotations

import asyncio
from pathlib import Path

from keepcool.app.payouts.engine import PayoutEngine, Work
from tests.fixtures.paperpayouts import House


def test_a_loop_that_breaks_goes_on(tmp_path: Path) -> None:
    """An error that nobody foresaw, in one lane's loop, neither ends it nor stops the loops beside it."""
    house = House(tmp_path)
    rounds = {"broken": 0, "well": 0}

    async def broken() -> bool:
        rounds["broken"] += 1
        raise ValueError("a row that cannot be")

    async def well() -> bool:
        rounds["well"] += 1
        return False

    async def live() -> None:
        (lane,) = (await house.office.lanes()).values()
        engine = PayoutEngine([Work("broken", lane, broken), Work("well", lane, well)])
        running = asyncio.ensure_future(engine.run())
        async with asyncio.timeout(90):
            while min(rounds.values()) < 3:
                if running.done():
                    running.result()
                engine.wake()
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(live())
    house.close()
