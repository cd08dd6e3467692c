"""What waits at Cooler, mirrored in memory so that a page of ten thousand is sorted and searched at once.

Laws: the mirror is for reading: whatever is decided is asked of both signers again. It is bounded. New items
are seen at every poll; what has ended is seen when the whole is read again, which happens when Cooler's count
differs, and now and then in any case.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepcool.core.errors import KeepcoolError
from keepcool.desk.rows import Row, row_of
from keepcool.desk.signers import Signers
from keepcool.ports.system import Clock
from keepcool.wire.reviews import REVIEWS_MAX, ReviewsAnswer, ReviewsRequest, ReviewSummary

ROWS_MAX = 20_000
WHOLE_AGAIN_MS, COUNT_DIFFERS_AGAIN_MS, _ROW_MS = 60_000, 3_000, 10
_log = logging.getLogger("keepcool.desk")


@dataclass(frozen=True, slots=True)
class News:
    """`version` grows with every change. `gone`: rows that left at this one."""

    version: int
    waiting: int
    gone: tuple[str, ...]


class Mirror:
    """`keep` it running; read `rows` whenever."""

    def __init__(self, signers: Signers, clock: Clock) -> None:
        self._signers, self._clock = signers, clock
        self._rows: dict[str, Row] = {}
        self._whole_at_ms = 0
        self._news = News(0, 0, ())
        self._changed = asyncio.Condition()
        self.failing: KeepcoolError | None = None
        self.filled = False

    @property
    def news(self) -> News:
        return self._news

    @property
    def rows(self) -> Sequence[Row]:
        """Newest first."""
        return sorted(self._rows.values(), key=lambda one: -one.summary.sequence)

    def find(self, intent_hash: str) -> Row | None:
        return self._rows.get(intent_hash)

    async def changed(self, after: int, timeout_s: float) -> News | None:
        """The newest once its version is another than `after`; None when that takes longer."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._news.version != after)
                return self._news
        except TimeoutError:
            return None

    async def keep(self, every_s: float) -> None:
        """Polls until cancelled. A signer that does not answer is said to, and asked again."""
        while True:
            try:
                await self.refresh()
                self.failing = None
            except KeepcoolError as error:
                if self.failing is None or self.failing.code != error.code:
                    _log.warning("Cooler does not say what waits", extra={"code": error.code})
                self.failing = error
            await asyncio.sleep(every_s)

    async def refresh(self, *, whole: bool = False) -> None:
        """Raises what Cooler answered."""
        first = await self._page(0)
        found = {one.intent_hash: self._row(one) for one in first.items}
        now_ms = self._clock.now_ms()
        since_ms = now_ms - self._whole_at_ms
        merged = {**self._rows, **found}
        due = not self.filled or whole or not 0 <= since_ms < _patience_ms(WHOLE_AGAIN_MS, len(merged))
        differs = min(first.waiting, ROWS_MAX) != len(merged)
        differs &= since_ms >= _patience_ms(COUNT_DIFFERS_AGAIN_MS, len(merged))
        if due or differs or len(first.items) >= first.waiting:
            merged = await self._whole(first, found)
            self._whole_at_ms = now_ms
        await self._take(merged, first.waiting)

    async def _whole(self, first: ReviewsAnswer, found: dict[str, Row]) -> dict[str, Row]:
        page = first
        while page.items and len(found) < min(first.waiting, ROWS_MAX):  # a page may hold fewer than asked
            page = await self._page(page.items[-1].sequence)
            for one in page.items:
                found[one.intent_hash] = self._row(one)
        self.filled = True
        return found

    def _row(self, summary: ReviewSummary) -> Row:
        known = self._rows.get(summary.intent_hash)
        return known if known is not None and known.summary == summary else row_of(summary)

    async def _page(self, before: int) -> ReviewsAnswer:
        return await self._signers.reviews(ReviewsRequest(before=before, limit=REVIEWS_MAX))

    async def _take(self, rows: Mapping[str, Row], waiting: int) -> None:
        gone = tuple(one for one in self._rows if one not in rows)
        if rows == self._rows and waiting == self._news.waiting:
            return
        async with self._changed:
            self._rows = dict(rows)
            self._news = News(self._news.version + 1, waiting, gone)
            self._changed.notify_all()


def _patience_ms(least_ms: int, rows: int) -> int:
    """Reading all costs the signer time for every row: the more there are, the rarer it is done."""
    return max(least_ms, rows * _ROW_MS)
