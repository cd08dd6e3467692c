"""What the signers' journals say of drafts seen on a chain.

Laws: a draft is named by the digest its keys have signed, computed here from the chain's own bytes, so what
is found is exactly what was signed; two signers that remember different intents explain nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.app.wallets import PINNED
from keepcool.core.errors import Malformed
from keepcool.core.intent import Intent, parse_intent
from keepcool.core.parties import Service
from keepcool.wire.exchange import Exchange
from keepcool.wire.listing import FIND_MAX, FindSigned, FoundSigned, SignedAnswer, SignedDraft


@dataclass(frozen=True, slots=True)
class Remembered:
    """`by`: the signers that remember it; `at_s`: when the first of them noted it."""

    intent: Intent
    encoded: bytes
    by: tuple[Service, ...]
    at_s: int


@dataclass(frozen=True, slots=True)
class Journals:
    exchange: Exchange
    timeout_s: float

    async def find(self, drafts: Sequence[SignedDraft]) -> list[Remembered | None]:
        """One answer each, in order. Raises Unavailable when a signer does not answer."""
        found: list[Remembered | None] = []
        for start in range(0, len(drafts), FIND_MAX):
            lot = drafts[start : start + FIND_MAX]
            told = await asyncio.gather(*(self._ask(signer, lot) for signer in PINNED))
            found += [_one(dict(zip(PINNED, each, strict=True))) for each in zip(*told, strict=True)]
        return found

    async def _ask(self, signer: Service, lot: Sequence[SignedDraft]) -> list[FoundSigned]:
        answer = await self.exchange.ask(
            signer, "signed.find.v1", FindSigned(items=list(lot)), self.timeout_s
        )
        if not isinstance(answer, SignedAnswer) or len(answer.items) != len(lot):
            raise Malformed("restore.answer", f"{signer} did not answer what it was asked")
        return answer.items


def _one(told: dict[Service, FoundSigned]) -> Remembered | None:
    known = {by: one for by, one in told.items() if one.intent}
    if len({one.intent for one in known.values()}) != 1:
        return None
    encoded = next(iter(known.values())).intent
    try:
        intent = parse_intent(encoded)
    except Malformed:
        return None
    return Remembered(intent, encoded, tuple(known), min(one.at_s for one in known.values()))
