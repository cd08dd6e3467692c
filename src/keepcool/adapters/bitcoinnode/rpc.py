"""JSON-RPC as the Core family speaks it, and its REST interface; bounded in time, size and repetition.

Laws: a name and password come from the URL or from a file (the node's cookie, read again when the node was
restarted) and stand in no error and no log; only reads are repeated. Answers are matched by id and handed on
undecoded. Specification: Bitcoin Core, doc/JSON-RPC-interface.md and doc/REST-interface.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec

from keepcool.adapters.bitcoinnode.credentials import Credentials
from keepcool.core.errors import Refused, Unavailable

ANSWER_BYTES_MAX = 64 * 1024 * 1024
BATCH_CALLS_MAX = 100
_PAUSES_S = (0.1, 0.5)  # before the second and the third attempt of a read
_CONNECTIONS_MAX = 4  # a node has four threads for all its callers
_IDLE_S = 15.0  # a node closes what is idle for 30
_ERRORS_IN_JSON = (200, 400, 404, 500)
_JSON = {"Content-Type": "application/json"}
_UNREACHED = "node.unreachable"

Param: TypeAlias = "str | int | bool | Sequence[Param] | Mapping[str, Param] | None"


@dataclass(frozen=True, slots=True)
class Ask:
    method: str
    params: tuple[Param, ...] = ()


class Complaint(msgspec.Struct, frozen=True):
    """The node's own error answer."""

    code: int
    message: str


class _Answer(msgspec.Struct, frozen=True):
    id: int | None
    result: msgspec.Raw = msgspec.Raw()
    error: Complaint | None = None


Said: TypeAlias = "bytes | Complaint"  # the JSON text of a result, or the node's complaint


class Rpc:
    """One node's endpoint. `name` is what errors call it, `place` where it is, without any secret."""

    def __init__(self, name: str, url: str, timeout_s: float, credentials: Path | None = None) -> None:
        """Raises Refused when the URL is none of a node."""
        self.name = name
        parts = _parts(name, url)
        self._url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        self.place = self._url.partition("//")[2]
        self._secret = Credentials(name, parts.username, parts.password, credentials)
        self._limit = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, 5.0))
        self._session: aiohttp.ClientSession | None = None
        self._numbers = count(1)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(self, asks: Sequence[Ask]) -> list[Said]:
        """One answer per question, in order; repeated when the node is away. Raises Unavailable."""
        said: list[Said] = []
        for start in range(0, len(asks), BATCH_CALLS_MAX):
            said += await self._patiently(asks[start : start + BATCH_CALLS_MAX])
        return said

    async def once(self, ask: Ask) -> Said:
        """Asked a single time, on a connection of its own. Raises Unavailable; only with `node.unreachable`
        was surely nothing sent."""
        async with self._session_with(aiohttp.TCPConnector(force_close=True)) as fresh:
            return (await self._attempt([ask], fresh))[0]

    async def fetch(self, path: str) -> bytes | None:
        """A resource of the REST interface, None when there is no such thing. Raises Unavailable."""
        status, body = await self._exchanged(self._opened(), f"{self._url.rstrip('/')}/rest/{path}", None)
        return body if status == 200 else None

    async def _patiently(self, asks: Sequence[Ask]) -> list[Said]:
        for pause_s in _PAUSES_S:
            try:
                return await self._attempt(asks)
            except Unavailable as error:
                if error.code in ("node.nonsense", "node.auth"):
                    raise
            await asyncio.sleep(pause_s)
        return await self._attempt(asks)

    async def _attempt(self, asks: Sequence[Ask], session: aiohttp.ClientSession | None = None) -> list[Said]:
        session = session or self._opened()
        numbers = [next(self._numbers) for _ in asks]
        calls = [
            {"jsonrpc": "1.0", "id": number, "method": ask.method, "params": ask.params}
            for number, ask in zip(numbers, asks, strict=True)
        ]
        body = msgspec.json.encode(calls if len(calls) > 1 else calls[0])
        status, answer = await self._exchanged(session, self._url, body)
        if status in (401, 403):
            self._secret.renew()
            status, answer = await self._exchanged(session, self._url, body)
        if status in (401, 403):
            raise Unavailable("node.auth", f"{self.name} {self._secret.mend}")
        if status not in _ERRORS_IN_JSON or not answer:
            raise Unavailable("node.http", f"{self.name} answered with HTTP {status}")
        return self._matched(answer, numbers)

    async def _exchanged(
        self, session: aiohttp.ClientSession, url: str, body: bytes | None
    ) -> tuple[int, bytes]:
        method = "GET" if body is None else "POST"
        headers = self._secret.headers() | ({} if body is None else _JSON)
        try:
            async with session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = await _bounded(response)
                if response.status not in _ERRORS_IN_JSON:
                    response.close()  # a node that ends waits for its connections
                return response.status, answer
        except _TooLong as error:
            raise Unavailable("node.nonsense", f"{self.name} gave an answer without an end") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            text = f"{self.name} cannot be reached ({type(error).__name__}); is it running?"
            raise Unavailable(_UNREACHED, text) from None  # its text would hold the URL
        except TimeoutError as error:
            raise Unavailable("node.timeout", f"{self.name} did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            text = f"{self.name} broke off its answer ({type(error).__name__})"
            raise Unavailable("node.lost", text) from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, keepalive_timeout=_IDLE_S)
            self._session = self._session_with(connector)
        return self._session

    def _session_with(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        jar = aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(connector=connector, timeout=self._limit, cookie_jar=jar)

    def _matched(self, body: bytes, numbers: Sequence[int]) -> list[Said]:
        try:
            if len(numbers) > 1:
                answers = msgspec.json.decode(body, type=list[_Answer])
            else:
                answers = [msgspec.json.decode(body, type=_Answer)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._nonsense() from error
        by_number = {answer.id: answer for answer in answers}
        if len(answers) != len(numbers) or by_number.keys() != set(numbers):
            raise self._nonsense()
        return [self._said(by_number[number]) for number in numbers]

    def _said(self, answer: _Answer) -> Said:
        if answer.error is not None:
            return answer.error
        if not bytes(answer.result):
            raise self._nonsense()
        return bytes(answer.result)

    def _nonsense(self) -> Unavailable:
        text = f"{self.name} answered with something that is no JSON-RPC answer; is this the right port?"
        return Unavailable("node.nonsense", text)


class _TooLong(Exception):
    """An answer beyond ANSWER_BYTES_MAX."""


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise _TooLong
        parts.append(part)
    return b"".join(parts)


class _Url(msgspec.Struct, frozen=True):
    scheme: str
    netloc: str
    path: str
    username: str | None
    password: str | None


def _parts(name: str, url: str) -> _Url:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or parts.query or parts.fragment:
        text = f"the URL of {name} is not of the form http://user:password@host:port"
        raise Refused("node.url", text)
    return _Url(parts.scheme, parts.netloc, parts.path or "/", parts.username, parts.password)
