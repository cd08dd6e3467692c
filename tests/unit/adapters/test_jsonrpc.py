"""Calls in JSON-RPC: matched, repeated within bounds, and never believed half."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import repeat

import pytest

from keepcool.adapters.jsonrpc.calls import BATCH_CALLS_MAX, Ask, Calls, Complaint, Said
from keepcool.core.errors import Unavailable


class Line:
    """Answers every call with its own parameters, turned round; breaks as often as it is told to."""

    def __init__(self, *breaks: Unavailable) -> None:
        self.breaks, self.sizes = list(breaks), list[int]()

    async def post(self, body: bytes) -> bytes:
        asked = json.loads(body)
        calls = asked if isinstance(asked, list) else [asked]
        self.sizes.append(len(calls))
        if self.breaks:
            raise self.breaks.pop(0)
        said = [{"id": one["id"], "result": one["params"], "error": None} for one in reversed(calls)]
        return json.dumps(said if isinstance(asked, list) else said[0]).encode()


def read(line: Line, asks: Sequence[Ask]) -> list[Said]:
    return asyncio.run(Calls("the node", "2.0", line.post).read(asks))


def test_answers_stand_in_the_order_of_questions() -> None:
    """However a node orders a batch, and however many batches questions need."""
    line = Line()
    said = read(line, [Ask("echo", (number,)) for number in range(250)])
    assert [json.loads(one) for one in said if isinstance(one, bytes)] == [[n] for n in range(250)]
    assert line.sizes == [BATCH_CALLS_MAX, BATCH_CALLS_MAX, 50]


def test_reads_are_repeated_twice_and_no_more() -> None:
    """A node that is away for a moment is asked again; one that stays away is told."""
    away = Unavailable("node.unreachable", "away")
    assert read(Line(away, away), [Ask("echo", (1,))]) == [b"[1]"]
    line = Line(*repeat(away, 4))
    with pytest.raises(Unavailable):
        read(line, [Ask("echo")])
    assert len(line.sizes) == 3


@pytest.mark.parametrize("code", ["node.nonsense", "node.auth"])
def test_what_time_does_not_mend_is_asked_once(code: str) -> None:
    """Nonsense and a denial are told at once."""
    line = Line(*repeat(Unavailable(code, "no"), 3))
    with pytest.raises(Unavailable, match="no"):
        read(line, [Ask("echo")])
    assert len(line.sizes) == 1


def test_once_is_once() -> None:
    """What must not be repeated is sent a single time, whatever breaks."""
    line = Line(Unavailable("node.lost", "gone"))
    with pytest.raises(Unavailable, match="gone"):
        asyncio.run(Calls("the node", "2.0", line.post).once(Ask("send")))
    assert len(line.sizes) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"id":7,"result":1}',
        b'{"id":1}',
        b'[{"id":1,"result":1}]',
        b'{"id":1,"error":{"code":1}}',
        b"[" * 100_000,
    ],
)
def test_nonsense_is_no_answer(body: bytes) -> None:
    """Bytes that are no answer to this very question are told as nonsense."""

    async def post(_body: bytes) -> bytes:
        return body

    with pytest.raises(Unavailable) as told:
        asyncio.run(Calls("the node", "2.0", post).read([Ask("echo")]))
    assert told.value.code == "node.nonsense"


def test_a_complaint_is_an_answer() -> None:
    """The node's own error comes back as it is, with what it adds."""

    async def post(_body: bytes) -> bytes:
        return b'{"id":1,"result":null,"error":{"code":-5,"message":"none","data":"0x"}}'

    (said,) = asyncio.run(Calls("the node", "2.0", post).read([Ask("echo")]))
    assert isinstance(said, Complaint)
    assert (said.code, said.message, bytes(said.data)) == (-5, "none", b'"0x"')
