"""What a caller is told when the database fails under his request."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import OperationalError

from keepcool.app.http.gate import Event, Gate, Receive, Scope, Send


def told(broken: bool) -> bytes:
    """The body of the answer to a request under which the database fails."""
    answer = bytearray()

    async def site(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise OperationalError("COMMIT", None, OSError("server closed"), connection_invalidated=broken)

    async def receive() -> Event:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(event: Event) -> None:
        answer.extend(event.get("body", b""))

    gate = Gate(site, metrics=CollectorRegistry(), body_bytes_max=100, in_flight_max=1)
    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/withdrawals", "headers": []}
    asyncio.run(gate(scope, receive, send))
    return bytes(answer)


@pytest.mark.parametrize(
    ("broken", "code", "said"),
    [(True, b"books.unclear", b"the same Idempotency-Key"), (False, b"books.failed", b"nothing was changed")],
)
def test_nothing_changed_is_said_only_where_it_is_known(broken: bool, code: bytes, said: bytes) -> None:
    """A connection that broke may have carried the commit: whoever were told that nothing was changed would
    pay again under a new key."""
    answer = told(broken)
    assert code in answer
    assert said in answer
    assert (b"nothing was changed" in answer) is not broken
