"""Sudden death at a named point, for the kill -9 test.

Configured by the setting `fault` or, in a test's environment, KEEPCOOL_FAULT: "keeper-remembered", or
"keeper-remembered:3" for the third time the point is reached.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from keepcool.core.errors import Refused
from keepcool.core.faults import FaultPoint
from keepcool.ports.system import Faults

VARIABLE = "KEEPCOOL_FAULT"


class NoFaults:
    """Production."""

    def reach(self, point: FaultPoint) -> None:
        """Nothing happens here."""


class CrashAt:
    """Kills its own process with SIGKILL at the `times`-th arrival at `point`: no handler runs, nothing
    is flushed, as in kill -9."""

    def __init__(self, point: FaultPoint, times: int = 1) -> None:
        self._point, self._left = point, times

    def reach(self, point: FaultPoint) -> None:
        if point is not self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def faults_from(setting: str, environment: Mapping[str, str]) -> Faults:
    """The faults a test ordered, else none. Raises Refused on a point that does not exist."""
    text = setting or environment.get(VARIABLE, "")
    if not text:
        return NoFaults()
    name, _, times = text.partition(":")
    try:
        point, count = FaultPoint(name), int(times or "1")
    except ValueError as error:
        raise Refused("settings.fault", f"no such fault point: {text!r}") from error
    if count < 1:
        raise Refused("settings.fault", f"a fault point is reached at least once: {text!r}")
    return CrashAt(point, count)
