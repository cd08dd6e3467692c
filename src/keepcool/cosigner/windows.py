"""Sliding sums of what was signed away, per asset, over all wallets.

Laws: drafts of one group exclude one another (at most one can confirm), so a group counts as its largest
member, per asset; what has entered a window leaves it by age alone. Times only grow (`Journal.now_ms`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keepcool.core.ids import AssetId

HOUR_S, DAY_S = 3600, 86400


@dataclass(frozen=True, slots=True)
class Spending:
    """One signed draft: `group` names the drafts it excludes, `spent` what it pays out."""

    sequence: int
    group: int
    at_s: int
    spent: Mapping[AssetId, int]


class Window:
    """Spendings of the last `length_s` seconds and their sums, kept as they come and go."""

    def __init__(self, length_s: int) -> None:
        self._length_s = length_s
        self._inside: deque[Spending] = deque()
        self._groups: dict[int, list[Spending]] = {}
        self._totals: dict[AssetId, int] = {}

    def add(self, spending: Spending) -> None:
        self._inside.append(spending)
        group = self._groups.get(spending.group)
        if group is not None:
            self._regroup(spending.group, [*group, spending])
            return
        self._groups[spending.group] = [spending]
        for asset, units in spending.spent.items():
            if units:
                self._totals[asset] = self._totals.get(asset, 0) + units

    def drop_newest(self, sequence: int) -> None:
        """Take back the spending of this entry, if it is the newest inside."""
        if self._inside and self._inside[-1].sequence == sequence:
            self._leave(self._inside.pop())

    def advance(self, now_s: int) -> None:
        while self._inside and self._inside[0].at_s <= now_s - self._length_s:
            self._leave(self._inside.popleft())

    def spent(self, without: Iterable[int] = ()) -> dict[AssetId, int]:
        """Sums per asset, leaving out these groups."""
        totals = dict(self._totals)
        for group in without:
            for asset, units in _largest(self._groups.get(group, [])).items():
                totals[asset] -= units
        return {asset: units for asset, units in totals.items() if units}

    def _leave(self, spending: Spending) -> None:
        kept = [one for one in self._groups[spending.group] if one is not spending]
        self._regroup(spending.group, kept)

    def _regroup(self, group: int, members: list[Spending]) -> None:
        for asset, units in _largest(self._groups.get(group, [])).items():
            self._totals[asset] -= units
            if not self._totals[asset]:
                del self._totals[asset]
        for asset, units in _largest(members).items():
            self._totals[asset] = self._totals.get(asset, 0) + units
        if members:
            self._groups[group] = members
        else:
            self._groups.pop(group, None)


def _largest(members: list[Spending]) -> dict[AssetId, int]:
    largest: dict[AssetId, int] = {}
    for member in members:
        for asset, units in member.spent.items():
            if units > largest.get(asset, 0):
                largest[asset] = units
    return largest
