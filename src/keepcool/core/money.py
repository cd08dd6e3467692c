"""Money: a whole number of base units together with its asset.

Adding two assets is theft-grade, so it raises; so does any amount outside 0 .. 2**256 - 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId

UNITS_LIMIT = 2**256
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")


@dataclass(frozen=True, slots=True, order=False)
class Amount:
    """`units` base units (wei, satoshi, token units) of `asset`."""

    asset: AssetId
    units: int

    def __post_init__(self) -> None:
        if type(self.units) is not int:
            raise Malformed("amount.type", "an amount is a whole number of base units")
        if not 0 <= self.units < UNITS_LIMIT:
            raise Malformed("amount.range", "an amount lies between 0 and 2**256 - 1")

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.asset, self.units + self._units_of(other))

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.asset, self.units - self._units_of(other))

    def exceeds(self, other: Amount) -> bool:
        return self.units > self._units_of(other)

    def _units_of(self, other: Amount) -> int:
        if other.asset != self.asset:
            raise Malformed("amount.asset", f"{other.asset} is not {self.asset}")
        return other.units


def parse_units(text: str) -> int:
    """Base units from a decimal string, as every message and the HTTP API carry them."""
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise Malformed("amount.form", "an amount is a string of digits in base units, without sign or point")
    units = int(text)
    if units >= UNITS_LIMIT:
        raise Malformed("amount.range", "an amount lies between 0 and 2**256 - 1")
    return units
