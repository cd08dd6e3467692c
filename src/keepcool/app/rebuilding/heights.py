"""The block from which on a time is covered: by halving, since blocks come roughly in the order of their
times.

Law: what is found lies before the time by a margin, so that a clock that was off has nothing missed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

MARGIN_S = 4 * 3600  # a block's time may lie two hours ahead, and a little behind the one before


async def height_at(time_of: Callable[[int], Awaitable[int]], tip: int, at_s: int) -> int:
    """The first height worth reading for what has happened since `at_s`."""
    low, high = 0, tip
    while low < high:
        middle = (low + high) // 2
        if await time_of(middle) < at_s - MARGIN_S:
            low = middle + 1
        else:
            high = middle
    return low
