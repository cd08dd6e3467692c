"""Telling people that something waits: by webhooks (Standard Webhooks 1.0.0) and by e-mail.

Laws: an item is told once to each receiver, restarts included: how far was told is marked after it was taken;
what is not taken is tried again later each time, and given up after a bound; nothing that is told lets
anybody decide anything. By default neither amounts nor addresses leave the desk.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.desk.mirror import Mirror
from keepcool.desk.naming import Names, iso
from keepcool.desk.rows import Row
from keepcool.ports.mail import Mailer, Marks
from keepcool.ports.system import Clock
from keepcool.ports.webhooks import Poster
from keepcool.wire import webhooks

TOLD_MAX, WAIT_S_FIRST, WAIT_S_MAX = 50, 30, 3_600
_EVENT = "review.waiting"
_log = logging.getLogger("keepcool.desk")


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows`: the newest of those that began to wait, oldest first; `new` of them in all, `waiting` now."""

    rows: tuple[Row, ...]
    new: int
    waiting: int
    upto: int
    at_s: int


class Receiver(Protocol):
    @property
    def name(self) -> str:
        """Of its mark: the same after a restart."""

    async def tell(self, batch: Batch) -> None:
        """Raises when it was not taken."""


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    url: str
    secret: bytes
    poster: Poster
    origin: str

    @property
    def name(self) -> str:
        return "webhook:" + hashlib.sha256(self.url.encode()).hexdigest()[:16]

    async def tell(self, batch: Batch) -> None:
        body = json.dumps(
            {
                "type": _EVENT,
                "timestamp": iso(batch.at_s),
                "data": {
                    "waiting": batch.waiting,
                    "new": batch.new,
                    "url": f"{self.origin}/",
                    "items": [_plain(one, self.origin) for one in batch.rows],
                },
            },
            separators=(",", ":"),
        ).encode("utf-8")
        # the same id when it is tried again
        headers = webhooks.headers([self.secret], f"desk_{batch.upto}", batch.at_s, body)
        posted = await self.poster.post(self.url, headers, body)
        if not posted.taken:
            raise Unavailable("webhook.answer", f"it answered {posted.status}")


@dataclass(frozen=True, slots=True)
class MailReceiver:
    """`details`: amounts and addresses too."""

    mailer: Mailer
    origin: str
    title: str
    names: Names
    details: bool = False
    name: str = "mail"

    async def tell(self, batch: Batch) -> None:
        lines = [f"{batch.new} new, {batch.waiting} waiting in all. Read and decide at {self.origin}/", ""]
        for row in batch.rows:
            lines.append(f"- since {iso(row.summary.since_s)}, {row.network}, tier {row.summary.tier}")
            if self.details:
                lines += [f"  {self.names.amount(asset, units)}" for asset, units in row.totals.items()]
                lines += [f"  to {one}" for one in row.recipients[:10]]
        if batch.new > len(batch.rows):
            lines.append(f"- and {batch.new - len(batch.rows)} more")
        lines += ["", "This mail asks for no reply and holds no link that decides anything."]
        await self.mailer.send(f"[{self.title}] {batch.new} payments wait for a decision", "\n".join(lines))


@dataclass(slots=True)
class _Patience:
    tries: int = 0
    until_ms: int = 0


class Telling:
    """`keep` it running beside the mirror."""

    def __init__(
        self,
        mirror: Mirror,
        receivers: Sequence[Receiver],
        marks: Marks,
        clock: Clock,
        tries_max: int,
    ) -> None:
        self._mirror, self._receivers, self._marks = mirror, tuple(receivers), marks
        self._clock, self._tries_max = clock, tries_max
        self._told = marks.read()
        self._patience = {one.name: _Patience() for one in self._receivers}

    async def keep(self, quiet_s: float) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(quiet_s)
            await self.once()

    async def once(self) -> None:
        """Tells each receiver what began to wait since it was last told."""
        if self._mirror.filled:
            await asyncio.gather(*(self._tell(one) for one in self._receivers))

    async def _tell(self, receiver: Receiver) -> None:
        patience, now_ms = self._patience[receiver.name], self._clock.now_ms()
        batch = self._batch(self._told.get(receiver.name, 0), now_ms // 1000)
        if batch is None or now_ms < patience.until_ms:
            return
        try:
            await receiver.tell(batch)
        except KeepcoolError as error:
            patience.tries += 1
            wait_s = min(WAIT_S_FIRST * 2 ** min(patience.tries - 1, 10), WAIT_S_MAX)
            patience.until_ms = now_ms + wait_s * 1000
            said = {"receiver": receiver.name, "code": error.code, "tries": patience.tries}
            _log.warning("not told", extra=said)
            if patience.tries < self._tries_max:
                return
            _log.error("given up telling", extra=said)
        patience.tries, patience.until_ms = 0, 0
        await self._mark(receiver.name, batch.upto)

    def _batch(self, told: int, at_s: int) -> Batch | None:
        rows = self._mirror.rows
        new = [one for one in rows if one.summary.sequence > told]
        if not new:
            return None
        shown = tuple(reversed(new[:TOLD_MAX]))
        return Batch(shown, len(new), len(rows), new[0].summary.sequence, at_s)

    async def _mark(self, name: str, upto: int) -> None:
        self._told[name] = upto
        kept: Mapping[str, int] = dict(self._told)
        try:
            await asyncio.to_thread(self._marks.write, kept)
        except OSError as error:
            _log.error("what was told is not marked", extra={"errno": error.errno})


def _plain(row: Row, origin: str) -> dict[str, object]:
    return {
        "intent_hash": row.hash,
        "network": row.network,
        "tier": row.summary.tier,
        "since": iso(row.summary.since_s),
        "url": f"{origin}/items/{row.hash}",
    }
