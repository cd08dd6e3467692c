"""Blocks one after another, the next one on its way while one is read.

Law: what was asked for and is not wanted any more is given up before anything else happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from keepcool.core.errors import KeepcoolError
from keepcool.ports.bitcoinnode import BitcoinNode


async def blocks(node: BitcoinNode, hashes: Sequence[str]) -> AsyncGenerator[bytes, None]:
    """In this order; close it when it is left early. Raises what the node raises, at its block."""
    waiting: list[asyncio.Task[bytes]] = []
    try:
        for place in range(len(hashes)):
            asked = hashes[place + len(waiting) : place + 2]
            waiting += [asyncio.create_task(node.raw_block(one)) for one in asked]
            yield await waiting.pop(0)
    finally:
        for task in waiting:
            task.cancel()
            with suppress(asyncio.CancelledError, KeepcoolError):
                await task
