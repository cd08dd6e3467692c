"""Prometheus numbers of events."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Numbers:
    def __init__(self, metrics: CollectorRegistry) -> None:
        self.events = Counter(
            "keepcool_events", "Events committed since the start.", ["type"], registry=metrics
        )
        self.deliveries = Counter(
            "keepcool_webhook_deliveries", "Attempts to deliver.", ["result"], registry=metrics
        )
        self.streams = Gauge("keepcool_event_streams", "Streams of events open now.", registry=metrics)
        self.cut = Counter("keepcool_event_streams_cut", "Streams that took too little.", registry=metrics)
