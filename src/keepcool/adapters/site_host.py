"""What every service with a site of its own starts with: its identity, the bus, the exchange.

Laws: nothing fatal in the survey and the service does not start; when one running part fails the whole
process stops with its error.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import uvloop
from prometheus_client import CollectorRegistry

from keepcool.adapters.guard import refuse_fatal, survey
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.nats.watch import CountedBus
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.logs import log_to_stderr
from keepcool.adapters.system.metrics import ExchangeWatch
from keepcool.adapters.system.notify import keep_alive
from keepcool.adapters.webhook.poster import HttpPoster
from keepcool.adapters.webhook.targets import Targets
from keepcool.core.parties import Peer, Service
from keepcool.ports.settings import BusSettings, PeerSettings
from keepcool.wire.exchange import Exchange

_log = logging.getLogger("keepcool.site")


class SiteSettings(Protocol):
    """Of their files, what is read here."""

    @property
    def identity(self) -> str: ...
    @property
    def bus(self) -> BusSettings: ...
    @property
    def peers(self) -> dict[str, PeerSettings]: ...
    @property
    def clock_offset_ms(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteHost:
    """`beside` is the folder of the configuration."""

    service: Service
    settings: SiteSettings
    beside: Path
    one_machine: bool
    peers: Sequence[Peer]
    metrics: CollectorRegistry

    @classmethod
    def of(cls, service: Service, settings: SiteSettings, beside: Path, *, one_machine: bool) -> SiteHost:
        return cls(
            service=service,
            settings=settings,
            beside=beside,
            one_machine=one_machine,
            peers=peers_of(settings.peers),
            metrics=CollectorRegistry(),
        )

    def begun(self) -> asyncio.Event:
        """Within the loop: what SIGTERM and SIGINT set. Raises Refused for what must not be here."""
        found = survey(self.beside, self.service, self.peers, one_machine=self.one_machine)
        for warning in refuse_fatal(found):
            _log.warning(warning)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return stop

    def identity(self) -> FileIdentity:
        folder = self.beside / self.settings.identity
        return FileIdentity.load(folder, self.service, one_machine=self.one_machine)

    @contextlib.asynccontextmanager
    async def exchange(self) -> AsyncIterator[Exchange]:
        """Over the bus. The broker may be away: what needs it waits or says so."""
        identity, clock = self.identity(), SystemClock(self.settings.clock_offset_ms)
        address = BusAddress.of(self.settings.bus, self.beside, one_machine=self.one_machine)
        bus = await NatsBus.start(address, self.service, CountedBus(self.metrics))
        watch = ExchangeWatch(self.metrics)
        try:
            yield Exchange(identity, self.peers, bus, clock, SystemEntropy(), watch=watch)
        finally:
            await bus.close()


def run(service: Service, work: Coroutine[Any, Any, None]) -> None:
    """A service's whole life in an event loop of its own, its log on standard error."""
    log_to_stderr(service.value)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


@contextlib.asynccontextmanager
async def posting(networks: Sequence[str], timeout_s: float) -> AsyncIterator[HttpPoster]:
    """To the receivers of webhooks, of which those in `networks` may be private."""
    poster = HttpPoster(Targets(networks), timeout_s)
    try:
        yield poster
    finally:
        await poster.close()


async def together(
    stop: asyncio.Event, serving: Coroutine[Any, Any, None], *working: Coroutine[Any, Any, None]
) -> None:
    """Run all until the server has stopped or one of them failed. Raises the first failure."""
    server_task = asyncio.create_task(serving)
    workers = [asyncio.create_task(one) for one in (*working, keep_alive(os.environ))]
    await asyncio.wait((server_task, *workers), return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait((server_task,))
    for worker in workers:
        worker.cancel()
    ended = await asyncio.gather(server_task, *workers, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure
