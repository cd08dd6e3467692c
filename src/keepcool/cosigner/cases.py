"""From the bytes of a request to a Case: parsed, decoded, looked up and derived by this signer itself.

Law: nothing in a Case is taken from the asker's word; a digest is computed here, never received.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from keepcool.core.effects import Effects
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import WalletId
from keepcool.core.intent import Evidence, Intent, intent_hash, parse_intent
from keepcool.cosigner.known import KnownWallet, OwnRegistry
from keepcool.policy.case import Case, History, Proofs
from keepcool.ports.signer_store import RecordRow
from keepcool.wire.messages import Failure, Problem, SignItem

EVIDENCE_MAX = 16
NO_PROOFS = Proofs()
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Read:
    """A request item, understood. `draft_hash`: SHA-256 of the draft's bytes."""

    intent: Intent
    intent_bytes: bytes
    intent_hash: str
    draft: bytes
    draft_hash: bytes
    effects: Effects
    known: KnownWallet
    evidence: tuple[Evidence, ...]

    @property
    def recipients(self) -> frozenset[str]:
        """Whoever is paid, in the draft or in the intent."""
        drafted = frozenset([payment.recipient for payment in self.effects.payments])
        return drafted | {output.recipient for output in self.intent.outputs}


def read_items(items: Sequence[SignItem], registry: OwnRegistry) -> list[Read | Failure]:
    """In order. One bad item does not spoil its batch."""
    intents = [_tried(partial(parse_intent, item.intent)) for item in items]
    sources = dict.fromkeys(one.source for one in intents if isinstance(one, Intent))
    rows = _tried(partial(registry.rows, list(sources)))
    if isinstance(rows, Failure):
        return [one if isinstance(one, Failure) else rows for one in intents]
    return [
        one if isinstance(one, Failure) else _tried(partial(_read, item, one, registry, rows))
        for item, one in zip(items, intents, strict=True)
    ]


def _read(
    item: SignItem, intent: Intent, registry: OwnRegistry, rows: Mapping[WalletId, RecordRow | None]
) -> Read:
    """Raises Malformed on bytes that are not understood to the last one, Refused on an unknown wallet."""
    known = registry.known(intent.source, rows[intent.source])
    if len(item.evidence) > EVIDENCE_MAX:
        raise Malformed("signing.evidence", f"at most {EVIDENCE_MAX} pieces of evidence")
    effects = known.family.decode(item.draft, known.record)
    if not effects.digests or not effects.slots:
        raise Malformed("signing.effects", "this draft leaves nothing to sign, or nothing to be spent once")
    return Read(
        intent=intent,
        intent_bytes=item.intent,
        intent_hash=intent_hash(item.intent).hex(),
        draft=item.draft,
        draft_hash=hashlib.sha256(item.draft).digest(),
        effects=effects,
        known=known,
        evidence=tuple([Evidence(one.kind, one.key, one.proof) for one in item.evidence]),
    )


def _tried(reading: Callable[[], _T]) -> _T | Failure:
    try:
        return reading()
    except KeepcoolError as error:
        return failure(error)
    except Exception as error:  # noqa: BLE001 - hostile bytes found a hole in a codec: this item is closed
        return failure(Malformed("signing.undecodable", f"the decoder broke ({type(error).__name__})"))


def case_of(
    read: Read,
    history: History,
    now_s: int,
    reserved: frozenset[str] = frozenset(),
    proofs: Proofs = NO_PROOFS,
) -> Case:
    return Case(
        intent=read.intent,
        effects=read.effects,
        record=read.known.record,
        attested_by=read.known.attested_by,
        derived_address=read.known.derived_address,
        evidence=read.evidence,
        history=history,
        now_s=now_s,
        reserved=reserved,
        proofs=proofs,
    )


def failure(error: KeepcoolError) -> Failure:
    return Failure(problem=Problem(kind=error.kind, code=error.code, text=error.public))
