"""What a service tells whoever started it: that it is ready, that its loop still turns, that it ends.

A datagram to the socket in NOTIFY_SOCKET; without one nothing is said. A loop that stands still says nothing,
and systemd starts the service again (WatchdogSec=). sd_notify(3).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping

VARIABLE = "NOTIFY_SOCKET"
EVERY_S = 10.0
_log = logging.getLogger(__name__)


async def keep_alive(environment: Mapping[str, str], every_s: float = EVERY_S) -> None:
    """Says READY once and WATCHDOG again and again, until cancelled: then STOPPING."""
    address = environment.get(VARIABLE, "")
    if not address:
        await asyncio.Event().wait()  # for ever: a service ends when a part of it does
    state = "READY=1"
    try:
        while True:
            say(address, state)
            state = "WATCHDOG=1"
            await asyncio.sleep(every_s)
    finally:
        say(address, "STOPPING=1")


def say(address: str, state: str) -> None:
    """Never waits and never raises: a manager that does not listen costs a line in the log."""
    name = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)  # noqa: FBT003 - its own name for it
            line.sendto(state.encode("ascii"), name)
    except OSError as error:
        _log.warning("the manager was not told", extra={"state": state, "errno": error.errno})
