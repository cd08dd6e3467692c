"""What happens to the bus when the broker goes away, comes back, forgets, or is flooded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from keepcool.adapters.nats.bus import NatsBus
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from tests.fixtures.broker import LiveBroker, Reports, running_broker

pytestmark = pytest.mark.live


@pytest.fixture
def broker() -> Iterator[LiveBroker]:
    with running_broker() as live:
        yield live


async def pong(frame: bytes) -> bytes:
    return b"pong " + frame


def with_both(
    broker: LiveBroker, act: Callable[[NatsBus, NatsBus], Awaitable[None]]
) -> tuple[Reports, Reports]:
    """Runs `act` with App's and a serving Keeper's bus; what both reported."""

    async def run() -> tuple[Reports, Reports]:
        keeper, keeper_saw = await broker.bus(Service.KEEPER)
        app, app_saw = await broker.bus(Service.APP)
        await keeper.serve("sign.v1", pong)
        try:
            await act(app, keeper)
        finally:
            await app.close()
            await keeper.close()
        return app_saw, keeper_saw

    return asyncio.run(run())


async def until_answered(app: NatsBus) -> bytes:
    """Asks again, a bounded number of times, while the answer is that something is down."""
    for _ in range(100):
        try:
            return await app.request(Service.KEEPER, "sign.v1", b"again", 5)
        except Unavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("no answer after a hundred attempts")


@pytest.mark.parametrize("wiped", [False, True], ids=["restarted", "wiped"])
def test_requests_work_again_after_the_broker_was_away(broker: LiveBroker, wiped: bool) -> None:
    """A broker restarted, or wiped of all it remembered, serves the same two buses again."""

    async def act(app: NatsBus, _: NatsBus) -> None:
        assert await app.request(Service.KEEPER, "sign.v1", b"one", 5) == b"pong one"
        broker.wipe() if wiped else broker.stop()
        with pytest.raises(Unavailable):
            await app.request(Service.KEEPER, "sign.v1", b"two", 0.5)
        broker.start()
        assert await until_answered(app) == b"pong again"

    for reports in with_both(broker, act):
        assert reports.links == 2
        assert reports.violations == []


def test_a_request_waits_for_the_link_within_its_time(broker: LiveBroker) -> None:
    """While the broker is away a request waits for it; it fails when its own time is up, not sooner."""

    async def act(app: NatsBus, _: NatsBus) -> None:
        broker.stop()
        await asyncio.sleep(0.2)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(Unavailable) as caught:
            await app.request(Service.KEEPER, "sign.v1", b"x", 0.6)
        assert caught.value.code == "bus.down"
        assert loop.time() - began_s > 0.5

    with_both(broker, act)


def test_a_request_in_flight_fails_when_the_link_is_lost(broker: LiveBroker) -> None:
    """An answer that can no longer come is not waited for until the timeout."""

    async def act(app: NatsBus, keeper: NatsBus) -> None:
        heard = asyncio.Event()

        async def never(frame: bytes) -> None:
            heard.set()
            await asyncio.sleep(3600)

        await keeper.serve("status.v1", never)
        asking = asyncio.create_task(app.request(Service.KEEPER, "status.v1", b"x", 60))
        await heard.wait()
        broker.stop()
        with pytest.raises(Unavailable) as caught:
            await asyncio.wait_for(asking, 20)
        assert caught.value.code == "bus.lost"

    with_both(broker, act)


def test_a_flood_of_one_type_does_not_hold_up_another(broker: LiveBroker) -> None:
    """While more signing requests run than may, a freeze is answered; never do more run than may."""

    async def run() -> tuple[int, bytes, int]:
        keeper = await NatsBus.start(
            broker.address(Service.KEEPER), Service.KEEPER, Reports(), handlers_max=4
        )
        await keeper.ready(10)
        app, _ = await broker.bus(Service.APP)
        running, most, gate = 0, 0, asyncio.Event()

        async def slow(frame: bytes) -> bytes:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await gate.wait()
            running -= 1
            return frame

        await keeper.serve("sign.v1", slow)
        await keeper.serve("freeze.v1", pong)
        flood = [asyncio.create_task(app.request(Service.KEEPER, "sign.v1", b"x", 20)) for _ in range(40)]
        frozen = await app.request(Service.KEEPER, "freeze.v1", b"now", 5)
        gate.set()
        answered = len(await asyncio.gather(*flood))
        await app.close()
        await keeper.close()
        return most, frozen, answered

    assert asyncio.run(run()) == (4, b"pong now", 40)


def test_a_broken_handler_does_not_stop_the_next(broker: LiveBroker) -> None:
    """A handler that raises costs its own request only, and is reported by type."""

    async def act(app: NatsBus, keeper: NatsBus) -> None:
        heard = asyncio.Event()

        async def breaks(frame: bytes) -> bytes:
            heard.set()
            raise ZeroDivisionError

        await keeper.serve("status.v1", breaks)
        asking = asyncio.create_task(app.request(Service.KEEPER, "status.v1", b"x", 60))
        await asyncio.wait_for(heard.wait(), 60)
        assert await app.request(Service.KEEPER, "sign.v1", b"y", 60) == b"pong y"
        assert not asking.done()
        asking.cancel()

    _, keeper_saw = with_both(broker, act)
    assert keeper_saw.drops == ["ZeroDivisionError"]


def test_a_handler_at_work_may_finish_when_its_service_leaves(broker: LiveBroker) -> None:
    """Closing takes no more requests, and lets the one at work be answered."""

    async def run() -> bytes:
        keeper, _ = await broker.bus(Service.KEEPER)
        app, _ = await broker.bus(Service.APP)
        heard = asyncio.Event()

        async def slow(frame: bytes) -> bytes:
            heard.set()
            await asyncio.sleep(0.3)
            return b"done"

        await keeper.serve("sign.v1", slow)
        asking = asyncio.create_task(app.request(Service.KEEPER, "sign.v1", b"x", 5))
        await heard.wait()
        await keeper.close()
        answer = await asking
        await app.close()
        return answer

    assert asyncio.run(run()) == b"done"
