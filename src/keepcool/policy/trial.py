"""A dry run: a case built from what somebody wrote down, instead of from a signer's own memory.

Laws: unknown keys are refused; nothing is asked of a service, a node or a clock; what the signer would have
looked up or verified (attestations, history, signatures) is taken as stated, so a trial explains and never
decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, TypeAlias, cast

import msgspec

from keepcool.core import canonical, ids
from keepcool.core.approvals import Decision, effects_hash
from keepcool.core.effects import Effects, Slot
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.intent import Evidence, parse_intent
from keepcool.core.money import parse_units
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.core.verdict import Failed, Verdict
from keepcool.policy.case import Case, Given, History, Proofs, Remembered
from keepcool.policy.rules import ALL, Rule
from keepcool.policy.terms import Policy
from keepcool.ports.settings import Settings

Written: TypeAlias = "str | dict[str, object]"  # hex of canonical bytes, or the JSON object itself
Decode: TypeAlias = Callable[[Written, WalletRecord], Effects]
Derive: TypeAlias = Callable[[WalletRecord], str]
HOUR_S = 3600


class SlotRow(Settings, frozen=True):
    space: str
    position: int


class RememberedRow(Settings, frozen=True):
    intent: str
    intent_hash: str
    digests: tuple[str, ...]
    slots: tuple[SlotRow, ...]
    spent: dict[str, str]
    at_s: int


class HistoryRow(Settings, frozen=True):
    same_intent: tuple[RememberedRow, ...] = ()
    same_slots: tuple[RememberedRow, ...] = ()
    lowest_unsigned: dict[str, int] | None = None
    spent_hour: dict[str, str] | None = None
    spent_day: dict[str, str] | None = None
    frozen: tuple[str, ...] = ()
    waiting_since_s: int | None = None
    destinations: dict[str, int] | None = None
    user_spent_hour: dict[str, str] | None = None
    user_spent_day: dict[str, str] | None = None
    harbor_only: bool = False


class EvidenceRow(Settings, frozen=True):
    kind: str
    key: str
    proof: str


class GivenRow(Settings, frozen=True):
    """What is left out is taken to fit: the approver's key, this draft and its fee, the policy tried, an hour
    yet to come."""

    approver: str
    decision: Literal["approve", "reject"] = "approve"
    key: str | None = None
    effects: str | None = None
    fee_units_max: str | None = None
    policies: tuple[str, ...] | None = None
    expires_at_s: int | None = None
    at_s: int | None = None
    reason: str = ""


class ProofsRow(Settings, frozen=True):
    """`user`: the owner's signature is taken as verified."""

    user: bool = False
    approvals: tuple[GivenRow, ...] = ()
    invalid: tuple[str, ...] = ()


class TrialRequest(Settings, frozen=True):
    """`keepcool policy try` reads this; docs/reference/policy.md says what each key means."""

    intent: Written
    draft: Written
    record: Written
    attested_by: tuple[str, ...]
    now_s: int
    evidence: tuple[EvidenceRow, ...] = ()
    history: HistoryRow = HistoryRow()
    reserved: tuple[str, ...] = ()
    proofs: ProofsRow = ProofsRow()


def parse_request(data: bytes) -> TrialRequest:
    """Raises Malformed with the key that is wrong."""
    try:
        return msgspec.json.decode(data, type=TrialRequest, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("trial.form", f"the request is not what is tried: {error}") from error


def case_of(request: TrialRequest, decode: Decode, derive: Derive, policy: Policy) -> Case:
    """The case, with drafts decoded and the address derived by the family. Raises Malformed."""
    record = parse_record(plain_bytes(request.record, "record"))
    intent = parse_intent(plain_bytes(request.intent, "intent"))
    effects = decode(request.draft, record)
    case = Case(
        intent=intent,
        effects=effects,
        record=record,
        attested_by=frozenset(_service(name) for name in request.attested_by),
        derived_address=derive(record),
        evidence=tuple(Evidence(row.kind, row.key, _hex(row.proof, "proof")) for row in request.evidence),
        history=_history(request.history, effects, intent.network),
        now_s=request.now_s,
        reserved=frozenset(request.reserved),
    )
    return replace(case, proofs=_proofs(request.proofs, case, policy))


def verdicts(case: Case, policy: Policy, rules: tuple[Rule, ...] = ALL) -> tuple[Verdict, ...]:
    """Of every rule, in order. A rule that breaks has failed, as it has with a co-signer."""
    found: list[Verdict] = []
    for rule in rules:
        try:
            found.append(rule.judge(case, policy))
        except Exception as error:  # noqa: BLE001 - a broken rule is closed, and says so
            found.append(Failed(rule.NAME, f"the rule broke ({type(error).__name__})"))
    return tuple(found)


def plain_bytes(written: Written, what: str) -> bytes:
    """Canonical bytes, from their hex or from the object they encode."""
    if isinstance(written, str):
        return _hex(written, what)
    try:
        return canonical.encode(cast("Mapping[str, canonical.Plain]", written))  # refuses what is not plain
    except TypeError as error:
        raise Malformed("trial.form", f"{what}: {error}") from error


def _history(row: HistoryRow, effects: Effects, network: NetworkId) -> History:
    next_free = {slot.space: slot.position for slot in effects.slots}
    return History(
        same_intent=tuple(_remembered(draft, network) for draft in row.same_intent),
        same_slots=tuple(_remembered(draft, network) for draft in row.same_slots),
        lowest_unsigned=next_free if row.lowest_unsigned is None else row.lowest_unsigned,
        spent_hour=_sums(row.spent_hour or {}),
        spent_day=_sums(row.spent_day or {}),
        frozen=row.frozen,
        waiting_since_s=row.waiting_since_s,
        destinations=row.destinations or {},
        user_spent_hour=_sums(row.user_spent_hour or {}),
        user_spent_day=_sums(row.user_spent_day or {}),
        harbor_only=row.harbor_only,
    )


def _proofs(row: ProofsRow, case: Case, policy: Policy) -> Proofs:
    return Proofs(
        user_key=case.record.user_key if row.user else "",
        approvals=tuple(_given(one, case, policy) for one in row.approvals),
        invalid=row.invalid,
    )


def _given(row: GivenRow, case: Case, policy: Policy) -> Given:
    person = policy.approvers.get(row.approver)
    fee = case.intent.fee_max if case.effects.fee_max is None else case.effects.fee_max
    return Given(
        approver=row.approver,
        key=("" if person is None else person.key) if row.key is None else row.key,
        decision=Decision(row.decision),
        effects=effects_hash(case.effects).hex() if row.effects is None else row.effects,
        fee_units_max=fee.units if row.fee_units_max is None else parse_units(row.fee_units_max),
        policies=(policy.hash,) if row.policies is None else row.policies,
        expires_at_s=case.now_s + HOUR_S if row.expires_at_s is None else row.expires_at_s,
        at_s=case.now_s if row.at_s is None else row.at_s,
        reason=row.reason,
    )


def _remembered(row: RememberedRow, network: NetworkId) -> Remembered:
    return Remembered(
        intent=row.intent,
        intent_hash=row.intent_hash,
        digests=tuple(_hex(digest, "digest") for digest in row.digests),
        slots=tuple(Slot(network, slot.space, slot.position) for slot in row.slots),
        spent=_sums(row.spent),
        at_s=row.at_s,
    )


def _sums(rows: Mapping[str, str]) -> dict[AssetId, int]:
    return {ids.asset_id(asset): parse_units(units) for asset, units in rows.items()}


def _service(name: str) -> Service:
    try:
        return Service(name)
    except ValueError as error:
        raise Malformed("trial.service", f"attested_by: there is no service {name[:40]!r}") from error


def _hex(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise Malformed("trial.hex", f"{what}: not hexadecimal: {text[:40]!r}") from error
