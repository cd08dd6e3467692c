"""How amounts, addresses, hashes and times are written for people. Base units stand beside every amount."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal

from keepcool.core.errors import Malformed
from keepcool.desk.settings import AssetSettings

_EXACT = Context(prec=200)  # 2**256 has 78 digits: nothing is ever rounded
_GROUP = 4
_AMOUNT = re.compile(r"[0-9]{1,78}(\.[0-9]{1,78})?")


class Names:
    """`assets`: how the configuration names them; others are shown in base units."""

    def __init__(self, assets: Mapping[str, AssetSettings]) -> None:
        self._assets = dict(assets)

    def amount(self, asset: str, units: int | str) -> str:
        """`1.5 ETH`, or base units and the asset's whole name."""
        known = self._assets.get(asset)
        if known is None:
            return f"{spaced(str(units))} × {asset}"
        text = f"{Decimal(units).scaleb(-known.decimals, _EXACT):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        whole, point, part = text.partition(".")
        return f"{spaced(whole)}{point}{part} {known.symbol}"

    def symbol(self, asset: str) -> str:
        known = self._assets.get(asset)
        return asset if known is None else known.symbol

    def units(self, asset: str, text: str) -> int | None:
        """Base units of what somebody typed into a filter; None for nothing. Raises Malformed."""
        typed = text.strip().replace("\N{NO-BREAK SPACE}", "").replace(" ", "").replace(",", ".")
        if not typed:
            return None
        if not _AMOUNT.fullmatch(typed):
            raise Malformed("filter.amount", "an amount is a number, as 1.5")
        decimals = self._assets[asset].decimals if asset in self._assets else 0
        return int(Decimal(typed).scaleb(decimals, _EXACT).to_integral_value())


def spaced(digits: str) -> str:
    """Thousands apart, so that a zero too many is seen."""
    return f"{int(digits):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if digits.isdigit() else digits


def groups(text: str) -> list[str]:
    """An address in fours, its prefix kept whole."""
    for prefix in ("0x", "Mx"):
        if text.startswith(prefix):
            return [prefix, *_fours(text[len(prefix) :])]
    return _fours(text)


def when(at_s: int) -> str:
    """`2027-01-15 08:00:00 UTC`."""
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return str(at_s)


def iso(at_s: int) -> str:
    """For <time datetime>."""
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return ""


def span(seconds: int) -> tuple[int, str]:
    """So many of which unit (day, hour, minute, second): a catalogue says the words."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if abs(seconds) >= length:
            return seconds // length, unit
    return seconds, "second"


def _fours(text: str) -> list[str]:
    return [text[at : at + _GROUP] for at in range(0, len(text), _GROUP)]
