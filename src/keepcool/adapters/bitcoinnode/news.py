"""A node's ZMQ notifications: they say when to look, and nothing else.

Laws: none is read for content or needed: they may be lost, doubled or made up, so polling stays the truth.
However many come, news are told once in `gap_s`. ZMQ itself connects again. The socket belongs to a thread of
its own, so that nothing of it can hold up App. Bitcoin Core, doc/zmq.md: topic, body, four bytes of sequence.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import zmq

from keepcool.core.errors import Refused

_QUEUE_MAX = 256
_LOOK_MS, _JOIN_S = 250, 5.0
_BODIES: Mapping[bytes, tuple[int, ...]] = {b"hashblock": (32,), b"hashtx": (32,), b"sequence": (33, 41)}
_OPTIONS: Mapping[zmq.SocketOption, int] = {
    zmq.RCVHWM: _QUEUE_MAX,  # what comes beyond, the node drops
    zmq.MAXMSGSIZE: 1024,
    zmq.LINGER: 0,
    zmq.IPV6: 1,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 5_000,
    zmq.TCP_KEEPALIVE: 1,  # old nodes answer no heartbeats of ZMQ's own
    zmq.TCP_KEEPALIVE_IDLE: 60,
    zmq.TCP_KEEPALIVE_INTVL: 20,
    zmq.TCP_KEEPALIVE_CNT: 3,
}


class NodeNews:
    """The topics of what nodes at `urls` (tcp://host:port) announce, as an asynchronous iterator without end.
    Raises Refused on a URL that ZMQ does not take. Made in a running event loop. Give it `close()`."""

    def __init__(self, urls: Sequence[str], *, gap_s: float = 0.2) -> None:
        self._gap_s, self._topic = gap_s, ""
        self._loop, self._told, self._ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.SUB)
        try:
            self._prepare(urls)
        except zmq.ZMQError as error:
            self._leave()
            raise Refused("node.zmq_url", "a ZMQ endpoint is of the form tcp://host:port") from error
        self._thread = threading.Thread(target=self._listen, name="node-news", daemon=True)
        self._thread.start()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        await self._told.wait()
        self._told.clear()
        return self._topic

    def close(self) -> None:
        self._ended.set()
        self._thread.join(_JOIN_S)

    def _prepare(self, urls: Sequence[str]) -> None:
        for option, value in _OPTIONS.items():
            self._socket.set(option, value)
        for topic in _BODIES:
            self._socket.subscribe(topic)
        for url in urls:
            self._socket.connect(url)

    def _listen(self) -> None:
        try:
            while not self._ended.is_set():
                topics = [topic for topic in map(topic_of, self._waiting()) if topic]
                if topics:
                    self._loop.call_soon_threadsafe(self._tell, topics[-1])
                    self._ended.wait(self._gap_s)
        except (zmq.ZMQError, RuntimeError):
            return  # the socket or the loop is gone: nodes are polled all the same
        finally:
            self._leave()

    def _tell(self, topic: str) -> None:
        self._topic = topic
        self._told.set()

    def _waiting(self) -> list[list[bytes]]:
        """All that came, at most as long as one look takes."""
        heard: list[list[bytes]] = []
        while len(heard) < _QUEUE_MAX and self._socket.poll(0 if heard else _LOOK_MS):
            heard.append(self._socket.recv_multipart(zmq.NOBLOCK))
        return heard

    def _leave(self) -> None:
        self._socket.close()
        self._context.term()


def topic_of(frames: Sequence[bytes]) -> str | None:
    """What a message announces; None when it is no node's."""
    if len(frames) != 3 or len(frames[2]) != 4:
        return None
    topic, body, _ = frames
    return topic.decode() if len(body) in _BODIES.get(topic, ()) else None
