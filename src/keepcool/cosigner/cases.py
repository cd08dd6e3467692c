"""From the bytes of a request to a Case: parsed, decoded, looked up and derived by this signer itself.

Law: nothing in a Case is taken from the asker's word; a digest is computed here, never received.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from keepcool.core.effects import Effects
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.intent import Evidence, Intent, intent_hash, parse_intent
from keepcool.cosigner.known import KnownWallet, OwnRegistry
from keepcool.policy.case import Case, History
from keepcool.wire.messages import Failure, Problem, SignItem

EVIDENCE_MAX = 16


@dataclass(frozen=True, slots=True)
class Read:
    """A request item, understood. `draft_hash`: SHA-256 of the draft's bytes."""

    intent: Intent
    intent_bytes: bytes
    intent_hash: str
    draft_hash: bytes
    effects: Effects
    known: KnownWallet
    evidence: tuple[Evidence, ...]

    @property
    def recipients(self) -> frozenset[str]:
        """Whoever is paid, in the draft or in the intent."""
        drafted = frozenset(payment.recipient for payment in self.effects.payments)
        return drafted | {output.recipient for output in self.intent.outputs}


def read_item(item: SignItem, registry: OwnRegistry) -> Read:
    """Raises Malformed on bytes that are not understood to the last one, Refused on an unknown wallet."""
    intent = parse_intent(item.intent)
    known = registry.wallet(intent.source)
    if len(item.evidence) > EVIDENCE_MAX:
        raise Malformed("signing.evidence", f"at most {EVIDENCE_MAX} pieces of evidence")
    effects = known.family.decode(item.draft, known.record)
    if not effects.digests or not effects.slots:
        raise Malformed("signing.effects", "this draft leaves nothing to sign, or nothing to be spent once")
    return Read(
        intent=intent,
        intent_bytes=item.intent,
        intent_hash=intent_hash(item.intent).hex(),
        draft_hash=hashlib.sha256(item.draft).digest(),
        effects=effects,
        known=known,
        evidence=tuple(Evidence(one.kind, one.key, one.proof) for one in item.evidence),
    )


def read_or_failure(item: SignItem, registry: OwnRegistry) -> Read | Failure:
    """One bad item does not spoil its batch."""
    try:
        return read_item(item, registry)
    except KeepcoolError as error:
        return failure(error)
    except Exception as error:  # noqa: BLE001 - hostile bytes found a hole in a codec: this item is closed
        return failure(Malformed("signing.undecodable", f"the decoder broke ({type(error).__name__})"))


def case_of(read: Read, history: History, now_s: int, reserved: frozenset[str] = frozenset()) -> Case:
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
    )


def failure(error: KeepcoolError) -> Failure:
    return Failure(problem=Problem(kind=error.kind, code=error.code, text=error.public))
