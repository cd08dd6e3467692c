"""What has been decided: looked up at Cooler, page by page, and written out for other programs.

Laws: an export is bounded; a cell of CSV never begins with what a spreadsheet would run. RFC 4180.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

from keepcool.core.errors import Conflict
from keepcool.desk.naming import iso
from keepcool.desk.rows import Row, row_of
from keepcool.desk.signers import Signers
from keepcool.wire.reviews import REVIEWS_MAX, ReviewsRequest

STATES = ("signed", "rejected", "expired", "waiting", "")
PAGE, EXPORT_MAX = 50, 10_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "intent_hash",
    "intent",
    "network",
    "wallet",
    "owner",
    "state",
    "tier",
    "since",
    "outputs",
    "approvals",
    "journal_row",
)


@dataclass(frozen=True, slots=True)
class Past:
    """`older`: where the next page begins, 0 when there is none."""

    rows: tuple[Row, ...]
    older: int


async def page(signers: Signers, state: str, text: str, before: int, limit: int = PAGE) -> Past:
    answer = await signers.reviews(ReviewsRequest(state=state, text=text, before=before, limit=limit))
    rows = tuple(row_of(one) for one in answer.items)
    return Past(rows, rows[-1].summary.sequence if rows else 0)


async def shown(signers: Signers, state: str, text: str, before: int) -> Past:
    """For people, who are not sent to an empty page: a page may hold fewer than asked and not be the last."""
    found = await page(signers, state, text, before)
    more = found.older and (await page(signers, state, text, found.older, 1)).rows
    return found if more else Past(found.rows, 0)


async def ended(signers: Signers, intent_hash: str) -> Row:
    """One that waited once and whose drafts are gone. Raises Conflict when Cooler remembers none."""
    found = (await page(signers, "", intent_hash, 0, 1)).rows
    if not found or found[0].hash != intent_hash:
        raise Conflict(
            "item.not_found", "Cooler has no such intent: it was never put to wait, or is forgotten"
        )
    return found[0]


async def exported(signers: Signers, state: str, text: str) -> AsyncIterator[Row]:
    """Newest first, at most EXPORT_MAX."""
    before = written = 0
    while written < EXPORT_MAX:
        found = await page(signers, state, text, before, min(REVIEWS_MAX, EXPORT_MAX - written))
        for row in found.rows:
            yield row
        written += len(found.rows)
        before = found.older
        if not before:
            return


def plain(row: Row) -> dict[str, object]:
    """For JSON."""
    summary = row.summary
    return {
        "intent_hash": row.hash,
        "intent": row.intent,
        "network": row.network,
        "wallet": row.wallet,
        "owner": summary.owner,
        "state": summary.state,
        "tier": summary.tier,
        "since": iso(summary.since_s),
        "totals": {asset: str(units) for asset, units in row.totals.items()},
        "recipients": list(row.recipients),
        "approvals": [
            {
                "approver": one.approver,
                "decision": one.decision,
                "reason": one.reason,
                "at": iso(one.at_s),
                "expires_at": iso(one.expires_at_s),
                "journal_row": one.sequence,
            }
            for one in summary.approvals
        ],
        "journal_row": summary.sequence,
    }


def csv_line(row: Row | None) -> str:
    """Without a row: the heading."""
    cells = COLUMNS if row is None else _cells(row)
    text = io.StringIO()
    csv.writer(text).writerow([_harmless(str(one)) for one in cells])
    return text.getvalue()


def _cells(row: Row) -> tuple[object, ...]:
    summary = row.summary
    return (
        row.hash,
        row.intent,
        row.network,
        row.wallet,
        summary.owner,
        summary.state,
        summary.tier,
        iso(summary.since_s),
        "; ".join(f"{units} {asset}" for asset, units in row.totals.items()),
        "; ".join(f"{one.decision} by {one.approver}: {one.reason}" for one in summary.approvals),
        summary.sequence,
    )


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell
