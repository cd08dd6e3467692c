"""An ordinary payment of a Bitcoin wallet that every rule approves, and the policy it is under."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keepcool.core import registry
from keepcool.core.effects import Effects, Payment, Slot
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.policy.case import Case, History
from keepcool.policy.terms import AssetRules, NativeAsset, NetworkRules, Policy

LITECOIN = NetworkId("bip122:12a765e31ffd4059bada1e25190f6e98")
LTC = AssetId(f"{LITECOIN}/slip44:2")
WALLET = "ltc1qa0f50f0mzpc4f6kfk9asd9uajfrcxfwhw0kdpjqa0f50f0mzpc4q5u7h5y"
CHANGE = "ltc1qchange"
ERIN = "ltc1q5xs6rgdp5xs6rgdp5xs6rgdp5xs6rgdpy3dp5x"
FRANK = "MRQxpCc4bqPJgKVvqLBbAUKZ9yqsmHZuMm"
COINS = ("aa" * 32, "bb" * 32)
FEE, FEE_MAX, RATE_MAX, SHARE_THOUSANDTHS, CHANGE_MAX = 100, 1_000, 50_000, 200, 2
CAP, NOW_S = 10_000, 1_000_000
PAID = 1_000
SHARE_MAX = PAID * SHARE_THOUSANDTHS // 1000

POLICY = Policy(
    version=1,
    hash="ef" * 32,
    intent_lifetime_s_max=3600,
    attestations=frozenset({Service.KEEPER, Service.COOLER}),
    evidence_kinds=frozenset(),
    networks={
        LITECOIN: NetworkRules(
            network=LITECOIN,
            family="bitcoin",
            profile="bip45-p2wsh",
            older_profiles=(),
            native=NativeAsset(LTC, "LTC", 8),
            fee_max_units=FEE_MAX,
            purse=None,
            allow=None,
            deny=frozenset(),
            fee_rate_max=RATE_MAX,
            fee_assets=frozenset({LTC}),
            data_bytes_max=0,
            calls=frozenset(),
            layout="children",
            coins=True,
            fee_share_max=SHARE_THOUSANDTHS,
            change_max=CHANGE_MAX,
            pool_profile="bip45-pool-p2wsh",
        )
    },
    assets={LTC: AssetRules(LTC, "LTC", 8, CAP, 2 * CAP, 4 * CAP)},
    classes={},
)

RECORD = WalletRecord(
    wallet=WalletId("w-b"), revision=0, previous=registry.NO_PREVIOUS, family="bitcoin", network=LITECOIN,
    profile="bip45-p2wsh", threshold=2,
    owners=(OwnerKey(Role.HOT, "02aa"), OwnerKey(Role.COOL, "02bb"), OwnerKey(Role.COLD, "02cc")),
    address=WALLET, owner="u-1", user_key="", policy_class="", standing=Standing.PROVEN, made_at_s=1,
)  # fmt: skip


def network(**changes: Any) -> Policy:
    """The policy with its one network changed."""
    return replace(POLICY, networks={LITECOIN: replace(POLICY.networks[LITECOIN], **changes)})


def coin(space: str, position: int = 0) -> Slot:
    return Slot(LITECOIN, space, position)


def pay(
    *outputs: tuple[str, int], intent: str = "i-b", coins: tuple[str, ...] = COINS, fee: int = FEE
) -> Case:
    """A case whose draft pays exactly what its intent says, out of these coins, with change."""
    paid = tuple((recipient, Amount(LTC, units)) for recipient, units in outputs)
    meant = Intent(
        intent=IntentId(intent),
        purpose=Purpose.PAY if outputs else Purpose.VOID,
        network=LITECOIN,
        source=RECORD.wallet,
        outputs=tuple(Output(*one) for one in paid),
        fee_max=Amount(LTC, FEE_MAX),
        expires_at_s=NOW_S + 3600,
    )
    effects = Effects(
        family="bitcoin",
        network=LITECOIN,
        source=WALLET,
        payments=tuple(Payment(*one) for one in paid),
        calls=(),
        change=(Payment(CHANGE, Amount(LTC, PAID)),),
        hazards=(),
        slots=tuple(coin(space, 4_000_000_000) for space in coins),
        fee_max=Amount(LTC, fee),
        digests=tuple(bytes([fee % 256, place]) * 16 for place in range(len(coins))),
        fee_rate=1_000,
        fee_asset=LTC,
        data_bytes=0,
        leaves=tuple((0, 0, place) for place in range(len(coins))),
        ordered=False,
    )
    both = frozenset({Service.KEEPER, Service.COOLER})
    return Case(meant, effects, RECORD, both, WALLET, (), History((), (), {}, {}, {}, ()), NOW_S)


PAYMENT = pay((ERIN, PAID))
BATCH = pay((ERIN, PAID), (FRANK, CAP - PAID))
VOID = pay()
