"""How events are told: the stream's bounds, and how patient webhooks are."""

from __future__ import annotations

from keepcool.core.errors import Refused
from keepcool.ports.settings import Settings


class EventSettings(Settings, frozen=True):
    """`subscribers_max`: streams at once; one that takes nothing for `slow_after_s` is cut and may resume.

    Webhooks: at most `webhooks_max`, each with `webhook_in_flight` deliveries at once (1 sends one after
    another). A delivery that fails is tried `webhook_tries_max` times, after `webhook_wait_s_first`, then
    three times as long each time up to `webhook_wait_s_max`; a webhook that fails for
    `webhook_disable_after_s` is switched off. `webhook_networks`: networks (CIDR) that are not public and may
    be posted to nevertheless, there also over plain HTTP."""

    subscribers_max: int = 32
    heartbeat_s: float = 15.0
    slow_after_s: float = 20.0
    webhooks_max: int = 32
    webhook_timeout_s: float = 10.0
    webhook_in_flight: int = 8
    webhook_tries_max: int = 12
    webhook_wait_s_first: float = 5.0
    webhook_wait_s_max: float = 21_600.0
    webhook_disable_after_s: int = 5 * 86_400
    webhook_networks: tuple[str, ...] = ()


def check_events(settings: EventSettings) -> None:
    """Raises Refused `config.events`."""
    counts = (settings.webhooks_max, settings.webhook_in_flight, settings.webhook_tries_max)
    if min(*counts, settings.subscribers_max, settings.webhook_disable_after_s) < 1:
        raise Refused("config.events", "events: counts are at least 1")
    times = (settings.heartbeat_s, settings.slow_after_s, settings.webhook_timeout_s)
    if min(*times, settings.webhook_wait_s_first) <= 0:
        raise Refused("config.events", "events: times are longer than nothing")
    if settings.webhook_wait_s_max < settings.webhook_wait_s_first:
        raise Refused("config.events", "events: webhook_wait_s_max is at least webhook_wait_s_first")
