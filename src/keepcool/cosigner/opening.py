"""A signer whose keystore waits for its passphrase: until it was said, it answers one command of its host.

Laws: the passphrase comes over the control socket in a buffer that is wiped; a wrong one is told and counted
by the keystore; nothing else is served before the keystore is open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from keepcool.core.errors import Refused
from keepcool.core.secret import Secret
from keepcool.cosigner import control

OPEN = 32
_SAID_MS = 200
K = TypeVar("K")
Serve = Callable[[control.Answer], Coroutine[Any, Any, None]]
_log = logging.getLogger("keepcool.signer")


def frame(passphrase: Secret) -> Secret:
    """The command as it is sent. The passphrase stays the caller's."""
    with passphrase.opened() as raw:
        buffer = bytearray(1 + len(raw))
        buffer[0] = OPEN
        buffer[1:] = raw
    return Secret(buffer)


async def by_command(serve: Serve, open_with: Callable[[Secret], K], stop: asyncio.Event) -> K:
    """What `open_with` gave for the passphrase that was said. Raises Refused when asked to stop before."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[K] = loop.create_future()

    async def opened(body: bytearray) -> str:
        with Secret(bytearray(body)) as passphrase:
            made = await asyncio.to_thread(open_with, passphrase)
        loop.call_later(
            _SAID_MS / 1000, found.set_result, made
        )  # who said it is answered before the socket closes
        return "the keystore is open; the service starts"

    _log.warning("waiting for the keystore's passphrase: `keepcool … keystore open` on this host")
    serving = asyncio.create_task(serve(lambda raw: control.answer({OPEN: opened}, raw)))
    stopping = asyncio.create_task(stop.wait())
    waiting: tuple[asyncio.Future[Any], ...] = (serving, stopping, found)
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if found.done():
            return found.result()
        if serving.done():
            await serving
        raise Refused("keystore.waiting", "stopped before its keystore's passphrase was said")
    finally:
        for task in (serving, stopping):
            task.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)
