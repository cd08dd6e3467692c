"""Notifications of a node over ZMQ: the follower looks at once, and needs none of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
import zmq
import zmq.asyncio

from keepcool.adapters.bitcoinnode.news import NodeNews, topic_of
from keepcool.app.deposits import running
from keepcool.app.deposits.running import Standing
from keepcool.app.nodes import main as nodes_of
from keepcool.core.errors import Refused
from tests.unit.app.deposits.bitcoin_office import ALICE, BitcoinOffice
from tests.unit.app.deposits.paperbitcoin import PaperBitcoin, payment
from tests.unit.app.http.test_config import GOOD, loaded
from tests.unit.app.http.test_config_bitcoin import BITCOIN, ID

HASH, SEQUENCE = b"\xab" * 32, b"\x07\x00\x00\x00"
NEWS = [b"hashblock", HASH, SEQUENCE]
NONSENSE = (
    [b"hashblock"],
    [b"hashblock", b"", SEQUENCE],
    [b"hashblock", HASH, b"\x07"],
    [b"hashblock", HASH, SEQUENCE, b"more"],
    [b"hashblock\xff", HASH, SEQUENCE],
    [b"sequence", HASH, SEQUENCE],
)
NEVER_MS = 86_400_000
PATIENCE_S = 90.0


class Publisher:
    """What a node does: it tells whoever has subscribed. `url` is where, any free port at first."""

    def __init__(self, url: str = "tcp://127.0.0.1:*") -> None:
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.linger = 0
        self._socket.bind(url)
        self.url = self._socket.get_string(zmq.LAST_ENDPOINT)

    async def subscribed(self) -> None:
        """Until a subscriber has asked for its three topics."""
        for _ in range(3):
            await self._socket.recv()

    async def tell(self, *messages: list[bytes]) -> None:
        for message in messages:
            await self._socket.send_multipart(message)

    def close(self) -> None:
        self._socket.close()
        self._context.term()


@dataclass
class Following:
    """A follower at work on a chain of paper, with a bell."""

    office: BitcoinOffice
    chain: PaperBitcoin = field(default_factory=PaperBitcoin)
    standing: Standing = field(default_factory=Standing)

    @contextlib.asynccontextmanager
    async def at_work(self, url: str, poll_ms: int) -> AsyncIterator[None]:
        bell, follower = asyncio.Event(), self.office.follower(self.chain)
        pause = running.until_rung(bell)
        with contextlib.closing(NodeNews([url], gap_s=0.01)) as news:
            work = [
                asyncio.create_task(
                    running.run(follower, self.standing, self.office.clock, poll_ms=poll_ms, pause=pause)
                ),
                asyncio.create_task(running.ring_at(news, bell)),
            ]
            try:
                yield
            finally:
                for one in work:
                    one.cancel()
                await asyncio.gather(*work, return_exceptions=True)

    async def idle_at(self, height: int) -> None:
        """Until it has read so far and has nothing left to do."""
        for _ in range(int(PATIENCE_S / 0.01)):
            if (at := self.standing.progress) is not None and not at.busy and at.scanned >= height:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"not idle at {height}: {self.standing.describe()}")


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    office = BitcoinOffice(tmp_path)
    yield Following(office)
    office.close()


def on_the_loop_of_app(life: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await life()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


@pytest.mark.parametrize(
    "news",
    [
        NEWS,
        [b"hashtx", HASH, SEQUENCE],
        [b"sequence", HASH + b"C", SEQUENCE],
        [b"sequence", HASH + b"A" + bytes(8), SEQUENCE],
    ],
)
def test_a_notification_has_the_follower_look_at_once(following: Following, news: list[bytes]) -> None:
    """With polls a day apart a block is read as soon as a node tells of it."""

    async def life() -> None:
        node = Publisher()
        try:
            async with following.at_work(node.url, NEVER_MS):
                await node.subscribed()
                await following.idle_at(0)
                following.chain.mine(payment([(following.office.watch(ALICE, ALICE), 50_000)]))
                await node.tell(news)
                await following.idle_at(1)
        finally:
            node.close()

    on_the_loop_of_app(life)
    assert following.office.told() == [(ALICE, "pending", 50_000)]


@pytest.mark.parametrize("speaks", [False, True])
def test_polling_goes_on_without_a_publisher_and_beside_nonsense(
    following: Following, *, speaks: bool
) -> None:
    """A publisher that is away, or tells what no node does, keeps nothing back."""

    async def life() -> None:
        node = Publisher()
        try:
            if not speaks:
                node.close()
            async with following.at_work(node.url, 20):
                if speaks:
                    await node.subscribed()
                    await node.tell(*NONSENSE)
                await following.idle_at(0)
                following.chain.mine(blocks=3)
                await following.idle_at(3)
        finally:
            node.close()

    on_the_loop_of_app(life)
    assert following.standing.waiting is None


def test_nonsense_is_no_news(following: Following) -> None:
    """Of everything told only the last is a notification, and only that one is heard."""

    async def life() -> None:
        node = Publisher()
        with contextlib.closing(node), contextlib.closing(NodeNews([node.url], gap_s=0)) as news:
            await node.subscribed()
            await node.tell(*NONSENSE, [b"hashtx", HASH, SEQUENCE])
            assert await anext(news) == "hashtx"

    assert not any(map(topic_of, NONSENSE))
    assert topic_of(NEWS) == "hashblock"
    on_the_loop_of_app(life)


def test_news_in_a_flood_are_told_once_in_a_while() -> None:
    """However many notifications come within the gap, one is told."""

    async def life() -> None:
        node = Publisher()
        with contextlib.closing(node), contextlib.closing(NodeNews([node.url], gap_s=3600)) as patient:
            await node.subscribed()
            await node.tell(*[NEWS] * 200)
            assert await anext(patient) == "hashblock"
            await node.tell(*[NEWS] * 200)
            again = asyncio.create_task(anext(patient))
            done, _ = await asyncio.wait({again}, timeout=0.5)
            assert not done
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)

    on_the_loop_of_app(life)


def test_a_node_that_comes_back_is_heard_again() -> None:
    """A restarted publisher on the same port needs nothing from App."""

    async def life() -> None:
        node = Publisher()
        with contextlib.closing(NodeNews([node.url], gap_s=0)) as news:
            for topic in (b"hashblock", b"hashtx"):
                await node.subscribed()
                await node.tell([topic, HASH, SEQUENCE])
                assert await anext(news) == topic.decode()
                node.close()
                node = Publisher(node.url)
        node.close()

    on_the_loop_of_app(life)


def test_app_listens_where_a_network_says_so(tmp_path: Path) -> None:
    """One listener for a network with `zmq_urls`, none without; what is opened is closed."""

    async def life() -> None:
        node = Publisher()
        urls = f'agree = 2\nzmq_urls = ["{node.url}"]\nconfirmations'
        configured = loaded(tmp_path, GOOD + BITCOIN.replace("confirmations", urls))
        with contextlib.closing(node), nodes_of.bitcoin_news(configured) as news:
            assert list(news) == [ID]
            await node.subscribed()
            await node.tell(NEWS)
            assert await anext(news[ID]) == "hashblock"
        with nodes_of.bitcoin_news(loaded(tmp_path, GOOD + BITCOIN)) as none:
            assert not none

    on_the_loop_of_app(life)


def test_a_url_zmq_does_not_take_is_refused() -> None:
    """It is said with the form it should have."""

    async def life() -> None:
        with pytest.raises(Refused, match="tcp://host:port"):
            NodeNews(["tcp://127.0.0.1"])

    on_the_loop_of_app(life)
