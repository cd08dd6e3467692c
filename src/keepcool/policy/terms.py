"""What one signer may sign, as frozen values: the inside of a policy file.

Laws: whatever is not named here is refused; amounts are whole base units; caps count all wallets together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.parties import Service

Layout: TypeAlias = Literal["children", "shared"]


@dataclass(frozen=True, slots=True)
class NativeAsset:
    """What a network's fees are paid in."""

    asset: AssetId
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class PurseRules:
    """Limits of the fee-paying account: per transaction and per sliding day, in base units of the native
    asset, and wallets deployed per day.

    On Minter the accounts are creators: `deployments_per_day` counts the creates signed, over all of them.
    Their transactions state no fee, only a gas price and a gas coin, which `fee_rate_max` and `fee_assets`
    bound as they bound a wallet's own; so each weighs `fee_max_units`, and a day's together at most
    `gas_budget_day_units`, which also bounds what is spread among the creators."""

    fee_max_units: int
    gas_budget_day_units: int
    deployments_per_day: int


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """`fee_max_units` is the most an intent may allow for fees. `profile` is that of new wallets, wallets
    of `older_profiles` stay spendable. `allow` is None where any destination may be paid. `harbor` is the one
    destination of an evacuation; None: there is none.

    The rest is of families whose drafts pay their own fee. `fee_rate_max` is the highest rate (Minter: gas
    price; Bitcoin: per 1000 virtual bytes), `fee_assets` what a fee may be paid in; None and empty where
    drafts pay none. `data_bytes_max` bounds what a draft carries besides its payments. `calls` are the
    selectors a wallet may use where there are no contracts, None where there are. `layout` says whether each
    wallet has cool and cold keys of its own ("children") or all share one of each.

    `coins`: wallets spend coins, by outputs and not by calls. `fee_share_max` is the highest fee in
    thousandths of what is moved, None where drafts state no fee; `change_max` how many outputs may come back.
    `pool_profile` is that of new pools; None: there are none."""

    network: NetworkId
    family: str
    profile: str
    older_profiles: tuple[str, ...]
    native: NativeAsset
    fee_max_units: int
    purse: PurseRules | None
    allow: frozenset[str] | None
    deny: frozenset[str]
    fee_rate_max: int | None = None
    fee_assets: frozenset[AssetId] = frozenset()
    data_bytes_max: int = 0
    calls: frozenset[str] | None = None
    layout: Layout | None = None
    harbor: str | None = None
    coins: bool = False
    fee_share_max: int | None = None
    change_max: int = 0
    pool_profile: str | None = None

    @property
    def profiles(self) -> tuple[str, ...]:
        pool = () if self.pool_profile is None else (self.pool_profile,)
        return (self.profile, *pool, *self.older_profiles)

    def knows(self, profile: str) -> bool:
        """Whether a wallet of this profile may pay. Where there are no contracts, a record's profile goes on
        after a colon with what its address was made of; the family derives the address from that."""
        kind = profile if self.calls is None else profile.partition(":")[0]
        return kind in self.profiles


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

    @property
    def harbors(self) -> Mapping[NetworkId, str]:
        """Per network the one place that payments may go to without counting in a cap."""
        return {name: rules.harbor for name, rules in self.networks.items() if rules.harbor is not None}

    def harbor_of(self, network: NetworkId) -> str | None:
        rules = self.networks.get(network)
        return None if rules is None else rules.harbor
