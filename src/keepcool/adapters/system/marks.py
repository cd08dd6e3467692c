"""Small numbers that survive a restart: one JSON object in a file, replaced as a whole.

A file that does not read is as if there were none: whoever keeps marks does a little again, never nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

_BYTES_MAX = 64 * 1024


class MarksFile:
    """The port Marks."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_bytes()[:_BYTES_MAX])
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {str(name): value for name, value in found.items() if type(value) is int}

    def write(self, marks: Mapping[str, int]) -> None:
        """Raises OSError when the folder cannot be written."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with beside.open("w", encoding="ascii") as file:
            json.dump(dict(marks), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
