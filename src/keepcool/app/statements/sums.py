"""Sums by asset and kind of account, each on its account's own side; and what must be true of them."""

from __future__ import annotations

from collections.abc import Iterable

from keepcool.app.books.accounts import side_of


class Sums:
    """Grows only by `add`: as many places as there are assets and kinds of account, however many entries."""

    __slots__ = ("_units",)

    def __init__(self, some: Iterable[tuple[str, str, int]] = ()) -> None:
        self._units: dict[tuple[str, str], int] = {}
        for asset, kind, units in some:
            self.add(asset, kind, units)

    def add(self, asset: str, kind: str, units: int) -> None:
        self._units[asset, kind] = self._units.get((asset, kind), 0) + units

    def items(self) -> list[tuple[str, str, int]]:
        """(asset, kind, base units), in the order of their names."""
        return [(asset, kind, units) for (asset, kind), units in sorted(self._units.items())]

    def of(self, asset: str) -> dict[str, int]:
        return {kind: units for one, kind, units in self.items() if one == asset}

    def assets(self) -> list[str]:
        return sorted({asset for asset, _ in self._units})

    def owners(self, asset: str) -> int:
        """What belongs to owners: available and held, less what they are short."""
        kinds = self.of(asset)
        return kinds.get("owed", 0) + kinds.get("held", 0) - kinds.get("short", 0)

    def trial(self, asset: str) -> int:
        """Debits less credits over every account: zero, where the whole ledger is in."""
        return sum(units * side_of(f"{kind}:all").value for kind, units in self.of(asset).items())

    def plus(self, other: Sums) -> Sums:
        return Sums([*self.items(), *other.items()])

    def differences(self, other: Sums) -> list[tuple[str, str, int, int]]:
        """(asset, kind, here, there) wherever the two are not the same."""
        places = sorted(self._units.keys() | other._units.keys())
        pairs = [(*place, self._units.get(place, 0), other._units.get(place, 0)) for place in places]
        return [one for one in pairs if one[2] != one[3]]
