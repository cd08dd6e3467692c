"""New heights as they come: a WebSocket that says when to look, and looking that misses nothing.

Laws: what the socket says is a hint and is never read for content; heights come from the node's status, so
none is left out when the server closes (it does after 60 s), stays silent or refuses the socket. For App
alone: a signer never imports this file. Specification: Minter HTTP API v2, /subscribe; RFC 6455.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
import msgspec

from keepcool.core.errors import Refused
from keepcool.ports.minternode import Status

_QUERY = "tm.event='NewBlock'"
_MESSAGE_BYTES_MAX = 32 * 1024 * 1024  # a message repeats its whole block
_CONNECT_S = 5.0


class StatusReader(Protocol):
    async def status(self) -> Status: ...


class _Message(msgspec.Struct, frozen=True):
    error: msgspec.Raw = msgspec.Raw()


class Heights:
    """Every height after `after`, in order, as an asynchronous iterator. An error of `node` is raised, and
    the next step goes on where this one stood. `url` is one node's own, None to ask for the status only:
    every `poll_s`, as it is while the socket is refused (tried again every `retry_s`); a socket that stays
    silent for `quiet_s` is not waited for."""

    def __init__(
        self,
        node: StatusReader,
        url: str | None,
        *,
        after: int,
        poll_s: float = 1.0,
        quiet_s: float = 15.0,
        retry_s: float = 30.0,
        ca: Path | None = None,
    ) -> None:
        self._node, self._url = node, None if url is None else subscription_url(url)
        self._poll_s, self._quiet_s, self._retry_s, self._ca = poll_s, quiet_s, retry_s, ca
        self._next, self._tip = after + 1, -1
        self._asked, self._fruitless, self._heard, self._retry_at = False, False, False, 0.0
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        while self._next > self._tip:
            if self._asked:
                await self._news()
            self._asked = True
            tip = (await self._node.status()).height
            self._fruitless, self._tip = tip <= self._tip, tip
        self._next += 1
        return self._next - 1

    @property
    def subscribed(self) -> bool:
        """Whether a socket is open; False means that the status is polled."""
        return self._socket is not None

    async def close(self) -> None:
        await self._drop()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _news(self) -> None:
        """Returns when it is time to look: after a message, at the latest when patience ends."""
        if self._socket is None and await self._connect():
            return  # a block may have come while no socket was open
        if self._socket is None:
            await asyncio.sleep(self._poll_s)
            return
        # agreeing nodes may be behind the one that spoke: then look again soon
        patience_s = self._poll_s if self._fruitless else self._quiet_s
        try:
            message = await self._socket.receive(timeout=patience_s)
        except TimeoutError:
            return
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY) and _is_news(message.data):
            self._heard = True
            return
        await self._drop()
        if not self._heard:
            self._put_off()

    async def _connect(self) -> bool:
        if self._url is None or asyncio.get_running_loop().time() < self._retry_at:
            return False
        self._heard = False
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._socket = await self._opened().ws_connect(self._url, max_msg_size=_MESSAGE_BYTES_MAX)
        except (aiohttp.ClientError, OSError):  # a timeout is an OSError
            self._put_off()
        return self._socket is not None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            authorities = None if self._ca is None else str(self._ca)
            context = ssl.create_default_context(cafile=authorities)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        return self._session

    def _put_off(self) -> None:
        self._retry_at = asyncio.get_running_loop().time() + self._retry_s

    async def _drop(self) -> None:
        if self._socket is not None:
            socket, self._socket = self._socket, None
            await socket.close()


def subscription_url(url: str) -> str:
    """Where a node with this URL sends its new blocks. Raises Refused on a URL that is none of a node."""
    parts = urlsplit(url)
    schemes = {"http": "ws", "https": "wss"}
    if parts.scheme not in schemes:
        raise Refused("node.url", "a node's URL is of the form https://host:port")
    place = parts.netloc if parts.scheme == "https" or parts.port else f"{parts.netloc}:8843"
    path = parts.path.rstrip("/").removesuffix("/v2") + "/v2/subscribe"
    return urlunsplit((schemes[parts.scheme], place, path, f"query={quote(_QUERY)}", ""))


def _is_news(data: str | bytes) -> bool:
    """Whether it is anything but the server's own error, such as that it has too many clients."""
    try:
        return not bytes(msgspec.json.decode(data, type=_Message).error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
