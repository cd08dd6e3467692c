"""The machine's clock and entropy."""

from __future__ import annotations

import os
import time


class SystemClock:
    """Unix time. `offset_ms` is for tests of clocks that differ; a production file leaves it at 0."""

    def __init__(self, offset_ms: int = 0) -> None:
        self._offset_ms = offset_ms

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms


class SystemEntropy:
    """The kernel's random bytes."""

    def __call__(self, size_bytes: int) -> bytes:
        return os.urandom(size_bytes)
