"""Time, entropy and sudden death, as parameters."""

from __future__ import annotations

from typing import Protocol

from keepcool.core.faults import FaultPoint


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix time in whole milliseconds."""


class Entropy(Protocol):
    def __call__(self, size_bytes: int) -> bytes:
        """Fresh random bytes of the operating system's quality."""


class Faults(Protocol):
    def reach(self, point: FaultPoint) -> None:
        """Called at each fault point. Does nothing in production; a test's may end the process here."""
