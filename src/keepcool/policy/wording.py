"""Lists, durations and moments as people read them: exact, in one order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

DAY_S = 86_400


def listed(names: Iterable[str]) -> str:
    """`a, b and c`, sorted. At least one."""
    *most, last = sorted(names)
    return f"{', '.join(most)} and {last}" if most else last


def duration(seconds: int) -> str:
    """`2 h`, `90 min`, `75 s`: the largest unit that says it exactly."""
    for size, unit in ((DAY_S, "days"), (3600, "h"), (60, "min")):
        if seconds % size == 0 and seconds >= size:
            return "1 day" if seconds == DAY_S else f"{seconds // size} {unit}"
    return f"{seconds} s"


def age(seconds: int) -> str:
    """`3 h`, `90 min`: in whole units, rounded down, at least two of them."""
    for size, unit in ((DAY_S, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"


def moment(at_s: int) -> str:
    """`2026-01-31 12:00:00 UTC`."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
