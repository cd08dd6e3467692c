"""What a signer says of an intent, counted again from the bytes it sends along.

Laws: pure; decoded by the chains' own decoders, so that what a person signs rests on the bytes of the drafts
and on nobody's summary; whatever does not come out the same is said, in sentences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepcool.chains.families import Families
from keepcool.core import canonical
from keepcool.core.approvals import effects_hash
from keepcool.core.effects import Effects
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import AssetId
from keepcool.core.intent import Intent, intent_hash, parse_intent
from keepcool.core.money import Amount
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.wire.reviews import ReviewAnswer


@dataclass(frozen=True, slots=True)
class Draft:
    """One of the drafts asked for. `sha256` in hex."""

    raw: bytes
    sha256: str
    effects: Effects


@dataclass(frozen=True, slots=True)
class Recount:
    """`drafts`: those that came along, of `stated` in all. `fee`: the highest they may cost. `effects`: the
    hash an approval names (hex)."""

    intent: Intent
    intent_hash: str
    record: WalletRecord
    drafts: tuple[Draft, ...]
    stated: int
    fee: Amount
    effects: str

    @property
    def dearest(self) -> Draft:
        return max(
            self.drafts, key=lambda one: 0 if one.effects.fee_max is None else one.effects.fee_max.units
        )

    @property
    def fee_asset(self) -> AssetId:
        return self.fee.asset


def recount(said: ReviewAnswer, families: Families) -> Recount:
    """From the bytes of the intent, the record and the drafts. Raises Malformed when they do not decode, or
    when the drafts of one intent do different things."""
    intent, record = parse_intent(said.summary.intent), parse_record(said.record)
    if not said.drafts:
        raise Malformed("desk.drafts", "the signer sent no draft: there is nothing to count again")
    family = families.named(record.family)
    drafts = tuple(
        Draft(raw, hashlib.sha256(raw).hexdigest(), family.decode(raw, record)) for raw in said.drafts
    )
    hashes = {effects_hash(one.effects).hex() for one in drafts}
    if len(hashes) != 1:
        raise Malformed("desk.drafts", "the drafts of this intent do different things: approve none of them")
    return Recount(
        intent=intent,
        intent_hash=intent_hash(said.summary.intent).hex(),
        record=record,
        drafts=drafts,
        stated=len(said.draft_hashes),
        fee=_highest_fee(intent, drafts),
        effects=hashes.pop(),
    )


def _highest_fee(intent: Intent, drafts: Sequence[Draft]) -> Amount:
    fees = [one.effects.fee_max for one in drafts if one.effects.fee_max is not None]
    return max(fees, key=lambda one: one.units) if fees else intent.fee_max


def unlike_bytes(said: ReviewAnswer, found: Recount) -> Iterator[str]:
    """Where a signer's summary says something else than its own bytes."""
    summary, intent, record = said.summary, found.intent, found.record
    if summary.intent_hash != found.intent_hash:
        yield "the intent's bytes have another hash than is said"
    if intent.source != record.wallet or intent.network != record.network:
        yield "the wallet record is of another wallet or network than the intent's"
    if summary.owner != record.owner:
        yield f"the owner is said to be {summary.owner!r}, and the wallet's record says {record.owner!r}"
    if said.user_key != record.user_key:
        yield "the owner's key is said to be another than the wallet's record names"
    if [one.sha256 for one in found.drafts] != said.draft_hashes[: len(found.drafts)]:
        yield "the drafts' bytes have other hashes than are said"
    if said.effects_hash != found.effects:
        yield "the drafts do something else than is said (another effects hash)"
    if said.fee_units_max != str(found.fee.units) and found.stated == len(found.drafts):
        yield f"the highest fee is said to be {said.fee_units_max}, and the drafts say {found.fee.units}"
    yield from _unlike_effects(said.effects, found)
    if any(one.effects.network != intent.network for one in found.drafts):
        yield "a draft is for another network than the intent"


def _unlike_effects(said: bytes, found: Recount) -> Iterator[str]:
    """What the hash of effects does not name: change, digests, and the plain words for the rest. Where not
    every draft came along, the dearest may be another one: its own change and digests are not compared."""
    counted = found.dearest.effects
    try:
        plain = canonical.decode(said, "effects")
    except Malformed:
        yield "what the draft does is told in a form that does not read"
        return
    own: dict[str, object] = {
        "source": counted.source,
        "payments": [[one.recipient, one.amount.asset, str(one.amount.units)] for one in counted.payments],
    }
    if found.stated == len(found.drafts):
        own["change"] = [[one.recipient, one.amount.asset, str(one.amount.units)] for one in counted.change]
        own["digests"] = [one.hex() for one in counted.digests]
    for name, value in own.items():
        if plain.get(name) != value:
            yield f"the draft's {name} are told otherwise than its bytes say"


def unlike_each_other(one: ReviewAnswer, other: ReviewAnswer) -> Iterator[str]:
    """Where Cooler and Keeper see the same intent differently. Their policies and journals may differ."""
    pairs = (
        ("the intent", one.summary.intent, other.summary.intent),
        ("the owner", one.summary.owner, other.summary.owner),
        ("the wallet's record", one.record, other.record),
        ("the drafts", one.draft_hashes, other.draft_hashes),
        ("what the drafts do", one.effects_hash, other.effects_hash),
        ("the highest fee", one.fee_units_max, other.fee_units_max),
        ("the owner's key", one.user_key, other.user_key),
        ("whether the owner signed", one.user_signed, other.user_signed),
    )
    for what, first, second in pairs:
        if first != second:
            yield f"Cooler and Keeper differ about {what}"


def tried(said: ReviewAnswer, families: Families) -> Recount | KeepcoolError:
    """`recount`, its error in place of what does not decode."""
    try:
        return recount(said, families)
    except KeepcoolError as error:
        return error
