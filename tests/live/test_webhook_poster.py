"""Posting, beside a receiver on loopback: what is followed, what is pinned, what is bounded."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from keepcool.adapters.webhook.poster import HttpPoster
from keepcool.adapters.webhook.targets import Targets
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.ports.webhooks import Posted
from tests.fixtures.receiver import Receiver, receiving

pytestmark = pytest.mark.live
LOOPBACK = ("127.0.0.0/8",)
HEADERS = {"webhook-id": "evt_1"}


def posted(url: str, allowed: tuple[str, ...] = LOOPBACK, timeout_s: float = 20) -> Posted:
    async def once() -> Posted:
        poster = HttpPoster(Targets(allowed), timeout_s)
        try:
            return await poster.post(url, HEADERS, b'{"a":1}')
        finally:
            await poster.close()

    return asyncio.run(once())


def problem(url: str, allowed: tuple[str, ...] = LOOPBACK, timeout_s: float = 20) -> KeepcoolError:
    with pytest.raises((Refused, Unavailable)) as raised:
        posted(url, allowed, timeout_s)
    return raised.value


def test_what_is_posted_arrives_as_it_was() -> None:
    """Body and headers, and the receiver's status comes back."""
    with receiving(lambda _: 202) as receiver:
        assert posted(receiver.url) == Posted(202)
        (one,) = receiver.got
        assert (one.body, one.id, one.headers["content-type"]) == (b'{"a":1}', "evt_1", "application/json")


def test_a_redirect_is_not_followed() -> None:
    """It is an answer like any other, and no delivery."""
    with receiving() as inner, receiving(lambda _: 307) as receiver:
        receiver.more = {"Location": inner.url}
        assert posted(receiver.url) == Posted(307)
        assert not posted(receiver.url).taken
        assert inner.got == []


def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    """localhost is refused unless loopback is allowed; then it is reached."""
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        assert problem(url, allowed=("10.0.0.0/8",)).code == "webhook.target"
        assert receiver.got == []
        assert posted(url, allowed=(*LOOPBACK, "::1/128")).taken


def test_a_name_that_changes_its_mind_reaches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public when it was added, inner when it is posted to: the address that is connected to is judged."""
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        answers = [["127.0.0.1"], ["10.0.0.1"]]

        def resolve(host: str, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answers.pop(0)]

        async def both() -> None:
            poster = HttpPoster(Targets(LOOPBACK), 20)
            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            try:
                await poster.check(f"http://shop.example:{port}/hook")
                with pytest.raises(Refused):
                    await poster.post(f"http://shop.example:{port}/hook", HEADERS, b"{}")
            finally:
                await poster.close()

        asyncio.run(both())
        assert (receiver.got, answers) == ([], [])


def test_an_answer_that_never_comes_is_waited_for_no_longer_than_allowed() -> None:
    """It ends with an error that says so."""
    held = threading.Event()

    def hold(_: object) -> int:
        held.wait(60)
        return 204

    with receiving(hold) as receiver:
        assert problem(receiver.url, timeout_s=3).code == "webhook.timeout"
        held.set()


def test_nobody_there_is_unavailable() -> None:
    """A closed port and an unknown name are tried again later, they are no judgement."""
    with receiving() as receiver:
        url = receiver.url
    assert problem(url).code == "webhook.unreached"
    assert isinstance(problem("https://name.invalid/hook"), Unavailable)


def test_retry_after_is_told_in_seconds() -> None:
    """A number is kept within a day; anything else is left aside."""
    with receiving(lambda _: 503) as receiver:
        assert _asked(receiver, "30") == 30
        assert _asked(receiver, "999999999") == 86_400
        assert _asked(receiver, "Wed, 21 Oct 2015 07:28:00 GMT") is None


def _asked(receiver: Receiver, text: str) -> int | None:
    receiver.more = {"Retry-After": text}
    return posted(receiver.url).retry_after_s
