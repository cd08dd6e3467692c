"""One waiting intent as a row of the queue, read once from its canonical bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.core.errors import KeepcoolError
from keepcool.core.intent import parse_intent
from keepcool.wire.reviews import ReviewSummary


@dataclass(frozen=True, slots=True)
class Row:
    """`totals`: what it pays in all, by asset. `broken`: why its bytes do not read, "" when they do. `text`:
    everything a search looks into, in lower case."""

    summary: ReviewSummary
    network: str
    wallet: str
    intent: str
    recipients: tuple[str, ...]
    totals: Mapping[str, int]
    expires_at_s: int
    broken: str
    text: str

    @property
    def hash(self) -> str:
        return self.summary.intent_hash


def row_of(summary: ReviewSummary) -> Row:
    """Never raises: bytes that do not read are shown as such."""
    try:
        intent = parse_intent(summary.intent)
    except KeepcoolError as error:
        text = f"{summary.intent_hash} {summary.owner} {summary.tier}".lower()
        return Row(summary, "", "", "", (), {}, 0, error.public, text)
    totals: dict[str, int] = {}
    for output in intent.outputs:
        totals[output.amount.asset] = totals.get(output.amount.asset, 0) + output.amount.units
    recipients = tuple(output.recipient for output in intent.outputs)
    words = (
        summary.intent_hash,
        intent.intent,
        intent.source,
        intent.network,
        summary.owner,
        summary.tier,
        *recipients,
    )
    return Row(
        summary=summary,
        network=intent.network,
        wallet=intent.source,
        intent=intent.intent,
        recipients=recipients,
        totals=totals,
        expires_at_s=intent.expires_at_s,
        broken="",
        text=" ".join(words).lower(),
    )
