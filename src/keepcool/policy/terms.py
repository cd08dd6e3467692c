"""What one signer may sign, as frozen values: the inside of a policy file.

Laws: whatever is not named here is refused; amounts are whole base units; caps count all wallets together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service


@dataclass(frozen=True, slots=True)
class NativeAsset:
    """What a network's fees are paid in."""

    asset: AssetId
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class PurseRules:
    """Limits of the fee-paying account: per transaction and per sliding day, in base units of the native
    asset, and wallets deployed per day."""

    fee_max_units: int
    gas_budget_day_units: int
    deployments_per_day: int


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """`fee_max_units` is the most an intent may allow for fees. `profile` is that of new wallets, wallets
    of `older_profiles` stay spendable. `allow` is None where any destination may be paid."""

    network: NetworkId
    family: str
    profile: str
    older_profiles: tuple[str, ...]
    native: NativeAsset
    fee_max_units: int
    purse: PurseRules | None
    allow: frozenset[str] | None
    deny: frozenset[str]

    @property
    def profiles(self) -> tuple[str, ...]:
        return (self.profile, *self.older_profiles)


@dataclass(frozen=True, slots=True)
class AssetRules:
    """Caps in base units, over all wallets together: per transaction, sliding hour and sliding day."""

    asset: AssetId
    symbol: str
    decimals: int
    cap_transaction_units: int
    cap_hour_units: int
    cap_day_units: int


@dataclass(frozen=True, slots=True)
class ClassRules:
    """What is narrower for wallets of one policy class. `allow` is None where it is not."""

    name: str
    allow: frozenset[str] | None
    cap_transaction_units: Mapping[AssetId, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """What one signer may sign. An asset, network, profile, class or evidence not named here is refused."""

    version: int
    hash: str
    intent_lifetime_s_max: int
    attestations: frozenset[Service]
    evidence_kinds: frozenset[str]
    networks: Mapping[NetworkId, NetworkRules]
    assets: Mapping[AssetId, AssetRules]
    classes: Mapping[str, ClassRules]
