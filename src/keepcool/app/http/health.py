"""Whether every part behind the API answers: bus, database, nodes, signers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from keepcool.app.http.fields import Out
from keepcool.core.errors import KeepcoolError

Probe = Callable[[], Awaitable[str]]
PROBE_TIMEOUT_S = 3
_FRESH_S = 1


class HealthOut(Out):
    """`parts`: ok, or the code of what is wrong."""

    status: Literal["ok", "degraded"]
    parts: dict[str, str]


class Health:
    """Asks every part at once, each within a bound; an answer is good for a second."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = dict(probes)
        self._lock = asyncio.Lock()
        self._asked_at = 0.0
        self._found: dict[str, tuple[str, str]] = {}

    async def found(self) -> dict[str, tuple[str, str]]:
        """Per part: "ok" or a code, and a sentence."""
        async with self._lock:
            if not self._found or time.monotonic() - self._asked_at > _FRESH_S:
                answers = await asyncio.gather(*(_probed(probe) for probe in self._probes.values()))
                self._found = dict(zip(self._probes, answers, strict=True))
                self._asked_at = time.monotonic()
            return self._found

    async def shown(self) -> HealthOut:
        parts = {name: code for name, (code, _) in (await self.found()).items()}
        well = all(code == "ok" for code in parts.values())
        return HealthOut(status="ok" if well else "degraded", parts=parts)


async def _probed(probe: Probe) -> tuple[str, str]:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return "ok", await probe()
    except KeepcoolError as error:
        return error.code, error.public
    except TimeoutError:
        return "timeout", f"no answer within {PROBE_TIMEOUT_S} s"
    except Exception as error:  # noqa: BLE001 - health tells of a broken part, it does not break with it
        return "fault", type(error).__name__
