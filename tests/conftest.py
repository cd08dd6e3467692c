"""Side by side: how many files at a time, and in which order.

Tests with servers mostly wait, for blocks, for processes to start and to end, so there are two workers to a
core; a file stays with its worker, which shares installations between its tests. The files that take
longest begin first, or the last of them would run alone at the end: `slowest.txt` says how long each took, in
seconds.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SLOWEST = Path(__file__).with_name("slowest.txt")
_TO_A_CORE = 2


def pytest_xdist_auto_num_workers() -> int:
    return _TO_A_CORE * (os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Alone, tests keep their order."""
    if not hasattr(config, "workerinput"):
        return
    took = _seconds(_SLOWEST.read_text(encoding="utf-8"))
    items.sort(key=lambda item: -took.get(item.nodeid.partition("::")[0], 0))


def _seconds(text: str) -> dict[str, int]:
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {file: int(seconds) for seconds, file in rows}
