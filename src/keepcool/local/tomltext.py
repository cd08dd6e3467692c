"""Plain values as TOML text. The standard library only reads TOML; this writes the part we use (TOML 1.0).

Scalars and lists of scalars come first, tables after them, in the order given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def rendered(table: Mapping[str, object]) -> str:
    """Raises TypeError on a value TOML has no word for."""
    return "\n".join(_lines(table, ())).lstrip("\n") + "\n"


def _lines(table: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    lines = [f"{_key(name)} = {_value(value)}" for name, value in table.items() if not _is_table(value)]
    for name, value in table.items():
        inner = (*path, name)
        heading = ".".join(_key(part) for part in inner)
        if isinstance(value, Mapping):
            only_tables = bool(value) and all(_is_table(one) for one in value.values())
            lines += [*([] if only_tables else ["", f"[{heading}]"]), *_lines(value, inner)]
        elif _is_table(value) and isinstance(value, Sequence):
            for row in value:
                lines += ["", f"[[{heading}]]", *_lines(row, inner)]
    return lines


def _is_table(value: object) -> bool:
    rows = isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value)
    return isinstance(value, Mapping) or bool(rows)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case int() | float():
            return repr(value)
        case list() | tuple():
            return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"TOML has no word for {type(value).__name__}")


def _quoted(text: str) -> str:
    """A JSON string is a TOML basic string, but for the delete character and surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
