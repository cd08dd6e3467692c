"""Statements of a ledger, whole, as tests read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from keepcool.app.statements import making
from keepcool.app.statements.cuts import Period
from keepcool.app.statements.making import Closing, Line, Opening
from keepcool.app.statements.scope import Scope
from keepcool.app.store import Store


@dataclass(frozen=True, slots=True)
class Told:
    opening: Opening
    lines: list[Line]
    closing: Closing
    pages: list[int]


def told(store: Store, scope: Scope, from_ms: int, to_ms: int, page: int = making.PAGE) -> Told:
    async def run(work: Callable[[Connection], Any]) -> object:
        return store.transact(work)

    async def read() -> list[making.Piece]:
        return [piece async for piece in making.make(run, scope, Period(from_ms, to_ms), page=page)]

    pieces = asyncio.run(read())
    opening, closing = pieces[0], pieces[-1]
    assert isinstance(opening, Opening)
    assert isinstance(closing, Closing)
    pages = [one for one in pieces if isinstance(one, list)]
    return Told(opening, [line for one in pages for line in one], closing, [len(one) for one in pages])
