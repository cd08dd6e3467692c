"""Ledger against chain as a command: its own reading of the books and of every network's nodes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

from keepcool.adapters.system.clock import SystemClock
from keepcool.app import config
from keepcool.app.config import AppSettings
from keepcool.app.nodes import main as nodes_of
from keepcool.app.reconciling import everything
from keepcool.app.storage import main as storage
from keepcool.app.store import Store
from keepcool.core.reconciliation import Report, SeenHead


def reconcile(file: Path, heads: Mapping[str, SeenHead]) -> Report:
    """Ledger against chain, App running or not. `heads`: of signers' journals, newer than App was told."""
    settings, beside = config.load(file), file.resolve().parent
    with contextlib.closing(storage.shared(settings, beside)) as store:
        return asyncio.run(_reconciled(settings, beside, store, heads))


async def _reconciled(
    settings: AppSettings, beside: Path, store: Store, heads: Mapping[str, SeenHead]
) -> Report:
    async with contextlib.AsyncExitStack() as stack:
        nodes = everything.Reading(
            await stack.enter_async_context(nodes_of.evm(settings)),
            await stack.enter_async_context(nodes_of.minter(settings)),
            await stack.enter_async_context(nodes_of.bitcoin(settings, beside)),
        )
        now_ms = SystemClock(settings.clock_offset_ms).now_ms()
        return await everything.reconciled(settings, store, nodes, heads, now_ms // 1000)
