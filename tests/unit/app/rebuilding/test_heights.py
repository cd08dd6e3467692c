"""From which block on a date is covered."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as some

from keepcool.app.rebuilding.heights import MARGIN_S, height_at

_GAPS = some.lists(some.integers(min_value=-3_000, max_value=20_000), min_size=1, max_size=300)


@given(gaps=_GAPS, at=some.integers(min_value=0, max_value=2_000_000))
def test_no_block_from_that_time_on_is_left_out(gaps: list[int], at: int) -> None:
    """Blocks whose times waver by less than the margin: all of those at or after the time are read."""
    times, highest = [1_000_000], 1_000_000
    for gap in gaps:
        highest = max(highest, times[-1] + max(gap, 0))
        times.append(max(highest + min(gap, 0), times[-1] - 3_000))

    async def time_of(height: int) -> int:
        return times[height]

    first = asyncio.run(height_at(time_of, len(times) - 1, at))
    missed = [height for height in range(first) if times[height] >= at]
    assert MARGIN_S > 3_000
    assert not missed
