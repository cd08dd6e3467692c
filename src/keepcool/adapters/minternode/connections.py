"""A few keep-alive connections to one node, from the standard library alone, so that a signer can read too.

Laws: every exchange ends within its time, also when the node drips single bytes; answers have a size limit;
only reads are repeated, and what must not be repeated goes out on a connection of its own. A URL may carry
the operator's access key, so it stands in no error and no log. Specification: HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, LifoQueue
from urllib.parse import SplitResult, unquote, urlsplit

from keepcool.core.errors import Refused, Unavailable

ANSWER_BYTES_MAX = 64 * 1024 * 1024
_PAUSES_S = (0.1, 0.5)  # before the second and the third attempt of a read
_CONNECT_S_MAX = 5.0
_PART_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """`path` is what follows /v2, already encoded."""

    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    body: bytes


class Connections:
    """One node's endpoint. `name` is what errors call it."""

    def __init__(
        self, name: str, url: str, timeout_s: float, *, ca: Path | None = None, connections_max: int = 8
    ) -> None:
        """Certificates are checked against the system's authorities, or the one file `ca`. Raises Refused
        when the URL is none of a node or the file cannot be read."""
        self.name, self._timeout_s = name, timeout_s
        parts = _parts(name, url)
        self._root = parts.path.rstrip("/").removesuffix("/v2") + "/v2"
        self._headers = _headers(parts)
        self._open = _opener(name, parts, min(timeout_s, _CONNECT_S_MAX), ca)
        self.place = f"{parts.hostname}:{parts.port or parts.scheme}{self._root}"
        self._idle: LifoQueue[http.client.HTTPConnection] = LifoQueue(connections_max)
        self._turn = asyncio.Semaphore(connections_max)
        self._threads = ThreadPoolExecutor(connections_max, thread_name_prefix="minternode")

    async def read(self, ask: Ask) -> Reply:
        """Repeated when the node is away. Raises Unavailable."""
        for pause_s in _PAUSES_S:
            try:
                return await self._attempt(ask, fresh=False)
            except Unavailable as error:
                if error.code == "node.nonsense":
                    raise
            self._drop_idle()  # what broke one idle connection broke its neighbours
            await asyncio.sleep(pause_s)
        return await self._attempt(ask, fresh=True)

    async def once(self, ask: Ask) -> Reply:
        """Asked a single time. Raises Unavailable; only with `node.unreachable` was surely nothing sent."""
        return await self._attempt(ask, fresh=True)

    async def close(self) -> None:
        self._drop_idle()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _attempt(self, ask: Ask, *, fresh: bool) -> Reply:
        async with self._turn:
            exchange = _Exchange(self.name, self._root, self._headers, ask, self._timeout_s)
            connection = self._open() if fresh else self._taken()
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(self._timeout_s):
                    reply = await loop.run_in_executor(self._threads, exchange.run, connection)
            except TimeoutError as error:
                raise Unavailable("node.timeout", f"{self.name} did not answer in time") from error
            finally:
                exchange.abandoned = True
                self._put_back(connection, reusable=exchange.reusable)
        if reply.status in (429, 502, 503) or not reply.body:
            raise Unavailable("node.http", f"{self.name} answered with HTTP {reply.status}")
        return reply

    def _taken(self) -> http.client.HTTPConnection:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._open()

    def _put_back(self, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        if reusable and not self._idle.full():
            self._idle.put_nowait(connection)
            return
        if connection.sock is not None:
            with suppress(OSError):  # wakes a thread that still waits for bytes
                connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()

    def _drop_idle(self) -> None:
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()


class _Exchange:
    """One request and its answer, run in a thread. Once `abandoned`, it sends nothing any more."""

    def __init__(self, name: str, root: str, headers: dict[str, str], ask: Ask, timeout_s: float) -> None:
        self._name, self._root, self._headers, self._ask = name, root, headers, ask
        self._timeout_s = timeout_s
        self.reusable, self.abandoned = False, False

    def run(self, connection: http.client.HTTPConnection) -> Reply:
        if connection.sock is None:
            self._connect(connection)
        try:
            return self._exchanged(connection)
        except (OSError, http.client.HTTPException, ValueError) as error:
            text = f"{self._name} broke off its answer ({type(error).__name__})"
            raise Unavailable("node.lost", text) from None  # its text would hold the URL

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            text = f"{self._name} cannot be reached ({_said(error)}); is it running?"
            raise Unavailable("node.unreachable", text) from None
        connection.sock.settimeout(self._timeout_s)
        if self.abandoned:
            connection.close()
            raise Unavailable("node.timeout", f"{self._name} did not answer in time")

    def _exchanged(self, connection: http.client.HTTPConnection) -> Reply:
        method = "GET" if self._ask.body is None else "POST"
        connection.request(method, self._root + self._ask.path, self._ask.body, self._headers)
        response = connection.getresponse()
        parts, size = [], 0
        while part := response.read1(_PART_BYTES):
            size += len(part)
            if size > ANSWER_BYTES_MAX:
                raise Unavailable("node.nonsense", f"{self._name} gave an answer without an end")
            parts.append(part)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # the answer, not its connection
        self.reusable = not response.will_close
        return Reply(response.status, b"".join(parts))


def place_of(url: str) -> str:
    """Host and port, which may be said: a key stands elsewhere in a URL."""
    return url.partition("//")[2].partition("/")[0].rpartition("@")[2][:100]


def _parts(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Refused("node.url", f"the URL of {name} is not of the form https://host:port") from error
    plain = not parts.query and not parts.fragment and url.isascii() and url.isprintable()
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise Refused("node.url", f"the URL of {name} is not of the form https://host:port")
    return parts


def _headers(parts: SplitResult) -> dict[str, str]:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    return headers


def _opener(
    name: str, parts: SplitResult, timeout_s: float, ca: Path | None
) -> Callable[[], http.client.HTTPConnection]:
    host = parts.hostname or ""
    try:
        port = parts.port
        if parts.scheme == "http":
            return lambda: http.client.HTTPConnection(host, port or 8843, timeout=timeout_s)
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except ValueError as error:
        raise Refused("node.url", f"the URL of {name} has no valid port") from error
    except OSError as error:
        raise Refused("node.ca", f"the authorities for {name} cannot be read from {ca}") from error
    return lambda: http.client.HTTPSConnection(host, port or 443, timeout=timeout_s, context=context)


def _said(problem: OSError | http.client.HTTPException) -> str:
    match problem:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {problem.verify_message}"
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return "its name is unknown"
    return type(problem).__name__
