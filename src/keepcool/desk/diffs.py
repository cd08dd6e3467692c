"""A proposed policy beside the one in force, line by line, as people compare texts."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

LINES_MAX = 4_000
_AROUND = 3


@dataclass(frozen=True, slots=True)
class Line:
    kind: Literal["same", "gone", "new", "gap"]
    text: str


def lines(before: bytes, after: bytes) -> list[Line]:
    """Changed lines with a few unchanged ones around them."""
    found = difflib.unified_diff(_read(before), _read(after), n=_AROUND, lineterm="")
    return [_line(one) for one in list(found)[2 : LINES_MAX + 2]]


def _line(text: str) -> Line:
    if text.startswith("@@"):
        return Line("gap", text)
    kinds: dict[str, Literal["same", "gone", "new"]] = {"+": "new", "-": "gone"}
    return Line(kinds.get(text[:1], "same"), text[1:])


def _read(document: bytes) -> list[str]:
    return document.decode("utf-8", "replace").splitlines()
