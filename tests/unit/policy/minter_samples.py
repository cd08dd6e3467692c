"""An ordinary payment of a Minter wallet that every rule approves, and the policy it is under."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keepcool.core import registry
from keepcool.core.effects import ContractCall, Effects, Payment, Slot
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.policy.case import Case, History
from keepcool.policy.terms import AssetRules, NativeAsset, NetworkRules, Policy, PurseRules

MINTER = NetworkId("minter:1")
BIP, USDTE = AssetId("minter:1/coin:0"), AssetId("minter:1/coin:1993")
WALLET = "Mxf334efd1e9e4f782d9639627e40ad14635d31f06"
CREATOR = "Mx70808f79824d6cefc04d019d7ed29198a609e0d9"
CAROL = "Mx68eb0cb118f8e9666a6d8f5ded4a3eec20fed24b"
DAVE = "Mxbec55e7784195caf4021c8620235f0cd4470d879"
SPACE = f"account:{WALLET}"
SEND = ContractCall("", "0x01", "Send")
MULTISEND = ContractCall("", "0x0d", "Multisend")
EDIT_MULTISIG = ContractCall("", "0x12", "EditMultisig")
RATE_MAX, FEE_MAX, CAP, NOW_S, NONCE = 5, 1000, 100, 1_000_000, 7

POLICY = Policy(
    version=1,
    hash="cd" * 32,
    intent_lifetime_s_max=3600,
    attestations=frozenset({Service.KEEPER, Service.COOLER}),
    evidence_kinds=frozenset(),
    networks={
        MINTER: NetworkRules(
            network=MINTER,
            family="minter",
            profile="multisig-v2",
            older_profiles=(),
            native=NativeAsset(BIP, "BIP", 18),
            fee_max_units=FEE_MAX,
            purse=PurseRules(fee_max_units=10, gas_budget_day_units=100, deployments_per_day=5),
            allow=None,
            deny=frozenset(),
            fee_rate_max=RATE_MAX,
            fee_assets=frozenset({BIP}),
            data_bytes_max=0,
            calls=frozenset({"0x01", "0x0d"}),
            layout="children",
            harbor=None,
        )
    },
    assets={
        BIP: AssetRules(BIP, "BIP", 18, CAP, 2 * CAP, 4 * CAP),
        USDTE: AssetRules(USDTE, "USDTE", 18, CAP, 2 * CAP, 4 * CAP),
    },
    classes={},
)

RECORD = WalletRecord(
    wallet=WalletId("w-m"), revision=2, previous=registry.NO_PREVIOUS, family="minter", network=MINTER,
    profile=f"multisig-v2:{CREATOR}:1", threshold=2,
    owners=(OwnerKey(Role.HOT, "02aa"), OwnerKey(Role.COOL, "02bb"), OwnerKey(Role.COLD, "02cc")),
    address=WALLET, owner="u-1", user_key="", policy_class="", standing=Standing.PROVEN, made_at_s=1,
)  # fmt: skip


def network(**changes: Any) -> Policy:
    """The policy with its one network changed."""
    return replace(POLICY, networks={MINTER: replace(POLICY.networks[MINTER], **changes)})


def pay(*outputs: tuple[str, AssetId, int]) -> Case:
    """A case whose draft pays exactly what its intent says, at gas price 1 in BIP."""
    paid = tuple((recipient, Amount(asset, units)) for recipient, asset, units in outputs)
    meant = Intent(
        intent=IntentId("i-m"),
        purpose=Purpose.PAY if outputs else Purpose.VOID,
        network=MINTER,
        source=RECORD.wallet,
        outputs=tuple(Output(*one) for one in paid),
        fee_max=Amount(BIP, FEE_MAX),
        expires_at_s=NOW_S + 3600,
    )
    effects = Effects(
        family="minter",
        network=MINTER,
        source=WALLET,
        payments=tuple(Payment(*one) for one in paid),
        calls=(MULTISEND if len(outputs) > 1 else SEND,) if outputs else (),
        change=(),
        hazards=(),
        slots=(Slot(MINTER, SPACE, NONCE),),
        fee_max=None,
        digests=(bytes(32),),
        fee_rate=1,
        fee_asset=BIP,
        data_bytes=0,
    )
    both = frozenset({Service.KEEPER, Service.COOLER})
    history = History((), (), {SPACE: NONCE}, {}, {}, ())
    return Case(meant, effects, RECORD, both, WALLET, (), history, NOW_S)


PAYMENT = pay((CAROL, BIP, 10))
BATCH = pay((CAROL, BIP, 10), (DAVE, USDTE, CAP))
VOID = pay()
