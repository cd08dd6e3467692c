"""A service's place on the bus, taken by whoever has the service's folder: what a thief of its host has.

For trials on one machine, while the service itself has ended.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.nats.watch import CountedBus
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.core.parties import Service
from keepcool.ports.settings import BusSettings, PeerSettings
from keepcool.wire.exchange import Exchange

_READY_S = 60.0


@contextlib.asynccontextmanager
async def taken(
    service: Service, identity: Path, bus: BusSettings, peers: Mapping[str, PeerSettings], *, beside: Path
) -> AsyncIterator[Exchange]:
    """`identity`: the folder of its message keys; `bus` and `peers` as in its configuration, whose paths are
    relative to `beside`. Raises Unavailable without a broker."""
    keys = FileIdentity.load(identity, service, one_machine=True)
    where = BusAddress.of(bus, beside, one_machine=True)
    connection = await NatsBus.start(where, service, CountedBus(CollectorRegistry()))
    try:
        await connection.ready(_READY_S)
        yield Exchange(keys, peers_of(peers), connection, SystemClock(), SystemEntropy())
    finally:
        await connection.close()
