"""How events are told: the stream's bounds, and how patient webhooks are."""

from __future__ import annotations

from keepcool.core.errors import Refused
from keepcool.ports.settings import Settings


class EventSettings(Settings, frozen=True):
    """How events are told, by stream and by webhook."""

    subscribers_max: int = 32
    """Streams at once."""
    subscribers_per_key: int = 8
    """Of these, by one API key."""
    heartbeat_s: float = 15.0
    """A silent stream gets a comment this often."""
    slow_after_s: float = 20.0
    """A stream that takes nothing for so long is cut, and may resume."""
    webhooks_max: int = 32
    """Webhooks there may be."""
    webhook_timeout_s: float = 10.0
    """How long a receiver may take."""
    webhook_in_flight: int = 8
    """Deliveries of one webhook at once; 1 sends one after another."""
    webhook_tries_max: int = 12
    """Attempts before a delivery is given up."""
    webhook_wait_s_first: float = 5.0
    """Before the second attempt; three times as long each time."""
    webhook_wait_s_max: float = 21_600.0
    """The longest between two attempts."""
    webhook_disable_after_s: int = 5 * 86_400
    """A webhook that fails for so long is switched off."""
    webhook_networks: tuple[str, ...] = ()
    """Networks (CIDR) that are not public and may be posted to nevertheless, there also over plain HTTP."""


def check_events(settings: EventSettings) -> None:
    """Raises Refused `config.events`."""
    counts = (settings.webhooks_max, settings.webhook_in_flight, settings.webhook_tries_max)
    streams = (settings.subscribers_max, settings.subscribers_per_key)
    if min(*counts, *streams, settings.webhook_disable_after_s) < 1:
        raise Refused("config.events", "events: counts are at least 1")
    times = (settings.heartbeat_s, settings.slow_after_s, settings.webhook_timeout_s)
    if min(*times, settings.webhook_wait_s_first) <= 0:
        raise Refused("config.events", "events: times are longer than nothing")
    if settings.webhook_wait_s_max < settings.webhook_wait_s_first:
        raise Refused("config.events", "events: webhook_wait_s_max is at least webhook_wait_s_first")
