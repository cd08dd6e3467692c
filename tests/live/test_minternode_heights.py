"""New heights from a WebSocket that closes, lies or stays silent: none is left out, none comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from keepcool.adapters.minternode.subscription import Heights, subscription_url
from keepcool.core.errors import Refused, Unavailable
from keepcool.ports.minternode import Status

pytestmark = pytest.mark.live
BOUND_S = 60
NEVER_S = 3600.0
NEWS = '{"result": {"query": "tm.event=\'NewBlock\'", "data": {}, "events": []}}'
Serve = Callable[[web.WebSocketResponse], Awaitable[None]]


class Chain:
    """A tip that the test moves; `looks` counts how often it was read."""

    def __init__(self, height: int) -> None:
        self.height, self.looks, self.away = height, asyncio.Semaphore(0), False

    async def looked(self, times: int) -> None:
        for _ in range(times):
            await self.looks.acquire()

    async def status(self) -> Status:
        self.looks.release()
        if self.away:
            raise Unavailable("node.unreachable", "away")
        return Status("minter-testnet", self.height, b"\x00" * 32, 0, catching_up=False)


class Sockets:
    """Serves one behaviour after another to those who subscribe, the last one for good."""

    def __init__(self, *behaviours: Serve) -> None:
        self._behaviours, self.opened = list(behaviours), 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        assert request.query["query"] == "tm.event='NewBlock'"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened += 1
        await self._behaviours[min(self.opened, len(self._behaviours)) - 1](socket)
        await socket.close()
        return socket


def follow(
    chain: Chain, sockets: Sockets | None, story: Callable[[Heights], Awaitable[None]], **how: Any
) -> None:
    async def life() -> None:
        application = web.Application()
        if sockets is not None:
            application.router.add_get("/v2/subscribe", sockets.serve)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0][:2])
        heights = Heights(chain, url, **({"after": 4} | how))
        try:
            async with asyncio.timeout(BOUND_S):
                await story(heights)
        finally:
            await heights.close()
            await runner.cleanup()

    asyncio.run(life())


async def some(heights: Heights, count: int) -> list[int]:
    return [await anext(heights) for _ in range(count)]


async def wait_for_end(socket: web.WebSocketResponse) -> None:
    await socket.receive()


def test_a_message_is_a_hint_and_the_gap_is_filled() -> None:
    """After one message all heights since the last one come in order, although no poll was due."""
    chain = Chain(6)
    moved = asyncio.Event()

    async def speak(socket: web.WebSocketResponse) -> None:
        await moved.wait()
        chain.height = 10
        await socket.send_str(NEWS)
        await wait_for_end(socket)

    async def story(heights: Heights) -> None:
        assert await some(heights, 2) == [5, 6]
        next_four = asyncio.create_task(some(heights, 4))
        await chain.looked(2)  # at first, and once the socket was open
        assert heights.subscribed
        moved.set()
        assert await next_four == [7, 8, 9, 10]

    follow(chain, Sockets(speak), story, poll_s=NEVER_S, quiet_s=NEVER_S)


def test_a_closed_socket_is_opened_again() -> None:
    """A server that closes after each message (as real ones do after 60 s) costs no height, and what came
    while no socket was open is found by looking."""
    chain = Chain(4)

    async def one_and_close(socket: web.WebSocketResponse) -> None:
        chain.height += 1
        await socket.send_str(NEWS)
        chain.height += 1

    sockets = Sockets(one_and_close)

    async def story(heights: Heights) -> None:
        assert await some(heights, 20) == list(range(5, 25))
        assert sockets.opened >= 5

    follow(chain, sockets, story, poll_s=NEVER_S, quiet_s=NEVER_S, retry_s=NEVER_S)


@pytest.mark.parametrize("refusal", ["no such path", "closes at once", "an error", "no JSON"])
def test_a_refused_socket_is_replaced_by_polling(refusal: str) -> None:
    """Refused, closed at once or answered by an error, the socket is left alone for a while and heights
    come from the status."""
    chain = Chain(5)

    async def refuse(socket: web.WebSocketResponse) -> None:
        if refusal == "an error":
            await socket.send_str('{"error": {"code": 8, "message": "max_subscription_clients 100 reached"}}')
        if refusal == "no JSON":
            await socket.send_str("<html>")
        await asyncio.sleep(0)

    sockets = None if refusal == "no such path" else Sockets(refuse)

    async def story(heights: Heights) -> None:
        assert await anext(heights) == 5
        for height in (6, 7, 8):
            chain.height = height
            assert await anext(heights) == height
        assert not heights.subscribed

    follow(chain, sockets, story, poll_s=0.01, quiet_s=NEVER_S, retry_s=NEVER_S)
    assert sockets is None or sockets.opened == 1


def test_a_silent_socket_is_not_waited_for() -> None:
    """A socket that is open and says nothing does not hold up a height."""
    chain = Chain(5)

    async def story(heights: Heights) -> None:
        assert await anext(heights) == 5
        chain.height = 6
        assert await anext(heights) == 6

    follow(chain, Sockets(wait_for_end), story, poll_s=0.01, quiet_s=0.05)


def test_an_outage_is_told_and_survived() -> None:
    """An error of the node is raised; the next step goes on at the same height."""
    chain = Chain(5)

    async def story(heights: Heights) -> None:
        assert await anext(heights) == 5
        chain.away = True
        for _ in range(3):
            with pytest.raises(Unavailable):
                await anext(heights)
        chain.away, chain.height = False, 7
        assert await some(heights, 2) == [6, 7]

    follow(chain, None, story, poll_s=0.01)


def test_a_tip_that_goes_back_is_waited_for() -> None:
    """When another node with a lower tip answers, no height comes twice."""
    chain = Chain(6)

    async def story(heights: Heights) -> None:
        assert await some(heights, 2) == [5, 6]
        chain.height = 3
        waiting = asyncio.create_task(anext(heights))
        await chain.looked(4)
        assert not waiting.done()
        chain.height = 7
        assert await waiting == 7

    follow(chain, None, story, poll_s=0.01)


def test_the_subscription_is_at_the_nodes_url() -> None:
    """The same host, its encryption and its path; another scheme is refused."""
    query = "/v2/subscribe?query=tm.event%3D%27NewBlock%27"
    assert subscription_url("http://node") == "ws://node:8843" + query
    assert subscription_url("http://node:1/v2/") == "ws://node:1" + query
    assert subscription_url("https://user:key@node/minter") == "wss://user:key@node/minter" + query
    with pytest.raises(Refused):
        subscription_url("ftp://node")
