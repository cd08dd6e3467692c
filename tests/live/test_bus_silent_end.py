"""A client library that closes and never says so must not leave a service deaf."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from keepcool.adapters.nats.bus import NatsBus
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from tests.fixtures.broker import LiveBroker, running_broker

pytestmark = pytest.mark.live


@pytest.fixture
def broker() -> Iterator[LiveBroker]:
    with running_broker() as live:
        yield live


def test_a_link_that_ends_in_silence_is_noticed_and_made_anew(broker: LiveBroker) -> None:
    """The broker dies and the client's farewell is lost: the serving bus links again and answers."""

    async def run() -> None:
        keeper, _ = await broker.bus(Service.KEEPER)
        app, _ = await broker.bus(Service.APP)
        await keeper.serve("sign.v1", _pong)
        assert keeper._link is not None
        keeper._link._client._closed_cb = None  # as when the TLS end of a dead broker never comes
        try:
            broker.process.kill9()
            broker.start()
            assert await _answered(app) == b"pong"
        finally:
            await app.close()
            await keeper.close()

    asyncio.run(run())


async def _pong(_: bytes) -> bytes:
    return b"pong"


async def _answered(app: NatsBus) -> bytes:
    for _ in range(40):
        try:
            return await app.request(Service.KEEPER, "sign.v1", b"ping", 1)
        except Unavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("the service stayed deaf")
