"""Everything a rule may look at, as frozen values: built by the co-signer, judged by pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepcool.core.approvals import Decision
from keepcool.core.effects import Effects, Slot
from keepcool.core.ids import AssetId
from keepcool.core.intent import Evidence, Intent
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord


@dataclass(frozen=True, slots=True)
class Remembered:
    """A draft this signer has signed before. `spent` is what leaves by it (paid out, and a fee
    it states), per asset, in base units."""

    intent: str
    intent_hash: str
    digests: tuple[bytes, ...]
    slots: tuple[Slot, ...]
    spent: Mapping[AssetId, int]
    at_s: int


@dataclass(frozen=True, slots=True)
class Given:
    """A decision about this case's intent, its signature verified. `key`: that verified it. `at_s`: when it
    came. The rest: what was decided upon, as `core.approvals.Approval` has it."""

    approver: str
    key: str
    decision: Decision
    effects: str
    fee_units_max: int
    policies: tuple[str, ...]
    expires_at_s: int
    at_s: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proofs:
    """What people have signed, as far as the co-signer verified it. `user_key`: the key whose signature over
    this very intent verified, "" for none. `invalid`: what was offered and did not verify, as sentences."""

    user_key: str = ""
    approvals: tuple[Given, ...] = ()
    invalid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """This signer's own memory, as far as it concerns the case.

    `same_intent`: drafts signed for the same intent id. `same_slots`: drafts that hold any of the case's
    slots. `lowest_unsigned`: per slot space, the lowest position never signed. `spent_hour`, `spent_day`:
    per asset over all wallets inside the sliding window, per conflict set the maximum, and without the
    case's own conflict set (the drafts in `same_slots`), so that a cap rule adds the larger of the case
    and of those once. `frozen`: the freezes that touch the case's wallet, as sentences; `harbor_only`: one
    of them leaves the way to the harbor open.

    `waiting_since_s`: when this intent was first put to wait, None: never. `destinations`: recipients and
    when they were first seen for this owner; one that is absent never was. `user_spent_hour` and
    `user_spent_day`: like those without `user_`, over the wallets of the case's owner.
    """

    same_intent: tuple[Remembered, ...]
    same_slots: tuple[Remembered, ...]
    lowest_unsigned: Mapping[str, int]
    spent_hour: Mapping[AssetId, int]
    spent_day: Mapping[AssetId, int]
    frozen: tuple[str, ...]
    waiting_since_s: int | None = None
    destinations: Mapping[str, int] = field(default_factory=dict)
    user_spent_hour: Mapping[AssetId, int] = field(default_factory=dict)
    user_spent_day: Mapping[AssetId, int] = field(default_factory=dict)
    harbor_only: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One draft to be judged. `record` is the signer's own registry copy, `attested_by` who attested it
    (signatures verified), `derived_address` what the signer derived from the three keys just now,
    `reserved` those recipients that are, in its own registry, addresses of wallets whose owners were not
    read from the chain yet."""

    intent: Intent
    effects: Effects
    record: WalletRecord
    attested_by: frozenset[Service]
    derived_address: str
    evidence: tuple[Evidence, ...]
    history: History
    now_s: int
    reserved: frozenset[str] = frozenset()
    proofs: Proofs = Proofs()
