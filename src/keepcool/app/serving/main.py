"""App's process: where the adapters it runs on meet its inside.

Started: database (one App only), identity, bus, then everything that runs; stopped in the reverse order.
When one running part fails the whole process stops with its error: it starts again from the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from pathlib import Path

from keepcool.adapters import site_host
from keepcool.adapters.site_host import SiteHost
from keepcool.adapters.web import server
from keepcool.app import config
from keepcool.app.config import AppSettings
from keepcool.app.main import opened_store
from keepcool.app.reloading import main as reloading
from keepcool.app.reloading.main import Lasting
from keepcool.app.storage import main as storage
from keepcool.core.parties import Service

_log = logging.getLogger("keepcool.app")


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run App until SIGTERM or SIGINT. Raises what keeps it from starting."""
    settings = config.load(file)
    site_host.run(Service.APP, _run(settings, file.resolve(), one_machine=one_machine))


async def _run(settings: AppSettings, file: Path, *, one_machine: bool) -> None:
    beside = file.parent
    site = SiteHost.of(Service.APP, settings, beside, one_machine=one_machine)
    stop, rung, told = site.begun(), asyncio.Event(), settings.events
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rung.set)
    async with contextlib.AsyncExitStack() as stack:
        store = stack.enter_context(opened_store(settings, beside))
        seated = await stack.enter_async_context(storage.seated(settings, beside, store))
        bound = stack.enter_context(server.bind(settings.http.host, settings.http.port))
        exchange = await stack.enter_async_context(site.exchange())
        posting = site_host.posting(told.webhook_networks, told.webhook_timeout_s)
        poster = await stack.enter_async_context(posting)
        lasting = Lasting(file=file, site=site, store=store, seated=seated, exchange=exchange, poster=poster)
        running = reloading.generations(lasting)
        await running.begin(settings)
        stack.push_async_callback(running.close)
        host, port = bound.getsockname()[:2]
        _log.info("listening", extra={"url": f"http://{host}:{port}", "port": port})
        beginning = (running.run(stop), running.on_signal(rung), reloading.serve(lasting, running))
        await site_host.together(stop, server.serve(running, bound, stop), *seated.sitting, *beginning)
    _log.info("stopped")
