"""State that is told in events is written in few places, each of which tells it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest

from tests.architecture.test_tidy import SRC, python_files

# where rows of these tables may be written; every one of these files calls `telling`
WRITERS = {
    "withdrawal": {"app/payouts/store.py"},
    "deposit": {"app/deposits/records.py", "app/deposits/bitcoin/outputs.py"},
    "payout_event": {"app/payouts/notes.py"},
    "wallet": {"app/books/registry.py"},
    "event": {"app/deposits/events.py"},
    "event_out": {"app/events/log.py"},
    "ledger_transfer": {"app/pools/transfers.py"},
}
WORDS = ("insert", "update", "delete")
WRITES = re.compile(rf"\.\s*({'|'.join(WORDS)})\s*\(")


@pytest.fixture(scope="module")
def writers() -> dict[str, set[str]]:
    """Which files write which tables."""
    found = defaultdict[str, set[str]](set)
    for path in python_files("src"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if WRITES.search(text) else ():
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            if node.func.attr in WORDS and isinstance(owner, ast.Name) and not node.args:
                found[owner.id].add(str(path.relative_to(SRC)))
    return found


@pytest.mark.parametrize("table", WRITERS)
def test_a_told_table_is_written_where_it_is_told(writers: dict[str, set[str]], table: str) -> None:
    """Another writer would change state that nobody hears of."""
    assert writers[table] == WRITERS[table]


def test_each_writer_tells() -> None:
    """It calls the module that tells, or is the log itself."""
    for path in set().union(*WRITERS.values()) - {"app/events/log.py"}:
        assert "telling." in (SRC / path).read_text(encoding="utf-8"), path
