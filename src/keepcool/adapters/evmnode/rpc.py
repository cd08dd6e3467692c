"""JSON-RPC 2.0 over HTTP to an EVM node.

A URL may carry the operator's API key, so it stands in no error and no log. `answers` reads what is said.
Specification: JSON-RPC 2.0.
"""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp

from keepcool.adapters.jsonrpc import bodies
from keepcool.adapters.jsonrpc.calls import Ask, Calls, Said
from keepcool.core.errors import Unavailable

_CONNECTIONS_MAX = 8
_REFUSALS = (401, 403, 404, 429, 502, 503, 504)  # others some nodes give with an error of JSON-RPC


class Rpc:
    """One node's endpoint. `name` is what errors call it."""

    def __init__(self, name: str, url: str, timeout_s: float) -> None:
        self.name, self._url, self._timeout_s = name, url, timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._calls = Calls(name, "2.0", self._post)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(self, asks: Sequence[Ask]) -> list[Said]:
        """One answer per question, in order; repeated when the node is away. Raises Unavailable."""
        return await self._calls.read(asks)

    async def once(self, ask: Ask) -> Said:
        """Asked a single time, for what must not be repeated blindly. Raises Unavailable."""
        return await self._calls.once(ask)

    async def _post(self, body: bytes) -> bytes:
        if self._session is None:
            self._session = bodies.session(self._timeout_s, aiohttp.TCPConnector(limit=_CONNECTIONS_MAX))
        status, answer = await bodies.exchanged(self._session, self.name, self._url, body, bodies.JSON)
        if status in _REFUSALS or not answer:
            raise Unavailable("node.http", f"{self.name} answered with HTTP {status}")
        return answer
