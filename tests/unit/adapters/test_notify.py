"""What a service tells its manager: nothing without one, else ready, alive, stopping, and never an error."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from keepcool.adapters.system.notify import keep_alive


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(10)
        yield made


def heard_while(manager: socket.socket, address: str, words: int) -> list[str]:
    """What a service says until the manager has heard so many words, and then as it is ended."""

    async def live() -> list[str]:
        service = asyncio.create_task(keep_alive({"NOTIFY_SOCKET": address}, 0.01))
        heard = [await asyncio.to_thread(manager.recv, 100) for _ in range(words)]
        service.cancel()
        with suppress(asyncio.CancelledError):
            await service
        manager.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                heard.append(manager.recv(100))
        return [word.decode() for word in heard]

    return asyncio.run(live())


def test_ready_alive_stopping(manager: socket.socket) -> None:
    """Ready once, alive again and again, and at the end that it ends."""
    heard = heard_while(manager, str(manager.getsockname()), 4)
    assert heard[0] == "READY=1"
    assert heard[-1] == "STOPPING=1"
    assert set(heard[1:-1]) == {"WATCHDOG=1"}


def test_an_abstract_socket_is_spelled_with_an_at() -> None:
    """As systemd spells it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind("\0keepcool-test-notify")
        made.settimeout(10)
        assert heard_while(made, "@keepcool-test-notify", 1)[0] == "READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_a_manager_the_service_goes_on(environment: dict[str, str]) -> None:
    """Nothing is raised and nothing ends, whether there is none or none that listens."""

    async def live() -> bool:
        service = asyncio.create_task(keep_alive(environment, 0.001))
        await asyncio.wait({service}, timeout=0.1)
        ended = service.done()
        service.cancel()
        return ended

    assert asyncio.run(live()) is False
