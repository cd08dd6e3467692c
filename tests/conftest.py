"""Side by side: how many files at a time, and in which order.

Tests with servers mostly wait, for blocks, for processes to start and to end, so there are two workers to a
core (`-n auto`); those without only compute, and get one (`-n logical`), but never fewer than two. A file
stays with its worker. Files that share an installation follow one another, and the installation ends after
the last of them; of those, and of the others, the ones that take longest begin first, or the last of them
would run alone at the end: `slowest.txt` says how long each took, in seconds.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fixtures.books import both_engines
from tests.fixtures.houses import HOUSES
from tests.fixtures.postgres import postgres

__all__ = ["both_engines", "postgres"]

_SLOWEST = Path(__file__).with_name("slowest.txt")
_SHARED = ("minter_house", "house")
_TO_A_CORE = 2


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    waits = config.getoption("numprocesses") == "auto"
    return (_TO_A_CORE if waits else 1) * max(2, os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Alone, tests keep their order."""
    if not hasattr(config, "workerinput"):
        return
    took = _seconds(_SLOWEST.read_text(encoding="utf-8"))
    groups = {_file(item): len(_SHARED) for item in items}
    for item in items:
        shared = [_SHARED.index(name) for name in _SHARED if name in _fixtures(item)]
        groups[_file(item)] = min(groups[_file(item)], *shared, len(_SHARED))
    items.sort(key=lambda item: (groups[_file(item)], -took.get(_file(item), 0), _file(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What this file does without is not waited for by anything."""
    houses = item.session.stash.get(HOUSES, None)
    if houses is not None and houses.moved_to(_file(item)):
        beside = [_fixtures(one) for one in item.session.items if _file(one) == _file(item)]
        houses.close_others(frozenset().union(*beside))


def pytest_sessionfinish(session: pytest.Session) -> None:
    houses = session.stash.get(HOUSES, None)
    if houses is not None:
        houses.close_others(frozenset())


def _fixtures(item: pytest.Item) -> frozenset[str]:
    return frozenset(getattr(item, "fixturenames", ()))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _seconds(text: str) -> dict[str, int]:
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {file: int(seconds) for seconds, file in rows}
