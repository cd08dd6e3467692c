"""What the host of a signer does with its journal while the signer is stopped.

Law: it may freeze, and thaw where nobody else would have to; it changes nothing else.
"""

from __future__ import annotations

import json
from typing import Any

from keepcool.cosigner import freezes as freezing
from keepcool.cosigner.freezes import Freezes, Said
from keepcool.cosigner.journal import Journal
from keepcool.cosigner.ordering import freeze_anew
from keepcool.cosigner.orders import Orders
from keepcool.cosigner.thawing import BY
from keepcool.ports.signer_store import SignerStore

_PAGE_MAX, _PAGE_BYTES_MAX = 500, 400_000
Shown = dict[str, Any]


async def freeze(store: SignerStore, *, level: str, target: str, reason: str, clock_ms: int) -> list[str]:
    """What is frozen afterwards. Raises Malformed on an unknown level or a target that does not fit it."""
    place, freezes, orders = freezing.place_of(level, target), Freezes(), Orders()
    journal = Journal.opened(store, [freezes, orders])
    with journal.batch() as batch:
        freeze_anew(batch, freezes, orders, place, Said(reason, BY, journal.now_ms(clock_ms) // 1000))
    await batch.settled()
    return freezes.all()


def frozen_of(answer: str) -> list[str]:
    """What is frozen, by a running signer's answer to the command."""
    found = json.loads(answer).get("frozen", [])
    return [str(one) for one in found]


def entries_of(answer: str) -> list[Shown]:
    """A page of the journal, by a running signer's answer to the command."""
    return list(json.loads(answer)["entries"])


def page(store: SignerStore, after: int) -> list[Shown]:
    """Entries beyond a sequence, as many as are told at once: where each stands, and its body."""
    told, size = list[Shown](), 0
    for row in store.entries(after):
        size += len(row.body)
        if told and (size > _PAGE_BYTES_MAX or len(told) == _PAGE_MAX):
            break
        told.append(
            {
                "sequence": row.head.sequence,
                "hash": row.head.hash.hex(),
                "body": json.loads(row.body),
            }
        )
    return told
