"""Numbers for Prometheus, in a file: signers listen on no port, so node_exporter's textfile collector
reads them. The file is replaced as a whole, never seen half-written."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest

_log = logging.getLogger(__name__)


class MetricsFile:
    """Writes a registry to `path` (name it *.prom)."""

    def __init__(self, registry: CollectorRegistry, path: Path) -> None:
        self._registry, self._path = registry, path

    def write(self) -> None:
        """Replaces the file. Raises OSError when the folder cannot be written."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        beside.write_bytes(generate_latest(self._registry))
        beside.replace(self._path)

    async def keep_writing(self, interval_s: float) -> None:
        """Writes now and then until cancelled. A full disk costs numbers, not the service."""
        while True:
            try:
                await asyncio.to_thread(self.write)
            except OSError as error:
                _log.warning("metrics not written", extra={"path": str(self._path), "errno": error.errno})
            await asyncio.sleep(interval_s)


class ExchangeWatch:
    """Counts and logs what the exchange refused and what broke in a handler."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "keepcool_frames_refused", "Frames refused, by type and code.", ["typ", "code"], registry=registry
        )
        self._faults = Counter(
            "keepcool_handler_faults", "Handlers that broke, by type.", ["typ"], registry=registry
        )

    def refused(self, typ: str, code: str) -> None:
        self._refused.labels(typ, code).inc()
        _log.warning("frame refused", extra={"typ": typ, "code": code})

    def fault(self, typ: str, error: Exception) -> None:
        self._faults.labels(typ).inc()
        _log.error("handler broke", extra={"typ": typ}, exc_info=error)


def gauges(registry: CollectorRegistry, found: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
    """Numbers read when they are written: name to explanation and reading."""
    for name, (about, reading) in found.items():
        Gauge(f"keepcool_{name}", about, registry=registry).set_function(reading)
