"""The desk's composition root: the only place where its adapters meet its inside.

Started: identity, bus, then everything that runs; stopped in the reverse order. When one running part fails
the whole process stops with its error: it keeps nothing but marks of what was told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry

from keepcool.adapters import toml
from keepcool.adapters.guard import refuse_fatal, survey
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.keyfiles import read_private
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.mail.smtp import SmtpMailer, SmtpServer
from keepcool.adapters.nats.address import BusAddress
from keepcool.adapters.nats.bus import NatsBus
from keepcool.adapters.nats.watch import CountedBus
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.logs import log_to_stderr
from keepcool.adapters.system.marks import MarksFile
from keepcool.adapters.system.metrics import ExchangeWatch
from keepcool.adapters.webhook.poster import HttpPoster
from keepcool.adapters.webhook.targets import Targets
from keepcool.chains.bitcoin.network_table import read_networks
from keepcool.chains.families import SHIPPED_FAMILIES, Families
from keepcool.core.errors import Refused
from keepcool.core.parties import Peer, Service
from keepcool.desk import settings as settings_of
from keepcool.desk.assembly import Outside, assembled, telling
from keepcool.desk.http import server
from keepcool.desk.http.site import make_site
from keepcool.desk.naming import Names
from keepcool.desk.settings import DeskSettings, MailSettings
from keepcool.desk.telling import MailReceiver, Receiver, WebhookReceiver
from keepcool.ports.webhooks import Poster
from keepcool.wire import webhooks
from keepcool.wire.exchange import Exchange

MARKS = "told.json"
_log = logging.getLogger("keepcool.desk")


def load(file: Path) -> DeskSettings:
    """Raises Refused on a file that would not work."""
    return settings_of.check(toml.load(file, DeskSettings))


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run the desk until SIGTERM or SIGINT. Raises what keeps it from starting."""
    settings = load(file)
    log_to_stderr(Service.DESK.value)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, file.resolve().parent, one_machine=one_machine))


async def _run(settings: DeskSettings, beside: Path, *, one_machine: bool) -> None:
    peers = peers_of(settings.peers)
    for warning in refuse_fatal(survey(beside, Service.DESK, peers, one_machine=one_machine)):
        _log.warning(warning)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = CollectorRegistry()
    async with contextlib.AsyncExitStack() as stack:
        bound = stack.enter_context(server.bind(settings.http))
        exchange = await stack.enter_async_context(
            _linked(settings, beside, peers, metrics, one_machine=one_machine)
        )
        parts = assembled(
            Outside(
                settings=settings,
                exchange=exchange,
                clock=SystemClock(settings.clock_offset_ms),
                entropy=SystemEntropy(),
                families=_families(settings, beside),
                metrics=metrics,
            )
        )
        parts.stop = stop  # streams end when the process is told to
        poster = await stack.enter_async_context(_posting(settings))
        receivers = _receivers(settings, beside, poster, parts.names, one_machine=one_machine)
        told = telling(parts, receivers, MarksFile(_data(settings, beside) / MARKS))
        host, port = bound.getsockname()[:2]
        _log.info("listening", extra={"url": settings.origin, "host": host, "port": port})
        await _together(
            stop,
            server.serve(make_site(parts), bound, stop),
            parts.mirror.keep(settings.poll_s),
            told.keep(settings.notify.quiet_s),
        )
    _log.info("stopped")


@contextlib.asynccontextmanager
async def _linked(
    settings: DeskSettings,
    beside: Path,
    peers: Sequence[Peer],
    metrics: CollectorRegistry,
    *,
    one_machine: bool,
) -> AsyncIterator[Exchange]:
    """The exchange over the bus. The broker may be away: what needs it waits or says so."""
    identity = FileIdentity.load(beside / settings.identity, Service.DESK, one_machine=one_machine)
    address = BusAddress.of(settings.bus, beside, one_machine=one_machine)
    bus = await NatsBus.start(address, Service.DESK, CountedBus(metrics))
    clock = SystemClock(settings.clock_offset_ms)
    try:
        yield Exchange(identity, peers, bus, clock, SystemEntropy(), watch=ExchangeWatch(metrics))
    finally:
        await bus.close()


@contextlib.asynccontextmanager
async def _posting(settings: DeskSettings) -> AsyncIterator[HttpPoster]:
    notify = settings.notify
    poster = HttpPoster(Targets(notify.webhook_networks), notify.webhook_timeout_s)
    try:
        yield poster
    finally:
        await poster.close()


def _receivers(
    settings: DeskSettings, beside: Path, poster: Poster, names: Names, *, one_machine: bool
) -> list[Receiver]:
    found: list[Receiver] = [
        WebhookReceiver(
            url=one.url,
            secret=webhooks.parse_secret(_secret(beside / one.secret, one_machine=one_machine)),
            poster=poster,
            origin=settings.origin,
        )
        for one in settings.notify.webhooks
    ]
    if settings.notify.mail is not None:
        mail = settings.notify.mail
        mailer = _mailer(mail, beside, one_machine=one_machine)
        found.append(MailReceiver(mailer, settings.origin, settings.title, names, mail.details))
    return found


def _mailer(mail: MailSettings, beside: Path, *, one_machine: bool) -> SmtpMailer:
    password = _secret(beside / mail.password, one_machine=one_machine) if mail.password else ""
    reached = SmtpServer(mail.host, mail.port, mail.security, mail.user, password, mail.timeout_s)
    return SmtpMailer(reached, mail.sender, mail.recipients)


def _secret(file: Path, *, one_machine: bool) -> str:
    return read_private(file, one_machine=one_machine).content.decode("utf-8", "replace").strip()


def _families(settings: DeskSettings, beside: Path) -> Families:
    if not settings.networks_file:
        return SHIPPED_FAMILIES
    try:
        return Families(read_networks((beside / settings.networks_file).read_bytes()))
    except OSError as error:
        text = f"cannot read {settings.networks_file}: {error.strerror}"
        raise Refused("config.networks_file", text) from error


def _data(settings: DeskSettings, beside: Path) -> Path:
    folder = beside / settings.data
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def _together(
    stop: asyncio.Event, serving: Coroutine[Any, Any, None], *working: Coroutine[Any, Any, None]
) -> None:
    """Run all until the server has stopped or one of them failed. Raises the first failure."""
    server_task = asyncio.create_task(serving)
    workers = [asyncio.create_task(one) for one in working]
    await asyncio.wait((server_task, *workers), return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait((server_task,))
    for worker in workers:
        worker.cancel()
    ended = await asyncio.gather(server_task, *workers, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure
