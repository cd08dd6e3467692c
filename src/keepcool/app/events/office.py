"""The events as one part: who follows, who is posted to, and what may be asked of that."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from keepcool.app.events import deliveries, dispatch, endpoints, kinds, log
from keepcool.app.events.deliveries import Outcome
from keepcool.app.events.dispatch import Dispatcher, Means
from keepcool.app.events.endpoints import NewWebhook, Webhook
from keepcool.app.events.log import Event, Subject
from keepcool.app.events.numbers import Numbers
from keepcool.app.events.patience import patience_of
from keepcool.app.events.settings import EventSettings
from keepcool.app.events.tail import Tail
from keepcool.app.store import Store
from keepcool.core.errors import Malformed
from keepcool.ports.system import Clock, Entropy
from keepcool.ports.webhooks import Poster, Sealer

OVERLAP_S, OVERLAP_S_MAX = 86_400, 30 * 86_400


class EventOffice:
    """`tail` for those who follow; the rest is about webhooks. `run` until cancelled."""

    def __init__(
        self,
        settings: EventSettings,
        store: Store,
        poster: Poster,
        sealer: Sealer,
        *,
        clock: Clock,
        entropy: Entropy,
        metrics: CollectorRegistry,
        knock: Callable[[], None] | None = None,
    ) -> None:
        self.settings, self._store = settings, store
        self.numbers = Numbers(metrics)
        self.tail = Tail(store, count=self._count)
        self._means = Means(
            store=store,
            tail=self.tail,
            poster=poster,
            sealer=sealer,
            clock=clock,
            entropy=entropy,
            patience=patience_of(settings),
            in_flight=settings.webhook_in_flight,
            numbers=self.numbers,
        )
        self._dispatcher = Dispatcher(self._means)
        self._knock = knock or self._dispatcher.changed
        self._streams = Counter[str]()

    @property
    def streams_open(self) -> int:
        return self._streams.total()

    def has_room(self, key: str) -> bool:
        """Whether this API key may open one more stream: none takes the places of all others."""
        few = self._streams[key] < self.settings.subscribers_per_key
        return few and self.streams_open < self.settings.subscribers_max

    @contextlib.contextmanager
    def streaming(self, key: str) -> Iterator[None]:
        """One more stream of this API key is open, for the length of the block."""
        self._streams[key] += 1
        self.numbers.streams.set(self.streams_open)
        try:
            yield
        finally:
            self._streams[key] -= 1
            self._streams += Counter()  # without those that have none
            self.numbers.streams.set(self.streams_open)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.tail.run())
            group.create_task(self.deliver())

    async def deliver(self) -> None:
        """To webhooks, until cancelled."""
        await self._dispatcher.run()

    def rung(self) -> None:
        """Webhooks have changed, here or by another App."""
        self._dispatcher.changed()

    async def add(
        self, url: str, types: tuple[str, ...], about: str, after: int | None
    ) -> tuple[Webhook, str]:
        """From the next event on, or from `after` on. Raises Refused where nothing may be posted to."""
        means, chosen = self._means, kinds.check_patterns(types)
        await means.poster.check(url)

        def work(tx: Connection) -> tuple[Webhook, str]:
            last = log.last_cursor(tx)
            if after is not None and after > last:
                raise Malformed("webhook.cursor", "there is no such cursor yet: begin at an earlier one")
            new = NewWebhook(url=url, types=chosen, about=about, cursor=last if after is None else after)
            most, now_ms = self.settings.webhooks_max, means.clock.now_ms()
            return endpoints.add(
                tx, new, most=most, sealer=means.sealer, entropy=means.entropy, now_ms=now_ms
            )

        made = await self._store.run(work)
        self._knock()
        return made

    async def rotate(self, name: str, overlap_s: int) -> tuple[Webhook, str]:
        means = self._means
        return await self._store.run(
            lambda tx: endpoints.rotate(
                tx,
                name,
                overlap_ms=overlap_s * 1000,
                sealer=means.sealer,
                entropy=means.entropy,
                now_ms=means.clock.now_ms(),
            )
        )

    async def test(self, name: str) -> Outcome:
        """One attempt with an event that stands in no log."""
        means, now_ms = self._means, self._means.clock.now_ms()
        one, keys = await self._store.run(
            lambda tx: (endpoints.get(tx, name), endpoints.secrets(tx, name, means.sealer, now_ms))
        )
        message = log.make_id(now_ms, means.entropy(10))
        data = json.dumps({"webhook": name}, separators=(",", ":"))
        event = Event(0, message, kinds.TEST, log.VERSION, now_ms, Subject(), data)
        return await dispatch.send(means, one, keys, message, event.body())

    async def remove(self, name: str) -> Webhook:
        return await self._changed(lambda tx: endpoints.remove(tx, name))

    async def enable(self, name: str) -> Webhook:
        return await self._changed(lambda tx: endpoints.enable(tx, name))

    async def replay_after(self, name: str, cursor: int) -> Webhook:
        return await self._changed(lambda tx: deliveries.replay_after(tx, name, cursor))

    async def replay_dead(self, name: str) -> Webhook:
        now_ms = self._means.clock.now_ms()
        return await self._changed(lambda tx: deliveries.replay_dead(tx, name, now_ms))

    async def _changed(self, work: Callable[[Connection], Webhook]) -> Webhook:
        one = await self._store.run(work)
        self._knock()
        return one

    def _count(self, one: Event) -> None:
        self.numbers.events.labels(one.type).inc()
