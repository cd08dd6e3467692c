"""Delivering, to receivers of the test's own, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.app.events import endpoints, log
from keepcool.app.events.endpoints import Webhook
from keepcool.app.events.log import News, Subject
from keepcool.app.events.office import EventOffice
from keepcool.app.events.settings import EventSettings
from keepcool.app.store import Store
from keepcool.core.errors import Unavailable
from keepcool.ports.webhooks import Posted
from tests.fixtures.installation import eventually
from tests.unit.app.events.office import opened, sealer

IN_FLIGHT = 4
SEALER = sealer()


class Receivers:
    """Posts nowhere; `answer` says what came of it, by URL. Counts what is on its way."""

    def __init__(self, answer: Callable[[str], Awaitable[int]]) -> None:
        self._answer = answer
        self.got: list[tuple[str, str]] = []
        self.now = self.most = 0

    async def check(self, url: str) -> None:
        """Everything may be posted to."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        assert body.startswith(b'{"at_ms"')
        self.got.append((url, headers["webhook-id"]))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return Posted(await self._answer(url))
        finally:
            self.now -= 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = opened(tmp_path)
    yield made
    made.close()


def tell(store: Store, count: int) -> None:
    store.transact(lambda tx: log.append_all(tx, [News("a.b", Subject(), {})] * count, 1))


def hooks(store: Store) -> list[Webhook]:
    return list(store.transact(endpoints.listed))


def life(
    store: Store, receivers: Receivers, until: Callable[[], bool], *, urls: tuple[str, ...] = ()
) -> None:
    """One life of the office, with webhooks to these URLs, until it is so."""

    async def lived() -> None:
        settings = EventSettings(
            webhook_in_flight=IN_FLIGHT, webhook_wait_s_max=9.0, webhook_wait_s_first=9.0
        )
        office = EventOffice(
            settings,
            store,
            receivers,
            SEALER,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            metrics=CollectorRegistry(),
        )
        for url in urls:
            await office.add(url, (), "", 0)
        running = asyncio.create_task(office.run())
        await asyncio.to_thread(eventually, until, "it does not come to that")
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(lived())


async def takes(_: str) -> int:
    await asyncio.sleep(0)
    return 204


async def deaf(_: str) -> int:
    await asyncio.sleep(0)
    raise Unavailable("webhook.unreached", "nobody there")


def test_everything_is_delivered_and_never_too_much_at_once(store: Store) -> None:
    """As many at a time as is configured, each event once."""
    receivers = Receivers(takes)
    tell(store, 300)
    life(store, receivers, lambda: hooks(store)[0].cursor == 300, urls=("https://a",))
    assert receivers.most == IN_FLIGHT
    assert len(set(receivers.got)) == len(receivers.got) == 300


def test_a_dead_receiver_costs_a_few_attempts(store: Store) -> None:
    """When the first have all failed no more of the batch are begun, and the rest keep their tries."""
    receivers = Receivers(deaf)
    tell(store, 300)
    life(store, receivers, lambda: hooks(store)[0].failures > 0, urls=("https://a",))
    assert len(receivers.got) <= 2 * IN_FLIGHT
    (one,) = hooks(store)
    waiting, _ = store.transact(lambda tx: endpoints.waiting(tx, one.id))
    assert one.cursor == waiting == len(receivers.got)


def test_a_receiver_that_hangs_holds_up_nobody_else(store: Store) -> None:
    """Its own deliveries wait; those of the other all arrive meanwhile."""

    async def answer(url: str) -> int:
        if url == "https://hangs":
            await asyncio.Event().wait()
        return 204

    receivers = Receivers(answer)
    tell(store, 100)
    urls = ("https://hangs", "https://well")
    life(store, receivers, lambda: hooks(store)[1].delivered == 100, urls=urls)
    assert (hooks(store)[0].cursor, hooks(store)[0].delivered) == (0, 0)


def test_what_was_on_its_way_at_the_end_comes_again(store: Store) -> None:
    """Stopped in the middle of a batch and started anew: every event arrives, under the id it had."""
    first = Receivers(takes)
    tell(store, 100)
    life(store, first, lambda: len(first.got) > 10, urls=("https://a",))
    second = Receivers(takes)
    life(store, second, lambda: hooks(store)[0].cursor == 100)
    ids = {one.id for one in store.transact(lambda tx: log.list_after(tx, 0, limit=200))}
    assert {name for _, name in (*first.got, *second.got)} == ids
