"""How things are measured here: interleaved rounds, medians, ratios to a peer of the same run.

Machines drift, so a subject and its peers take turns within each round; what is quoted is the median over
rounds and the ratio of medians, never one run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `goal` says what it should be, `met` whether it is (None without a goal)."""

    name: str
    value: float
    unit: str
    beside: str = ""
    goal: str = ""
    met: bool | None = None


def rate(work: Callable[[], int], least_s: float = 0.3) -> float:
    """Items per second: `work` does some items and says how many, repeated for at least `least_s`."""
    done, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < least_s:
        done += work()
    return done / elapsed


def side_by_side(works: dict[str, Callable[[], int]], rounds: int = 5) -> dict[str, float]:
    """The median rate of each, taking turns."""
    rates: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            rates[name].append(rate(work))
    return {name: statistics.median(found) for name, found in rates.items()}


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def printed(title: str, figures: Sequence[Figure], how: str) -> None:
    print(f"\n{title}\n  ({how})")
    for figure in figures:
        verdict = {True: "met", False: "NOT MET", None: ""}[figure.met]
        goal = f"  goal {figure.goal}: {verdict}" if figure.goal else ""
        beside = f"  {figure.beside}" if figure.beside else ""
        value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:,.2f}"
        print(f"  {figure.name:<58}{value:>12} {figure.unit:<8}{beside}{goal}")
