"""Where statements meet App's database on a host's command line, App running or not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from keepcool.adapters.system.clock import SystemClock
from keepcool.app import config
from keepcool.app.statements import cuts, making, writing
from keepcool.app.statements.making import Closing
from keepcool.app.statements.scope import Scope
from keepcool.app.statements.shown import Names
from keepcool.app.statements.writing import Form
from keepcool.app.storage import main as storage
from keepcool.app.store import Store


@dataclass(frozen=True, slots=True)
class Asked:
    """`until_ms` None: now."""

    scope: Callable[[Connection], Scope]
    since_ms: int
    until_ms: int | None
    form: Form


def state(file: Path, asked: Asked, put: Callable[[str], object]) -> Closing:
    """Hands the text on as it is made. The closing says whether the sums hold."""
    settings = config.load(file)
    now_ms = SystemClock(settings.clock_offset_ms).now_ms()
    period = cuts.checked(asked.since_ms, now_ms if asked.until_ms is None else asked.until_ms, now_ms)
    names = Names.of(settings.networks.values())
    with contextlib.closing(storage.shared(settings, file.resolve().parent)) as store:
        pieces = making.make(_reader(store), store.transact(asked.scope), period)
        return asyncio.run(_told(pieces, writing.writer_of(asked.form, names), put))


def _reader(store: Store) -> making.Run:
    async def run(work: Callable[[Connection], Any]) -> object:
        return store.transact(work)

    return run


async def _told(pieces: making.Pieces, writer: writing.Writer, put: Callable[[str], object]) -> Closing:
    async for piece in pieces:
        put(writer.write(piece))
        if isinstance(piece, Closing):
            return piece
    raise AssertionError("a statement ends with its closing")
