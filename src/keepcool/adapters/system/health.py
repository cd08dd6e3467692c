"""How a service that listens on no port is: one JSON object in a file, replaced every few seconds.

Law: a file that is not fresh is not health; whoever reads it compares `at_ms` with the clock.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from keepcool.core.errors import Unavailable
from keepcool.ports.system import Clock

FRESH_MS = 30_000
Found = Mapping[str, object]
_log = logging.getLogger(__name__)


class HealthFile:
    """Writes what `look` finds to `path`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock

    def write(self, found: Found) -> None:
        """Replaces the file. Raises OSError when the folder cannot be written."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        beside.write_text(json.dumps({**found, "at_ms": self._clock.now_ms()}) + "\n", encoding="ascii")
        beside.replace(self._path)

    def read(self) -> dict[str, object]:
        """What was found last. Raises Unavailable when there is nothing fresh: the service is not running."""
        try:
            found = json.loads(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise Unavailable(
                "health.absent", f"{self._path} cannot be read: was it ever started?"
            ) from error
        age_ms = self._clock.now_ms() - int(found.get("at_ms", 0))
        if age_ms > FRESH_MS:
            raise Unavailable("health.stale", f"the service has not spoken for {age_ms // 1000} s")
        return dict(found)

    async def keep_writing(self, look: Callable[[], Found], interval_s: float) -> None:
        """Writes now and then until cancelled. A full disk costs the file, not the service."""
        while True:
            try:
                await asyncio.to_thread(self.write, look())
            except OSError as error:
                _log.warning("health not written", extra={"path": str(self._path), "errno": error.errno})
            await asyncio.sleep(interval_s)
