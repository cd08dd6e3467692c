"""JSON-RPC as the Core family speaks it, and its REST interface.

Laws: a name and password come from the URL or from a file (the node's cookie, read again when the node was
restarted) and stand in no error and no log. Specification: Bitcoin Core, doc/JSON-RPC-interface.md and
doc/REST-interface.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

import aiohttp

from keepcool.adapters.bitcoinnode.credentials import Credentials
from keepcool.adapters.jsonrpc import bodies
from keepcool.adapters.jsonrpc.calls import Ask, Calls, Said
from keepcool.core.errors import Refused, Unavailable

_CONNECTIONS_MAX = 4  # a node has four threads for all its callers
_IDLE_S = 15.0  # a node closes what is idle for 30


class Rpc:
    """One node's endpoint. `name` is what errors call it, `place` where it is, without any secret."""

    def __init__(self, name: str, url: str, timeout_s: float, credentials: Path | None = None) -> None:
        """Raises Refused when the URL is none of a node."""
        self.name = name
        parts = _parts(name, url)
        self._url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", "", ""))
        self.place = self._url.partition("//")[2]
        self._secret = Credentials(name, parts.username, parts.password, credentials)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._calls = Calls(name, "1.0", self._post)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(self, asks: Sequence[Ask]) -> list[Said]:
        """One answer per question, in order; repeated when the node is away. Raises Unavailable."""
        return await self._calls.read(asks)

    async def once(self, ask: Ask) -> Said:
        """Asked a single time, on a connection of its own. Raises Unavailable; only with `node.unreachable`
        was surely nothing sent."""
        async with bodies.session(self._timeout_s, aiohttp.TCPConnector(force_close=True)) as fresh:
            return await self._calls.once(ask, partial(self._post, session=fresh))

    async def fetch(self, path: str) -> bytes | None:
        """A resource of the REST interface, None when there is no such thing. Raises Unavailable."""
        url = f"{self._url.rstrip('/')}/rest/{path}"
        status, body = await bodies.exchanged(self._opened(), self.name, url, None, self._secret.headers())
        return body if status == 200 else None

    async def _post(self, body: bytes, session: aiohttp.ClientSession | None = None) -> bytes:
        session = session or self._opened()
        status, answer = await self._posted(session, body)
        if status in (401, 403):
            self._secret.renew()
            status, answer = await self._posted(session, body)
        if status in (401, 403):
            raise Unavailable("node.auth", f"{self.name} {self._secret.mend}")
        if status not in bodies.USUAL or not answer:
            raise Unavailable("node.http", f"{self.name} answered with HTTP {status}")
        return answer

    async def _posted(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int, bytes]:
        headers = self._secret.headers() | bodies.JSON
        return await bodies.exchanged(session, self.name, self._url, body, headers)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, keepalive_timeout=_IDLE_S)
            self._session = bodies.session(self._timeout_s, connector)
        return self._session


def _parts(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and not parts.query and not parts.fragment
        if plain and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise Refused("node.url", f"the URL of {name} is not of the form http://user:password@host:port")
