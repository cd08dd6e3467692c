"""`client.webhooks`: where events are posted. An admin's key may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keepcool.client.http import Api
from keepcool.client.models import Page
from keepcool.client.told import DeadDelivery, Tested, Webhook, WebhookSecret

_PATH = "/v1/webhooks"


class Webhooks:
    def __init__(self, api: Api) -> None:
        self._api = api

    def add(
        self, url: str, types: Sequence[str] = (), *, about: str = "", after: int | None = None
    ) -> WebhookSecret:
        """From the next event on, or from cursor `after` on. The secret is in this answer alone."""
        body: dict[str, object] = {"url": url, "types": list(types), "about": about}
        return self._api.post(_PATH, WebhookSecret, body if after is None else body | {"after": after})

    def listed(self) -> list[Webhook]:
        return self._api.get(_PATH, Page[Webhook]).items

    def get(self, webhook: str) -> Webhook:
        return self._api.get(f"{_PATH}/{webhook}", Webhook)

    def test(self, webhook: str) -> Tested:
        """Posts one event of the type webhook.test, now."""
        return self._api.post(f"{_PATH}/{webhook}/test", Tested, {})

    def rotate(self, webhook: str, overlap_s: int = 86_400) -> WebhookSecret:
        """A new secret; the one before signs as well for so long."""
        return self._api.post(f"{_PATH}/{webhook}/rotate", WebhookSecret, {"overlap_s": overlap_s})

    def remove(self, webhook: str) -> Webhook:
        return self._api.delete(f"{_PATH}/{webhook}", Webhook)

    def enable(self, webhook: str) -> Webhook:
        """Goes on with the event at which it stopped."""
        return self._api.post(f"{_PATH}/{webhook}/enable", Webhook, {})

    def replay(self, webhook: str, after: int) -> Webhook:
        """Delivers everything beyond this cursor again, under the same ids."""
        return self._api.post(f"{_PATH}/{webhook}/replay", Webhook, {"after": after})

    def replay_dead(self, webhook: str) -> Webhook:
        """Tries what was given up anew."""
        return self._api.post(f"{_PATH}/{webhook}/replay", Webhook, {"dead": True})

    def dead(self, webhook: str) -> Iterator[DeadDelivery]:
        """What was given up, in the order of events."""
        cursor: str | None = None
        while True:
            page = self._api.get(f"{_PATH}/{webhook}/dead", Page[DeadDelivery], {"cursor": cursor})
            yield from page.items
            if page.next is None:
                return
            cursor = page.next
