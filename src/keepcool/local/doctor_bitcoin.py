"""doctor on one node of the Bitcoin family: does it answer, on which chain, is it at its end, what can it do?

Laws: one question, no retry beyond the adapter's; what a node cannot do is said with what it costs, and what
no service needs is not said at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keepcool.adapters.bitcoinnode.node import HttpBitcoinNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.bitcoin.network_table import SHIPPED, one_row
from keepcool.chains.bitcoin.networks import Network
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.core.ids import NetworkId
from keepcool.local.findings import Finding, Weight
from keepcool.ports.bitcoinnode import Capabilities, Condition

_TIMEOUT_S = 5.0
_TEST_COIN_TYPE = 1
_PEERS_MIN = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What a node that answers says of itself."""

    condition: Condition
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is and of which network: `row` is the network as data where this release ships none."""

    network: str
    url: str
    cookie: Path | None = None
    row: Mapping[str, object] | None = None


def node(name: str, place: Place, mend: str) -> Iterator[Finding]:
    """`name` is what the finding calls it; the URL is never shown, it may hold a password."""
    network = NetworkId(place.network)
    try:
        row = SHIPPED.of(network) if place.row is None else one_row(place.row, network)
        told = asyncio.run(_told(name, row, place))
    except Unavailable as error:
        yield Finding("doctor.node", error.public, mend, Weight.WARNING)
    except Refused as error:
        code = "doctor.chain" if error.code == "node.wrong_chain" else "doctor.url"
        yield Finding(code, error.public, mend)
    except KeepcoolError as error:
        yield Finding(error.code, f"{name}: {error.public}", mend)
    else:
        yield from state(name, told.condition, row)
        yield from abilities(name, told.capabilities)


def state(name: str, condition: Condition, row: Network) -> Iterator[Finding]:
    """What is wrong with a node that answers, of a network where strangers make the blocks."""
    if condition.catching_up:
        text = f"{name} is catching up with its chain, at block {condition.tip.height} of {condition.headers}"
        yield Finding("doctor.catching_up", text, "wait; nothing is credited until then", Weight.WARNING)
    if condition.pruned_below is not None:
        text = f"{name} deletes old blocks and has none below {condition.pruned_below}"
        mend = "enough while App keeps up; a restore needs a node that keeps them (prune=0)"
        yield Finding("doctor.pruned", text, mend, Weight.WARNING)
    if row.coin_type != _TEST_COIN_TYPE and condition.peers < _PEERS_MIN:
        text = f"{name} has {condition.peers} peers: whoever holds them decides which chain it sees"
        mend = "give it connections (addnode, an open port), and App a second node (agree = 2)"
        yield Finding("doctor.peers", text, mend, Weight.WARNING)


def abilities(name: str, can: Capabilities) -> Iterator[Finding]:
    """What a node lacks of the things that are used where they are there."""
    if not can.tests_acceptance:
        text = f"{name} cannot test a transaction before it is sent (testmempoolaccept)"
        yield Finding("doctor.untested", text, "use a node of Bitcoin Core 0.17 or newer", Weight.WARNING)
    if not can.estimates_fees:
        text = f"{name} estimates no fees (estimatesmartfee)"
        mend = 'set networks."...".fees.fee_rate_fallback, or use a node that does'
        yield Finding("doctor.fees", text, mend, Weight.WARNING)


async def _told(name: str, row: Network, place: Place) -> Told:
    found = HttpBitcoinNode(
        row, place.url, SystemClock(), credentials=place.cookie, timeout_s=_TIMEOUT_S, name=name
    )
    try:
        return Told(await found.condition(), await found.capabilities())
    finally:
        await found.close()
