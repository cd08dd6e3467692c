"""The page on logs names every field that a line may have."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

from keepcool.adapters.system.logs import LEVELS, JsonLines
from tests.docs.pages import ROOT, blocks

PAGE = "docs/reference/logs.md"


def named() -> set[str]:
    """In the first column of its tables."""
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}


def logged() -> Iterator[tuple[str, str]]:
    """Field and file: the keys of every `extra=` that is written out."""
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            words = node.keywords if isinstance(node, ast.Call) else []
            tables = [one.value for one in words if one.arg == "extra" and isinstance(one.value, ast.Dict)]
            for key in [key for table in tables for key in table.keys]:
                if isinstance(key, ast.Constant):
                    yield str(key.value), file.name


def test_every_field_that_is_logged_is_on_the_page() -> None:
    """And none has the name of a field every line has, which would hide it."""
    fixed = {"time", "at_ms", "level", "service", "logger", "event", "error"}
    assert [one for one in logged() if one[0] not in named() or one[0] in fixed] == []


def test_the_line_shown_has_what_every_line_has() -> None:
    """The same fields in the same order, and levels that exist."""
    import logging

    made = json.loads(JsonLines("app").format(logging.makeLogRecord({"msg": "x", "levelname": "INFO"})))
    shown = json.loads(blocks(PAGE, "json")[0])
    assert list(shown)[: len(made)] == list(made)
    assert shown["level"] in LEVELS
