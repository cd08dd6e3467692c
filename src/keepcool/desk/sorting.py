"""Which of the waiting rows are shown, and in what order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from keepcool.desk.rows import Row

PAGE = 50


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """ "" and None: any. Amounts in base units of `asset`; without one they and LARGEST mean nothing."""

    network: str = ""
    tier: str = ""
    owner: str = ""
    text: str = ""
    asset: str = ""
    least: int | None = None
    most: int | None = None
    order: Order = Order.NEWEST
    page: int = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """`matching`: how many in all; `rows`: those of this page."""

    rows: tuple[Row, ...]
    matching: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters may be set to."""

    networks: tuple[str, ...]
    tiers: tuple[str, ...]
    assets: tuple[str, ...]


def chosen(rows: Sequence[Row], wanted: Wanted) -> Shown:
    """`rows` come newest first."""
    found = [row for row in rows if _matches(row, wanted)]
    match wanted.order:
        case Order.NEWEST:
            pass
        case Order.OLDEST:
            found.reverse()
        case Order.LARGEST:
            found.sort(key=lambda row: -row.totals.get(wanted.asset, 0))
    pages = max((len(found) + PAGE - 1) // PAGE, 1)
    page = min(max(wanted.page, 1), pages)
    return Shown(tuple(found[(page - 1) * PAGE : page * PAGE]), len(found), page, pages)


def choices(rows: Sequence[Row]) -> Choices:
    return Choices(
        networks=tuple(sorted({row.network for row in rows if row.network})),
        tiers=tuple(sorted({row.summary.tier for row in rows if row.summary.tier})),
        assets=tuple(sorted({asset for row in rows for asset in row.totals})),
    )


def _matches(row: Row, wanted: Wanted) -> bool:
    if wanted.network and row.network != wanted.network:
        return False
    if wanted.tier and row.summary.tier != wanted.tier:
        return False
    if wanted.owner and row.summary.owner != wanted.owner:
        return False
    if wanted.text and wanted.text.lower() not in row.text:
        return False
    return _amount_matches(row, wanted)


def _amount_matches(row: Row, wanted: Wanted) -> bool:
    if not wanted.asset:
        return True
    units = row.totals.get(wanted.asset)
    if units is None or (wanted.least is not None and units < wanted.least):
        return False
    return wanted.most is None or units <= wanted.most
