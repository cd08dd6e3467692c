"""JSON-RPC 2.0 over HTTP, bounded in time, size and repetition.

A URL may carry the operator's API key, so it stands in no error and no log. Answers are matched by id and
handed on undecoded: `answers` reads them. Specification: JSON-RPC 2.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import aiohttp
import msgspec

from keepcool.core.errors import Unavailable

ANSWER_BYTES_MAX = 64 * 1024 * 1024
BATCH_CALLS_MAX = 100
_PAUSES_S = (0.1, 0.5)  # before the second and the third attempt of a read
_CONNECTIONS_MAX = 8
_REFUSALS = (401, 403, 404, 429, 502, 503, 504)

Param: TypeAlias = "str | int | bool | Sequence[Param] | dict[str, Param] | None"


@dataclass(frozen=True, slots=True)
class Ask:
    method: str
    params: tuple[Param, ...] = ()


class Complaint(msgspec.Struct, frozen=True):
    """The node's own error answer."""

    code: int
    message: str
    data: msgspec.Raw = msgspec.Raw()


class _Answer(msgspec.Struct, frozen=True):
    id: int
    result: msgspec.Raw = msgspec.Raw()
    error: Complaint | None = None


Said: TypeAlias = "bytes | Complaint"  # the JSON text of a result, or the node's complaint


class Rpc:
    """One node's endpoint. `name` is what errors call it."""

    def __init__(self, name: str, url: str, timeout_s: float) -> None:
        self.name, self._url = name, url
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
        """Asked a single time, for what must not be repeated blindly. Raises Unavailable."""
        return (await self._attempt([ask]))[0]

    async def _patiently(self, asks: Sequence[Ask]) -> list[Said]:
        for pause_s in _PAUSES_S:
            try:
                return await self._attempt(asks)
            except Unavailable as error:
                if error.code == "node.nonsense":
                    raise
            await asyncio.sleep(pause_s)
        return await self._attempt(asks)

    async def _attempt(self, asks: Sequence[Ask]) -> list[Said]:
        numbers = [next(self._numbers) for _ in asks]
        calls = [
            {"jsonrpc": "2.0", "id": number, "method": ask.method, "params": ask.params}
            for number, ask in zip(numbers, asks, strict=True)
        ]
        body = await self._posted(msgspec.json.encode(calls if len(calls) > 1 else calls[0]))
        return self._matched(body, numbers)

    async def _posted(self, body: bytes) -> bytes:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._limit)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = await _bounded(response)
                # some nodes answer errors of JSON-RPC with a status of their own
                if response.status in _REFUSALS or not answer:
                    raise Unavailable("node.http", f"{self.name} answered with HTTP {response.status}")
                return answer
        except TimeoutError as error:
            raise Unavailable("node.timeout", f"{self.name} did not answer in time") from error
        except _TooLong as error:
            raise Unavailable("node.nonsense", f"{self.name} gave an answer without an end") from error
        except (aiohttp.ClientError, OSError) as error:
            text = f"{self.name} cannot be reached ({type(error).__name__}); is it running?"
            raise Unavailable("node.unreachable", text) from None  # its text would hold the URL

    def _matched(self, body: bytes, numbers: Sequence[int]) -> list[Said]:
        try:
            if len(numbers) > 1:
                answers = msgspec.json.decode(body, type=list[_Answer])
            else:
                answers = [msgspec.json.decode(body, type=_Answer)]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
