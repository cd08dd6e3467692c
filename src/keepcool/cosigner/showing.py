"""A case as people read it: effects in plain form, windows and their caps, what the owner did before, hints.

Law: everything here comes from this signer's own memory and from bytes it decoded, a bounded amount of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from keepcool.core import canonical
from keepcool.core.approvals import effects_hash
from keepcool.core.canonical import Plain
from keepcool.core.effects import Effects, Payment
from keepcool.core.ids import AssetId
from keepcool.core.intent import parse_intent
from keepcool.cosigner import entries
from keepcool.cosigner.cases import Read
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.entries import SignRow, WaitingRow
from keepcool.cosigner.judge import Rulebook, verdicts
from keepcool.cosigner.owners import whose
from keepcool.cosigner.people import People, assessed, verdict_item
from keepcool.policy.case import Case
from keepcool.policy.hints import Past, PastIntent, hints
from keepcool.policy.spending import leaving
from keepcool.policy.terms import AssetRules, Policy
from keepcool.ports.signer_store import SignerStore
from keepcool.wire.messages import VerdictItem
from keepcool.wire.reviews import PastDraft, Person, ReviewSummary, SeenDestination, WindowUse

HISTORY_MAX, PAST_MAX = 20, 200
RECIPIENTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """One case, and the memories that tell of it."""

    case: Case
    people: People
    store: SignerStore
    drafts: SignedDrafts
    book: Rulebook

    def verdicts(self) -> list[VerdictItem]:
        return [verdict_item(one) for one in verdicts(self.case, self.book)]

    def destinations(self, read: Read) -> list[SeenDestination]:
        who = whose(self.case.record)
        found = []
        for one in sorted(read.recipients):
            seen = self.people.owners.seen(who, one)
            first_s, times = (0, 0) if seen is None else (seen.first_s, seen.times)
            found.append(SeenDestination(recipient=one, first_s=first_s, times=times))
        return found

    def history(self) -> list[PastDraft]:
        """What the owner was signed for last, newest first."""
        return [
            PastDraft(
                at_s=row.at_s,
                intent_hash=row.intent_hash,
                recipients=row.recipients[:RECIPIENTS_SHOWN],
                spent=row.spent,
            )
            for row in self._signed(self.people.owners.newest(self.case.record.owner, HISTORY_MAX))
        ]

    def windows(self) -> list[WindowUse]:
        terms = self.book.terms
        return [] if terms is None else _windows(self.case, terms, self.book)

    def hints(self, intent_hash: str) -> list[str]:
        terms = self.book.terms
        return [] if terms is None else list(hints(self.case, self._past(intent_hash), terms))

    def _past(self, intent_hash: str) -> Past:
        own = self.people.owners.newest(self.case.record.owner, PAST_MAX)
        rows = self._signed(sorted({*own, *self.drafts.newest(PAST_MAX)}, reverse=True))
        signed = [_past(row.owner, row.at_s, bytes.fromhex(row.intent_bytes)) for row in rows
                  if row.intent_hash != intent_hash]  # fmt: skip
        waiting = [_past(row.owner, row.at_s, row.intent, signed=False) for row in self._waiting(intent_hash)]
        return Past(sorted([*signed, *waiting], key=lambda one: -one.at_s))

    def _signed(self, sequences: Iterable[int]) -> list[SignRow]:
        rows = (self.store.entry(one) for one in sequences)
        return [
            entries.decoded(entries.read(row.head, row.previous, row.body), SignRow)
            for row in rows
            if row is not None
        ]

    def _waiting(self, but: str) -> list[WaitingRow]:
        found = []
        for item in self.people.waiting.latest(PAST_MAX):
            row = self.store.entry(item.sequence) if item.intent_hash != but and not item.is_signed else None
            if row is not None:
                found.append(entries.decoded(entries.read(row.head, row.previous, row.body), WaitingRow))
        return found


def people_of(terms: Policy) -> list[Person]:
    """Approvers and administrators, by name; who is both stands there twice."""
    approvers = [
        Person(
            name=one.name,
            key=one.key,
            credential=one.credential,
            groups=sorted(one.groups),
            owner=one.owner,
            administrator=False,
        )
        for one in terms.approvers.values()
    ]
    administrators = [
        Person(name=one.name, key=one.key, credential=one.credential, groups=[], owner="", administrator=True)
        for one in terms.administrators.values()
    ]
    return sorted([*approvers, *administrators], key=lambda one: (one.name, one.administrator))


def fee_units(read: Read) -> int:
    """What this draft may cost: what it states, or what the intent allows where it states none."""
    fee = read.effects.fee_max
    return read.intent.fee_max.units if fee is None else fee.units


def effects_name(effects: Effects) -> str:
    return effects_hash(effects).hex()


def effects_shown(effects: Effects) -> bytes:
    """As canonical JSON."""
    fee = effects.fee_max
    plain: dict[str, Plain] = {
        "calls": [[one.contract, one.selector, one.name] for one in effects.calls],
        "change": [_payment(one) for one in effects.change],
        "data_bytes": effects.data_bytes,
        "data_hash": effects.data_hash,
        "digests": [one.hex() for one in effects.digests],
        "family": effects.family,
        "fee": None if fee is None else [fee.asset, str(fee.units)],
        "fee_rate": effects.fee_rate,
        "hazards": [[one.code, one.text] for one in effects.hazards],
        "network": effects.network,
        "payments": [_payment(one) for one in effects.payments],
        "slots": [[one.network, one.space, one.position] for one in effects.slots],
        "source": effects.source,
    }
    return canonical.encode(plain)


def size_of(summary: ReviewSummary) -> int:
    """About how many bytes it takes."""
    said = sum(len(one) for one in summary.needs) + sum(len(one.reason) + 200 for one in summary.approvals)
    return len(summary.intent) + said + 500


def _windows(case: Case, terms: Policy, book: Rulebook) -> list[WindowUse]:
    history, found = case.history, list[WindowUse]()
    tier = next((one for one in terms.tiers if one.name == assessed(case, book).tier), None)
    of_user = {} if tier is None else tier.user_day_units_max or {}
    for asset in sorted(leaving(case.effects, terms.harbor_of(case.effects.network))):
        caps = terms.assets.get(asset)
        found += [
            _use(asset, "hour", "all", history.spent_hour, _cap(caps, lambda one: one.cap_hour_units)),
            _use(asset, "day", "all", history.spent_day, _cap(caps, lambda one: one.cap_day_units)),
            _use(asset, "hour", "user", history.user_spent_hour, ""),
            _use(asset, "day", "user", history.user_spent_day, str(of_user.get(asset, ""))),
        ]
    return found


def _cap(rules: AssetRules | None, cap: Callable[[AssetRules], int]) -> str:
    return "" if rules is None else str(cap(rules))


def _use(asset: AssetId, window: str, of: str, spent: Mapping[AssetId, int], cap: str) -> WindowUse:
    return WindowUse(asset=asset, window=window, of=of, spent=str(spent.get(asset, 0)), cap=cap)


def _payment(one: Payment) -> list[str]:
    return [one.recipient, one.amount.asset, str(one.amount.units)]


def _past(owner: str, at_s: int, intent: bytes, *, signed: bool = True) -> PastIntent:
    return PastIntent(owner, at_s, parse_intent(intent).outputs, signed)
