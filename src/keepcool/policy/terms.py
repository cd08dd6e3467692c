"""What one signer may sign, as frozen values: the inside of a policy file.

Laws: whatever is not named here is refused; amounts are whole base units; caps count all wallets together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    `pool_profile` is that of new pools; None: there are none. `rescue`: where there are contracts, whether a
    token that is not listed may leave a wallet for the harbor."""

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
    rescue: bool = False

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
class SiteTerms:
    """Where passkeys may be touched: the relying party's id (a domain) and the origins of its pages."""

    rp_id: str
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class Approver:
    """Who may approve. `key` as `core.personkeys` spells it; `credential`: base64url of a passkey's id, ""
    for other keys. `owner`: the user reference this person has himself, "" for none: nobody approves what he
    asked for."""

    name: str
    key: str
    credential: str = ""
    groups: frozenset[str] = frozenset()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who may give orders with others of his kind. `key` and `credential` as an approver's."""

    name: str
    key: str
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Governance:
    """How many administrators an order takes, and how long it waits. `root_delay_s`: of a policy the root key
    alone has signed."""

    quorum: int
    delay_s: int
    root_delay_s: int
    thaw_quorum: int
    thaw_delay_s: int
    rekey_delay_s: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """A signer freezes itself when one sender's distinct denials within `window_s` pass `denials_max`;
    `reviews_per_hour_max` bounds what may be put to wait."""

    denials_max: int
    window_s: int
    reviews_per_hour_max: int


@dataclass(frozen=True, slots=True)
class NeededApprovals:
    """So many distinct people of one group; who stands for one group stands for no other."""

    group: str
    count: int


@dataclass(frozen=True, slots=True)
class Tier:
    """What a payment needs. Down to `destination_age_s_min` stands what it must be for the tier to match;
    None asks nothing. Amounts are base units and hold per asset: a payment of an asset that is not named does
    not match. The days are sliding and include the payment itself. `owned`: the wallet has a user key.

    `delay_s` counts from when this signer first put the intent to wait, `cooling_s` from when it first saw
    this owner pay a recipient."""

    name: str
    networks: frozenset[NetworkId] | None = None
    classes: frozenset[str] | None = None
    owned: bool | None = None
    transaction_units_max: Mapping[AssetId, int] | None = None
    user_day_units_max: Mapping[AssetId, int] | None = None
    day_units_max: Mapping[AssetId, int] | None = None
    destination_age_s_min: int = 0
    user: bool = False
    approvals: tuple[NeededApprovals, ...] = ()
    delay_s: int = 0
    cooling_s: int = 0
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What one signer may sign. An asset, network, profile, class or evidence not named here is refused.

    `users`, `desk`: where passkeys may be touched, None: nowhere. Of `tiers` the first that matches counts;
    where there are none, caps alone decide."""

    version: int
    hash: str
    intent_lifetime_s_max: int
    attestations: frozenset[Service]
    evidence_kinds: frozenset[str]
    networks: Mapping[NetworkId, NetworkRules]
    assets: Mapping[AssetId, AssetRules]
    classes: Mapping[str, ClassRules]
    users: SiteTerms | None = None
    desk: SiteTerms | None = None
    approvers: Mapping[str, Approver] = field(default_factory=dict)
    administrators: Mapping[str, Administrator] = field(default_factory=dict)
    governance: Governance | None = None
    alarm: Alarm | None = None
    tiers: tuple[Tier, ...] = ()

    @property
    def harbors(self) -> Mapping[NetworkId, str]:
        """Per network the one place that payments may go to without counting in a cap."""
        return {name: rules.harbor for name, rules in self.networks.items() if rules.harbor is not None}

    def harbor_of(self, network: NetworkId) -> str | None:
        rules = self.networks.get(network)
        return None if rules is None else rules.harbor
