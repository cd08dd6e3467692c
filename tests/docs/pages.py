"""The documents' code blocks, as the tests run them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_RUNS = re.compile(
    r"(0x|Mx|Mt|tx |rltc1)[0-9a-z]+(…[0-9a-z]+)?"
    r"|\b[0-9a-f]{64}\b|\b[0-9a-f]{4}…[0-9a-f]{4}\b"
    r"|\b\d{6,}\b|\b\d+(?= (and|sat)\b)",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    """The code blocks of one kind, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for named, body in _BLOCK.findall(text) if named == kind]


def shape(line: str) -> str:
    """A line without what differs from run to run: addresses, hashes, numbers of wei and satoshi."""
    return _RUNS.sub("#", line).strip()
