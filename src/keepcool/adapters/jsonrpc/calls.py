"""Questions to one node in JSON-RPC, bounded in number and repetition.

Laws: answers are matched by id and handed on undecoded; only reads are repeated, and none whose answer made
no sense or was denied. How bytes get there is its owner's: see `bodies`. Specification: JSON-RPC 1.0 and 2.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import msgspec

from keepcool.core.errors import Unavailable

BATCH_CALLS_MAX = 100
_PAUSES_S = (0.1, 0.5)  # before the second and the third attempt of a read
_LASTING = ("node.nonsense", "node.auth")

Param: TypeAlias = "str | int | bool | Sequence[Param] | Mapping[str, Param] | None"


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
    id: int | None
    result: msgspec.Raw = msgspec.Raw()
    error: Complaint | None = None


Said: TypeAlias = "bytes | Complaint"  # the JSON text of a result, or the node's complaint
Post: TypeAlias = "Callable[[bytes], Awaitable[bytes]]"


class Calls:
    """`name` is what errors call the node; `post` carries a body there and its answer back, or raises
    Unavailable."""

    def __init__(self, name: str, version: str, post: Post) -> None:
        self._name, self._version, self._post = name, version, post
        self._numbers = count(1)

    async def read(self, asks: Sequence[Ask]) -> list[Said]:
        """One answer per question, in order; repeated when the node is away. Raises Unavailable."""
        said: list[Said] = []
        for start in range(0, len(asks), BATCH_CALLS_MAX):
            said += await self._patiently(asks[start : start + BATCH_CALLS_MAX])
        return said

    async def once(self, ask: Ask, post: Post | None = None) -> Said:
        """Asked a single time, for what must not be repeated blindly. Raises Unavailable."""
        return (await self._attempt([ask], post or self._post))[0]

    async def _patiently(self, asks: Sequence[Ask]) -> list[Said]:
        for pause_s in _PAUSES_S:
            try:
                return await self._attempt(asks, self._post)
            except Unavailable as error:
                if error.code in _LASTING:
                    raise
            await asyncio.sleep(pause_s)
        return await self._attempt(asks, self._post)

    async def _attempt(self, asks: Sequence[Ask], post: Post) -> list[Said]:
        numbers = [next(self._numbers) for _ in asks]
        calls = [
            {"jsonrpc": self._version, "id": number, "method": ask.method, "params": ask.params}
            for number, ask in zip(numbers, asks, strict=True)
        ]
        body = await post(msgspec.json.encode(calls if len(calls) > 1 else calls[0]))
        return self._matched(body, numbers)

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
        text = f"{self._name} answered with something that is no JSON-RPC answer; is this the right port?"
        return Unavailable("node.nonsense", text)
