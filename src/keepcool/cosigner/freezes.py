"""What is frozen, rebuilt from the journal: a freeze is an entry, and so is a thaw.

Laws: freezing needs no reason to be believed; thawing is an order of administrators (`cosigner.ordering`), or
a deed of the signer's own host where a policy names none. What is frozen is not signed; while harbor is in
force, payments solely to the policy's harbor are, whatever else is frozen, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from keepcool.core import ids
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.cosigner import entries
from keepcool.cosigner.entries import FREEZE, THAW, Entry, FreezeRow, ascii_text
from keepcool.cosigner.journal import Asked, Batch, Journal
from keepcool.policy.spending import leaving

SHOWN_MAX = 100  # anybody who may freeze could otherwise make every answer that tells of it too long
NARROW_MAX = 100  # each is thawed by an order of its own: of more than people can thaw, everything is frozen


class Level(StrEnum):
    WALLET = "wallet"
    ASSET = "asset"
    NETWORK = "network"
    ALL = "all"
    HARBOR = "harbor"


_WIDTH = {level: width for width, level in enumerate(("all", "harbor", "network", "asset", "wallet"))}


@dataclass(frozen=True, slots=True)
class Place:
    """What a freeze is of. `target` is empty for all and harbor."""

    level: Level
    target: str


@dataclass(frozen=True, slots=True)
class Said:
    """Why, who said so, and when."""

    reason: str
    by: str
    at_s: int


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze in force and the journal entry that made it."""

    row: FreezeRow
    sequence: int


class Freezes:
    """A `journal.Memory` of the kinds `freeze` and `thaw`."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, Frozen]] = []
        self._now: dict[tuple[str, str], Frozen] = {}

    def learn(self, entry: Entry) -> None:
        if entry.kind not in (FREEZE, THAW):
            return
        one = Frozen(entries.decoded(entry, FreezeRow), entry.head.sequence)
        self._rows.append((entry.kind, one))
        self._apply(entry.kind, one)

    def unlearn(self, entry: Entry) -> None:
        if entry.kind not in (FREEZE, THAW):
            return
        self._rows.pop()
        self._now.clear()
        for kind, one in self._rows:
            self._apply(kind, one)

    def touching(
        self, wallet: WalletId, network: NetworkId, assets: Iterable[AssetId] = ()
    ) -> tuple[str, ...]:
        """The freezes that hold this wallet, or would hold it were these assets to leave it, as sentences.
        While `harbor_only` they do not hold what goes solely to the harbor."""
        if not self._now:
            return ()
        places = [(Level.ALL, ""), (Level.HARBOR, ""), (Level.NETWORK, network), (Level.WALLET, wallet)]
        places += [(Level.ASSET, asset) for asset in dict.fromkeys(assets)]
        return tuple(_sentence(self._now[place].row) for place in places if place in self._now)

    @property
    def harbor_only(self) -> bool:
        """Whether the way to the harbor is open, and no other."""
        return (Level.HARBOR, "") in self._now

    def holding(
        self, wallet: WalletId, effects: Effects, harbors: Mapping[NetworkId, str]
    ) -> tuple[str, ...]:
        """What keeps a draft with these effects from being signed, as sentences; nothing does when it may."""
        if self.harbor_only and solely_to(harbors.get(effects.network), effects):
            return ()
        return self.touching(wallet, effects.network, assets_of(effects))

    def widened(self, place: Place) -> Place:
        """What is frozen when this shall be: where so many freezes are in force already, everything."""
        is_new = self.at(place) is None and place.level not in (Level.ALL, Level.HARBOR)
        return Place(Level.ALL, "") if is_new and self.count >= NARROW_MAX else place

    def all(self) -> list[str]:
        """What is frozen, as sentences: the widest first, then the oldest, and how many more there are."""
        widest = sorted(self._now.values(), key=lambda one: _WIDTH[one.row.level])
        more = [f"and {self.count - SHOWN_MAX} more"] if self.count > SHOWN_MAX else []
        return [_sentence(one.row) for one in widest[:SHOWN_MAX]] + more

    @property
    def count(self) -> int:
        return len(self._now)

    def holds(self, level: str, target: str) -> bool:
        return (level, target) in self._now

    def at(self, place: Place) -> Frozen | None:
        """The freeze in force there."""
        return self._now.get((place.level, place.target))

    def _apply(self, kind: str, one: Frozen) -> None:
        if kind == FREEZE:
            self._now.setdefault((one.row.level, one.row.target), one)
        else:
            self._now.pop((one.row.level, one.row.target), None)


def assets_of(effects: Effects) -> frozenset[AssetId]:
    """Every asset that leaves by these effects, the fee's too."""
    return frozenset(leaving(effects))


def solely_to(harbor: str | None, effects: Effects) -> bool:
    """Whether somebody is paid, and nobody but the harbor."""
    paid = {payment.recipient for payment in effects.payments}
    return harbor is not None and paid == {harbor}


def place_of(level: str, target: str) -> Place:
    """Raises Malformed on an unknown level or a target that does not fit it."""
    try:
        known = Level(level)
    except ValueError as error:
        levels = ", ".join(Level)
        raise Malformed("freeze.level", f"a freeze is of one level of {levels}") from error
    if known in (Level.ALL, Level.HARBOR):
        if target:
            raise Malformed("freeze.target", f"a freeze of level {known.value} names no target")
    elif known is Level.WALLET:
        ids.wallet_id(target)
    elif known is Level.NETWORK:
        ids.network_id(target)
    else:
        ids.asset_id(target)
    return Place(known, target)


async def freeze(
    journal: Journal,
    freezes: Freezes,
    *,
    level: str,
    target: str,
    reason: str,
    asked: Asked | None,
    clock_ms: int,
    by: str = "",
) -> None:
    """Freeze, durably. Freezing what is frozen changes nothing. `by`: who says so, left out the asker. Raises
    Malformed on an unknown level or a target that does not fit it."""
    place = place_of(level, target)
    named = by or (asked.requester.value if asked is not None else "")
    with journal.batch(asked) as batch:
        frozen(batch, freezes, place, Said(reason, named, journal.now_ms(clock_ms) // 1000))
    await batch.settled()


def frozen(batch: Batch, freezes: Freezes, place: Place, said: Said) -> None:
    """Stage a freeze, unless it is in force."""
    if freezes.at(place) is None:
        batch.add(_row(FREEZE, place, said))


def thawed(batch: Batch, place: Place, said: Said) -> None:
    """Stage the end of a freeze."""
    batch.add(_row(THAW, place, said))


async def thaw(
    journal: Journal, freezes: Freezes, *, level: str, target: str, reason: str, by: str, clock_ms: int
) -> None:
    """Thaw, durably: a local command. Raises Malformed when this is not frozen."""
    place = place_of(level, target)
    if freezes.at(place) is None:
        what = f"{level} {target}".strip()
        raise Malformed("freeze.not_frozen", f"{what} is not frozen")
    with journal.batch() as batch:
        thawed(batch, place, Said(reason, by, journal.now_ms(clock_ms) // 1000))
    await batch.settled()


def _row(kind: str, place: Place, said: Said) -> FreezeRow:
    return FreezeRow(
        at_s=said.at_s,
        kind=kind,
        level=place.level.value,
        target=place.target,
        reason=ascii_text(said.reason),
        by=ascii_text(said.by),
    )


_WHOLE = {Level.ALL: "everything", Level.HARBOR: "everything but the way to the harbor"}


def _sentence(row: FreezeRow) -> str:
    what = _WHOLE.get(Level(row.level), f"{row.level} {row.target}")
    return f"{what} is frozen by {row.by}: {row.reason}" if row.reason else f"{what} is frozen by {row.by}"
