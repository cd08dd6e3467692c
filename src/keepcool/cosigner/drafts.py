"""Every draft this signer has remembered: by intent, by slot, by digest, and in the windows of the caps.

Laws: a question costs the same whether the journal has ten entries or a million; nothing is forgotten;
groups are cliques (every two members share a slot), so that a group counts once in a window; where slots have
no order (coins), no order is kept of them; a slot is drafted for so often in an hour and no more, so that
nobody makes what is remembered of it longer than a signer can look through.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from keepcool.chains.families import first_position, ordered
from keepcool.core.effects import Slot
from keepcool.core.ids import AssetId, NetworkId
from keepcool.cosigner import entries
from keepcool.cosigner.entries import SIGN, Entry, SignRow
from keepcool.cosigner.windows import DAY_S, HOUR_S, Spending, Window
from keepcool.policy.case import History, Remembered

REDRAFTS_MAX = 100  # of one slot in an hour
_K = TypeVar("_K", str, int, Slot)


class Told(Protocol):
    """Hears of every draft that is remembered, in order, and of its undoing, the newest first."""

    def signed(self, row: SignRow, spending: Spending) -> None: ...

    def unsigned(self, row: SignRow, sequence: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A remembered draft, where it stands in the journal, the SHA-256 of its bytes, the policy (hex) it was
    judged by and the revision of the wallet's record then (0: not noted)."""

    sequence: int
    group: int
    draft: bytes
    remembered: Remembered
    policy: str = ""
    revision: int = 0


class Positions:
    """Which positions of one space are taken, as the lowest free one and those taken beyond it."""

    __slots__ = ("_beyond", "lowest_free")

    def __init__(self, first: int = 0) -> None:
        self.lowest_free = first
        self._beyond: set[int] = set()

    def take(self, position: int) -> None:
        if position >= self.lowest_free:
            self._beyond.add(position)
        while self.lowest_free in self._beyond:
            self._beyond.remove(self.lowest_free)
            self.lowest_free += 1

    def free(self, position: int) -> None:
        if position >= self.lowest_free:
            self._beyond.discard(position)
        else:
            self._beyond.update(range(position + 1, self.lowest_free))
            self.lowest_free = position


class SignedDrafts:
    """A `journal.Memory` of the kind `sign`. `told` hear of it as well."""

    def __init__(self, *told: Told) -> None:
        self._told = told
        self._kept: dict[int, Kept] = {}
        self._by_intent: dict[str, tuple[int, ...]] = {}
        self._by_slot: dict[Slot, tuple[int, ...]] = {}
        # what is signed on Minter does not name its wallet: two wallets may sign the same digest
        self._by_digest: dict[tuple[bytes, Slot], int] = {}
        self._groups: dict[int, tuple[int, ...]] = {}
        self._positions: dict[tuple[NetworkId, str], Positions] = {}
        self._hour, self._day = Window(HOUR_S), Window(DAY_S)

    def learn(self, entry: Entry) -> None:
        if entry.kind != SIGN:
            return
        row = entries.decoded(entry, SignRow)
        remembered, sequence = _remembered(row), entry.head.sequence
        group = self._group_for(remembered.slots, sequence)
        draft, policy = bytes.fromhex(row.draft), sys.intern(row.policy)
        self._kept[sequence] = Kept(sequence, group, draft, remembered, policy, row.revision)
        self._by_intent[row.intent] = (*self._by_intent.get(row.intent, ()), sequence)
        self._groups[group] = (*self._groups.get(group, ()), sequence)
        self._by_digest.setdefault(_name(remembered), sequence)
        for slot in remembered.slots:
            self._by_slot[slot] = (*self._by_slot.get(slot, ()), sequence)
            self._take(slot)
        spending = Spending(sequence, group, row.at_s, remembered.spent)
        for window in (self._hour, self._day):
            window.add(spending)
            window.advance(row.at_s)
        for one in self._told:
            one.signed(row, spending)

    def unlearn(self, entry: Entry) -> None:
        kept = self._kept.pop(entry.head.sequence, None)
        if kept is None:
            return
        sequence, remembered = kept.sequence, kept.remembered
        _pop(self._by_intent, remembered.intent)
        _pop(self._groups, kept.group)
        if self._by_digest[_name(remembered)] == sequence:
            del self._by_digest[_name(remembered)]
        for slot in remembered.slots:
            _pop(self._by_slot, slot)
            if slot not in self._by_slot and ordered(slot.network):
                self._positions[(slot.network, slot.space)].free(slot.position)
        self._hour.drop_newest(sequence)
        self._day.drop_newest(sequence)
        row = entries.decoded(entry, SignRow)
        for one in reversed(self._told):
            one.unsigned(row, sequence)

    def find(self, digests: Sequence[bytes], slots: Sequence[Slot]) -> Kept | None:
        """The draft with these digests at these slots, if it was remembered before."""
        sequence = self._by_digest.get((digests[0], slots[0])) if digests and slots else None
        kept = None if sequence is None else self._kept[sequence]
        return kept if kept is not None and kept.remembered.digests == tuple(digests) else None

    def named(self, digest: bytes, slot: Slot) -> int | None:
        """The entry that remembers the draft with this first digest at this first slot."""
        return self._by_digest.get((digest, slot))

    def crowded(self, slots: Sequence[Slot], now_s: int) -> bool:
        """Whether one of these was drafted for too often within the hour."""
        told = (self._by_slot.get(slot, ()) for slot in slots)
        oldest = (self._kept[one[-REDRAFTS_MAX]] for one in told if len(one) >= REDRAFTS_MAX)
        return any(kept.remembered.at_s > now_s - HOUR_S for kept in oldest)

    def intent_hashes(self, intent: str) -> frozenset[str]:
        """The hashes this intent id has stood for (one, or none)."""
        return frozenset(self._kept[one].remembered.intent_hash for one in self._by_intent.get(intent, ()))

    def history(self, intent: str, slots: Sequence[Slot], now_s: int, frozen: tuple[str, ...]) -> History:
        """All that a case about this intent and these slots may ask, at `now_s`."""
        rivals = self._rivals(slots)
        own = self._group_joined_by(slots, rivals)
        for window in (self._hour, self._day):
            window.advance(now_s)
        return History(
            same_intent=self._remembered(self._by_intent.get(intent, ())),
            same_slots=self._remembered(rivals),
            lowest_unsigned={slot.space: self._lowest_free(slot) for slot in slots if ordered(slot.network)},
            spent_hour=self._hour.spent(own),
            spent_day=self._day.spent(own),
            frozen=frozen,
        )

    def joined(self, slots: Sequence[Slot]) -> list[int]:
        """The set of drafts that a case at these slots would join, as `Spending.group`; none or one."""
        return self._group_joined_by(slots, self._rivals(slots))

    def newest(self, most: int) -> list[int]:
        """The entries of the drafts remembered last, newest first."""
        return list(islice(reversed(self._kept), most))

    def __len__(self) -> int:
        return len(self._kept)

    def _remembered(self, sequences: Iterable[int]) -> tuple[Remembered, ...]:
        return tuple(self._kept[one].remembered for one in sequences)

    def _take(self, slot: Slot) -> None:
        if not ordered(slot.network):
            return
        place = (slot.network, slot.space)
        if place not in self._positions:
            self._positions[place] = Positions(first_position(slot.network))
        self._positions[place].take(slot.position)

    def _lowest_free(self, slot: Slot) -> int:
        positions = self._positions.get((slot.network, slot.space))
        return first_position(slot.network) if positions is None else positions.lowest_free

    def _rivals(self, slots: Sequence[Slot]) -> list[int]:
        if len(slots) == 1:
            return list(self._by_slot.get(slots[0], ()))  # in the order they were learned already
        return sorted({one for slot in slots for one in self._by_slot.get(slot, ())})

    def _group_joined_by(self, slots: Sequence[Slot], rivals: Sequence[int]) -> list[int]:
        """The group the case would join, if any: one in which every member shares a slot with it. Only
        one: two groups it excludes may not exclude each other, and could both confirm without it."""
        if not rivals:
            return []
        groups = sorted({self._kept[one].group for one in rivals})
        joined = (group for group in groups if self._all_share(self._groups[group], slots))
        return list(islice(joined, 1))

    def _all_share(self, members: Iterable[int], slots: Sequence[Slot]) -> bool:
        wanted = frozenset(slots)
        return all(not wanted.isdisjoint(self._kept[one].remembered.slots) for one in members)

    def _group_for(self, slots: Sequence[Slot], sequence: int) -> int:
        rivals = self._rivals(slots)
        joined = self._group_joined_by(slots, rivals)
        return joined[0] if joined else sequence


def _pop(index: dict[_K, tuple[int, ...]], key: _K) -> None:
    rest = index[key][:-1]
    if rest:
        index[key] = rest
    else:
        del index[key]


def _name(remembered: Remembered) -> tuple[bytes, Slot]:
    return remembered.digests[0], remembered.slots[0]


def _remembered(row: SignRow) -> Remembered:
    return Remembered(
        intent=row.intent,
        intent_hash=row.intent_hash,
        digests=tuple(bytes.fromhex(digest) for digest in row.digests),
        slots=tuple(_slot(*slot) for slot in row.slots),
        spent=_spent(row.spent),
        at_s=row.at_s,
    )


def _slot(network: str, space: str, position: int) -> Slot:
    return Slot(NetworkId(sys.intern(network)), sys.intern(space), position)


def _spent(spent: Mapping[str, str]) -> dict[AssetId, int]:
    return {AssetId(sys.intern(asset)): int(units) for asset, units in spent.items()}
