"""How many streams there may be, in all and of one key."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from keepcool.adapters.system.clock import SystemClock
from tests.unit.app.events.office import LOOPBACK, event_office, opened


@pytest.mark.parametrize(("of_one_key", "left"), [(8, True), (32, False)])
def test_one_key_takes_what_is_its_and_no_more(tmp_path: Path, of_one_key: int, left: bool) -> None:
    """With the bound others find room; the twin: where one key may have all, nobody else has any."""
    store = opened(tmp_path)
    chosen = msgspec.structs.replace(LOOPBACK, subscribers_per_key=of_one_key)

    async def work() -> None:
        office, poster = event_office(chosen, store, SystemClock())
        with ExitStack() as stack:
            while office.has_room("greedy"):
                stack.enter_context(office.streaming("greedy"))
            assert (office.streams_open, office.has_room("other")) == (of_one_key, left)
        assert (office.streams_open, office.has_room("greedy")) == (0, True)
        await poster.close()

    asyncio.run(work())
    store.close()
