"""What App tells of events and webhooks, as frozen values."""

from __future__ import annotations

from typing import Any

from keepcool.client.models import Answer


class Event(Answer, frozen=True):
    """`cursor` grows by one with every event; `data` has fields by `type`, and more may be added."""

    id: str
    cursor: int
    type: str
    version: int
    at_ms: int
    timestamp: str
    data: dict[str, Any]


class Webhook(Answer, frozen=True):
    """`waiting` deliveries are tried again, `dead` ones were given up."""

    id: str
    url: str
    types: list[str]
    about: str
    active: bool
    reason: str
    cursor: int
    delivered: int
    waiting: int
    dead: int
    problem: str
    failing_since_ms: int | None
    rotating_until_ms: int | None
    created_at_ms: int


class WebhookSecret(Answer, frozen=True):
    """`secret` is told once."""

    webhook: Webhook
    secret: str


class Tested(Answer, frozen=True):
    taken: bool
    status: int | None
    problem: str


class DeadDelivery(Answer, frozen=True):
    event: Event
    tries: int
    status: int | None
    problem: str
    first_at_ms: int
    last_at_ms: int
