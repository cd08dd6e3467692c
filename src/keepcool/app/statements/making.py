"""A statement, piece by piece: opening, entries in the ledger's order, closing with its proof.

Laws: a piece holds one page of entries at most, however long the period; each step is one short transaction,
so that App's other work goes on between them; opening and closing come from what accounts said at those
places, the entries from themselves, and the two must meet to the unit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar, cast

from sqlalchemy import Connection

from keepcool.app.books import postings
from keepcool.app.books.accounts import side_of
from keepcool.app.books.postings import Entry
from keepcool.app.books.tables import entry
from keepcool.app.statements import balances, cuts
from keepcool.app.statements.balances import Standing
from keepcool.app.statements.cuts import Period, Search
from keepcool.app.statements.parties import Parties, Party
from keepcool.app.statements.scope import Scope
from keepcool.app.statements.sums import Sums

PAGE, WINDOW_MIN, WINDOW_MAX = 500, 5_000, 1_000_000
T = TypeVar("T")
Run: TypeAlias = Callable[[Callable[[Connection], object]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Opening:
    scope: Scope
    period: Period
    sums: Sums


@dataclass(frozen=True, slots=True)
class Line:
    """`units`: what it changed its account by, on the account's own side."""

    entry: Entry
    party: Party
    units: int


@dataclass(frozen=True, slots=True)
class Closing:
    """`entries`: so many, and `moved`: their sum. `differences`: (asset, kind, opening and entries, closing)
    where the two do not meet; `unbalanced`: (asset, debits less credits) of a whole ledger."""

    sums: Sums
    moved: Sums
    entries: int
    differences: list[tuple[str, str, int, int]]
    unbalanced: list[tuple[str, int]]

    @property
    def is_proven(self) -> bool:
        return not self.differences and not self.unbalanced


Piece: TypeAlias = Opening | list[Line] | Closing
Pieces: TypeAlias = AsyncIterator[Piece]


async def make(run: Run, scope: Scope, period: Period, *, page: int = PAGE) -> Pieces:
    """`run`: one transaction. `page`: entries in one piece, at most."""
    first = await _cut(run, period.from_ms)
    beyond = await _cut(run, period.to_ms)
    opening = await _standing(run, scope, first)
    yield Opening(scope, period, opening)
    closing = await _standing(run, scope, beyond)
    moved, count = Sums(), 0
    async for lines in _pages(run, _Range(scope, tuple(closing.assets()), first, beyond, page)):
        for one in lines:
            moved.add(one.entry.asset, one.entry.account.partition(":")[0], one.units)
        count += len(lines)
        yield lines
    gaps = opening.plus(moved).differences(closing)
    whole = closing.assets() if scope.is_whole else []
    unbalanced = [(asset, closing.trial(asset)) for asset in whole if closing.trial(asset)]
    yield Closing(closing, moved, count, gaps, unbalanced)


async def _done(run: Run, work: Callable[[Connection], T]) -> T:
    return cast(T, await run(work))


async def _cut(run: Run, since_ms: int) -> int:
    """The first entry of the period that begins here."""
    state = Search()
    while not state.is_done:
        state = await _done(run, partial(cuts.search, since_ms=since_ms, state=state))
    return await _done(run, lambda tx: cuts.first_entry(tx, state.found))


async def _standing(run: Run, scope: Scope, before: int) -> Sums:
    sums, state = Sums(), Standing()
    while not state.is_done:
        step = partial(balances.collect, scope=scope, before=before, sums=sums, state=state)
        state = await _done(run, step)
    return sums


@dataclass(frozen=True, slots=True)
class _Range:
    """Entries from `first` on, before `beyond`, of these assets: all that the accounts have ever had."""

    scope: Scope
    assets: tuple[str, ...]
    first: int
    beyond: int
    page: int


async def _pages(run: Run, asked: _Range) -> AsyncIterator[list[Line]]:
    """Windows of entry numbers that grow where there is little to find, and shrink where there is much."""
    after, window, last = asked.first - 1, WINDOW_MIN, asked.beyond - 1
    while after < last:
        upto = min(after + window, last)
        page, ended = await _done(run, partial(_page, asked=asked, after=after, upto=upto))
        after = upto if ended is None else ended
        window = min(window * 2, WINDOW_MAX) if ended is None else max(window // 2, WINDOW_MIN)
        if page:
            yield page


def _page(tx: Connection, asked: _Range, after: int, upto: int) -> tuple[list[Line], int | None]:
    """At most a page of the window, and where it ended before the window did."""
    scope = asked.scope
    narrowed = [entry.c.id <= upto, entry.c.asset.in_(asked.assets), *scope.of_entries()]
    found = postings.entries(tx, limit=asked.page, after=after, narrowed=narrowed)
    kept = scope.kept(tx, [one.account for one in found])
    mine = [one for one in found if one.account in kept]
    parties = Parties(tx, mine)
    lines = [Line(one, parties.of(one), one.delta * side_of(one.account).value) for one in mine]
    return lines, found[-1].id if len(found) == asked.page else None
