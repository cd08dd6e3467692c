"""doctor on one Minter node: does it answer, on which chain, is it at the chain's end?

Laws: one question, no retry beyond the adapter's; a chain that stands still is a warning of its own, because
no node of ours can mend it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.core.ids import NetworkId
from keepcool.local.findings import Finding, Weight
from keepcool.ports.minternode import Status

BLOCK_AGE_S_MAX = 60  # a block takes about five seconds
_TIMEOUT_S = 5.0
_STANDS = (
    "compare with another node: if all stand at this block the chain has halted; "
    "see docs/operate/minter.md, When the chain halts"
)


def node(name: str, network: str, url: str, mend: str, chain_name: str = "") -> Iterator[Finding]:
    """`name` is what the finding calls it; the URL is never shown. `chain_name` as in App's settings."""
    try:
        status = asyncio.run(_status(name, network, url, chain_name or None))
    except Unavailable as error:
        yield Finding("doctor.node", error.public, mend, Weight.WARNING)
    except Refused as error:
        code = "doctor.chain" if error.code == "node.wrong_chain" else "doctor.url"
        yield Finding(code, error.public, mend)
    except KeepcoolError as error:
        yield Finding(error.code, f"{name}: {error.public}", mend)
    else:
        yield from at_the_end(name, status, SystemClock().now_ms())


def at_the_end(name: str, status: Status, now_ms: int) -> Iterator[Finding]:
    """What is wrong with a node that answers."""
    age_s = (now_ms - status.block_time_ms) // 1000
    if status.catching_up:
        text = f"{name} is catching up with its chain, at block {status.height}"
        yield Finding("doctor.catching_up", text, "wait; what it says is not used until then", Weight.WARNING)
    elif age_s > BLOCK_AGE_S_MAX:
        text = f"{name}: its newest block, {status.height}, is {age_s} s old"
        yield Finding("doctor.block_age", text, _STANDS, Weight.WARNING)


async def _status(name: str, network: str, url: str, chain_name: str | None) -> Status:
    clock = SystemClock()
    found = HttpMinterNode(
        NetworkId(network), url, clock, timeout_s=_TIMEOUT_S, chain_name=chain_name, name=name
    )
    try:
        return await found.status()
    finally:
        await found.close()
