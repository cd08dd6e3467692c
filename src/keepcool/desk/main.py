"""The desk's composition root: the only place where its adapters meet its inside.

Started: identity, bus, then everything that runs; stopped in the reverse order. When one running part fails
the whole process stops with its error: it keeps nothing but marks of what was told.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from keepcool.adapters import site_host, toml
from keepcool.adapters.identity.keyfiles import read_private
from keepcool.adapters.mail.smtp import SmtpMailer, SmtpServer
from keepcool.adapters.networksfile import known_families
from keepcool.adapters.site_host import SiteHost
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.marks import MarksFile
from keepcool.adapters.system.metrics import MetricsFile
from keepcool.adapters.web import server
from keepcool.core.parties import Service
from keepcool.desk import settings as settings_of
from keepcool.desk.assembly import Outside, assembled, telling
from keepcool.desk.http.site import make_site
from keepcool.desk.naming import Names
from keepcool.desk.settings import DeskSettings, MailSettings
from keepcool.desk.telling import MailReceiver, Receiver, WebhookReceiver
from keepcool.ports.webhooks import Poster
from keepcool.wire import webhooks

MARKS, METRICS = "told.json", "desk.prom"
_METRICS_EVERY_S = 10
_log = logging.getLogger("keepcool.desk")


def load(file: Path) -> DeskSettings:
    """Raises Refused on a file that would not work."""
    return settings_of.check(toml.load(file, DeskSettings))


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run the desk until SIGTERM or SIGINT. Raises what keeps it from starting."""
    site_host.run(Service.DESK, _run(load(file), file.resolve().parent, one_machine=one_machine))


async def _run(settings: DeskSettings, beside: Path, *, one_machine: bool) -> None:
    site = SiteHost.of(Service.DESK, settings, beside, one_machine=one_machine)
    stop, notify = site.begun(), settings.notify
    networks = str(beside / settings.networks_file) if settings.networks_file else ""
    async with contextlib.AsyncExitStack() as stack:
        bound = stack.enter_context(server.bind(settings.http.host, settings.http.port))
        parts = assembled(
            Outside(
                settings=settings,
                exchange=await stack.enter_async_context(site.exchange()),
                clock=SystemClock(settings.clock_offset_ms),
                entropy=SystemEntropy(),
                families=known_families(networks),
                metrics=site.metrics,
            )
        )
        parts.stop = stop  # streams end when the process is told to
        posting = site_host.posting(notify.webhook_networks, notify.webhook_timeout_s)
        poster = await stack.enter_async_context(posting)
        receivers = _receivers(settings, beside, poster, parts.names, one_machine=one_machine)
        told = telling(parts, receivers, MarksFile(_data(settings, beside) / MARKS))
        host, port = bound.getsockname()[:2]
        _log.info("listening", extra={"url": settings.origin, "host": host, "port": port})
        await site_host.together(
            stop,
            server.serve(make_site(parts), bound, stop),
            parts.mirror.keep(settings.poll_s),
            told.keep(notify.quiet_s),
            MetricsFile(site.metrics, _data(settings, beside) / METRICS).keep_writing(_METRICS_EVERY_S),
        )
    _log.info("stopped")


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


def _data(settings: DeskSettings, beside: Path) -> Path:
    folder = beside / settings.data
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
