"""What is frozen, rebuilt from the journal: a freeze is an entry, and so is a thaw.

Law: freezing needs no reason to be believed; thawing is a deed of the signer's own host.
"""

from __future__ import annotations

from enum import StrEnum

from keepcool.core import ids
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId, WalletId
from keepcool.cosigner import entries
from keepcool.cosigner.entries import FREEZE, THAW, Entry, FreezeRow, ascii_text
from keepcool.cosigner.journal import Asked, Journal

SHOWN_MAX = 100  # anybody who may freeze could otherwise make every answer that tells of it too long


class Level(StrEnum):
    WALLET = "wallet"
    NETWORK = "network"
    ALL = "all"


class Freezes:
    """A `journal.Memory` of the kinds `freeze` and `thaw`."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, FreezeRow]] = []
        self._now: dict[tuple[str, str], FreezeRow] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind not in (FREEZE, THAW):
            return
        row = entries.decoded(entry, FreezeRow)
        self._rows.append((entry.kind, row))
        self._apply(entry.kind, row)

    def unlearn(self, entry: Entry) -> None:
        if entry.kind not in (FREEZE, THAW):
            return
        self._rows.pop()
        self._now.clear()
        for kind, row in self._rows:
            self._apply(kind, row)

    def touching(self, wallet: WalletId, network: NetworkId) -> tuple[str, ...]:
        """The freezes that hold this wallet, as sentences."""
        if not self._now:
            return ()
        places = ((Level.ALL, ""), (Level.NETWORK, network), (Level.WALLET, wallet))
        return tuple(_sentence(self._now[place]) for place in places if place in self._now)

    def all(self) -> list[str]:
        """What is frozen, as sentences: the widest first, then the oldest, and how many more there are."""
        widest = sorted(self._now.values(), key=lambda row: row.level == Level.WALLET)
        more = [f"and {self.count - SHOWN_MAX} more"] if self.count > SHOWN_MAX else []
        return [_sentence(row) for row in widest[:SHOWN_MAX]] + more

    @property
    def count(self) -> int:
        return len(self._now)

    def holds(self, level: str, target: str) -> bool:
        return (level, target) in self._now

    def _apply(self, kind: str, row: FreezeRow) -> None:
        if kind == FREEZE:
            self._now.setdefault((row.level, row.target), row)
        else:
            self._now.pop((row.level, row.target), None)


async def freeze(
    journal: Journal, freezes: Freezes, *, level: str, target: str, reason: str, asked: Asked, clock_ms: int
) -> None:
    """Freeze, durably. Freezing what is frozen changes nothing. Raises Malformed on an unknown level or
    a target that does not fit it."""
    place = _place(level, target)
    with journal.batch(asked) as batch:
        if not freezes.holds(*place):
            at_s = journal.now_ms(clock_ms) // 1000
            batch.add(_row(FREEZE, place, ascii_text(reason), asked.requester.value, at_s))
    await batch.settled()


async def thaw(
    journal: Journal, freezes: Freezes, *, level: str, target: str, reason: str, by: str, clock_ms: int
) -> None:
    """Thaw, durably: a local command. Raises Malformed when this is not frozen."""
    place = _place(level, target)
    if not freezes.holds(*place):
        raise Malformed("freeze.not_frozen", f"{level} {target} is not frozen")
    with journal.batch() as batch:
        at_s = journal.now_ms(clock_ms) // 1000
        batch.add(_row(THAW, place, ascii_text(reason), ascii_text(by), at_s))
    await batch.settled()


def _place(level: str, target: str) -> tuple[str, str]:
    try:
        known = Level(level)
    except ValueError as error:
        raise Malformed("freeze.level", "a freeze is of one wallet, one network, or all") from error
    if known is Level.ALL and target:
        raise Malformed("freeze.target", "a freeze of all names no target")
    if known is Level.WALLET:
        ids.wallet_id(target)
    if known is Level.NETWORK:
        ids.network_id(target)
    return known.value, target


def _row(kind: str, place: tuple[str, str], reason: str, by: str, at_s: int) -> FreezeRow:
    return FreezeRow(at_s=at_s, kind=kind, level=place[0], target=place[1], reason=reason, by=by)


def _sentence(row: FreezeRow) -> str:
    what = "everything" if row.level == Level.ALL else f"{row.level} {row.target}"
    return f"{what} is frozen by {row.by}: {row.reason}" if row.reason else f"{what} is frozen by {row.by}"
