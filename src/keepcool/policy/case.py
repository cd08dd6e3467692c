"""Everything a rule may look at, as frozen values: built by the co-signer, judged by pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
class History:
    """This signer's own memory, as far as it concerns the case.

    `same_intent`: drafts signed for the same intent id. `same_slots`: drafts that hold any of the case's
    slots. `lowest_unsigned`: per slot space, the lowest position never signed. `spent_hour`, `spent_day`:
    per asset over all wallets inside the sliding window, per conflict set the maximum, and without the
    case's own conflict set (the drafts in `same_slots`), so that a cap rule adds the larger of the case
    and of those once. `frozen`: the freezes that touch the case's wallet, as sentences.
    """

    same_intent: tuple[Remembered, ...]
    same_slots: tuple[Remembered, ...]
    lowest_unsigned: Mapping[str, int]
    spent_hour: Mapping[AssetId, int]
    spent_day: Mapping[AssetId, int]
    frozen: tuple[str, ...]


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
