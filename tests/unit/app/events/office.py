"""An events' office of a test's own: real sealing, real posting to loopback."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CollectorRegistry

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.sealer import SelfSealer
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.adapters.webhook.poster import HttpPoster
from keepcool.adapters.webhook.targets import Targets
from keepcool.app.books import registry
from keepcool.app.events.office import EventOffice
from keepcool.app.events.settings import EventSettings
from keepcool.app.store import Store, metadata
from keepcool.core.parties import Service
from keepcool.ports.system import Clock
from tests.fixtures.books import open_books

LOOPBACK = EventSettings(
    webhook_networks=("127.0.0.0/8",),
    heartbeat_s=0.5,
    webhook_wait_s_first=0.2,
    webhook_wait_s_max=1.0,
)


def opened(folder: Path) -> Store:
    """A database of its own, with every table that events touch."""
    made = Store(open_books(folder / "app.sqlite"))
    assert registry.wallet.metadata is metadata, "withdrawals refer to wallets"
    made.create_tables()
    return made


def sealer(identity: FileIdentity | None = None) -> SelfSealer:
    return SelfSealer(identity or FileIdentity(Service.APP, os.urandom(32), os.urandom(32)), SystemEntropy())


def event_office(
    chosen: EventSettings, store: Store, clock: Clock, metrics: CollectorRegistry | None = None
) -> tuple[EventOffice, HttpPoster]:
    """The poster is to be closed."""
    poster = HttpPoster(Targets(chosen.webhook_networks), chosen.webhook_timeout_s)
    office = EventOffice(
        chosen,
        store,
        poster,
        sealer(),
        clock=clock,
        entropy=SystemEntropy(),
        metrics=metrics or CollectorRegistry(),
    )
    return office, poster
