"""Counts and logs how the link to the broker fares."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter, Gauge

from keepcool.core.parties import Service

_log = logging.getLogger(__name__)


class CountedBus:
    """The bus's watch of a running service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge("keepcool_bus_linked", "1 while linked to the broker.", registry=registry)
        self._violations = Counter(
            "keepcool_bus_violations", "Subjects the broker refused us.", registry=registry
        )
        self._dropped = Counter("keepcool_bus_dropped", "Messages not treated.", registry=registry)

    def linked(self, service: Service, server: str) -> None:
        self._up.set(1)
        _log.info("linked to the broker", extra={"as": service.value, "server": server})

    def lost(self, service: Service, reason: str) -> None:
        self._up.set(0)
        _log.warning("no link to the broker", extra={"as": service.value, "reason": reason})

    def violation(self, service: Service, text: str) -> None:
        self._violations.inc()
        _log.error("the broker refused a subject", extra={"as": service.value, "text": text})

    def dropped(self, service: Service, reason: str) -> None:
        self._dropped.inc()
        _log.warning("message not treated", extra={"as": service.value, "reason": reason})
