"""An ordinary case that every rule approves, and ways to bend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keepcool.core import registry
from keepcool.core.effects import ContractCall, Effects, Payment, Slot
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.core.verdict import Approved, Denied, Verdict
from keepcool.policy.case import Case, History, Remembered
from keepcool.policy.rules import Rule
from keepcool.policy.terms import AssetRules, ClassRules, NativeAsset, NetworkRules, Policy, PurseRules

NETWORK = NetworkId("eip155:31337")
TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
ETH = AssetId("eip155:31337/slip44:60")
USD = AssetId(f"eip155:31337/erc20:{TOKEN}")
UNLISTED = AssetId("eip155:31337/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")
SAFE = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"
SPACE = f"safe:{SAFE}"
ALICE = "0x69467D2A9D49aFDfef63185Ac6e4F4F5B83eDF56"
BOB = "0xA8151bF105E539b9d481e3231880a0e62095Be52"
TRANSFER = "0xa9059cbb"
NOW_S, LIFETIME_S = 1_000_000, 3600
CAP, CAP_HOUR, CAP_DAY = 100, 250, 400
FEE_CEILING = 1000

POLICY = Policy(
    version=3,
    hash="ab" * 32,
    intent_lifetime_s_max=LIFETIME_S,
    attestations=frozenset({Service.KEEPER, Service.COOLER}),
    evidence_kinds=frozenset(),
    networks={
        NETWORK: NetworkRules(
            network=NETWORK,
            family="evm",
            profile="safe-1.5.0-l1",
            older_profiles=("safe-1.4.1-l1",),
            native=NativeAsset(ETH, "ETH", 18),
            fee_max_units=FEE_CEILING,
            purse=PurseRules(fee_max_units=10, gas_budget_day_units=100, deployments_per_day=5),
            allow=None,
            deny=frozenset(),
        )
    },
    assets={
        ETH: AssetRules(ETH, "ETH", 1, CAP, CAP_HOUR, CAP_DAY),
        USD: AssetRules(USD, "USD", 2, CAP, CAP_HOUR, CAP_DAY),
    },
    classes={"treasury": ClassRules("treasury", frozenset({BOB}), {ETH: 40})},
)

RECORD = WalletRecord(
    wallet=WalletId("w-1"), revision=1, previous=registry.NO_PREVIOUS, family="evm", network=NETWORK,
    profile="safe-1.5.0-l1", threshold=2,
    owners=(OwnerKey(Role.HOT, "02aa"), OwnerKey(Role.COOL, "02bb"), OwnerKey(Role.COLD, "02cc")),
    address=SAFE, owner="u-1", user_key="", policy_class="", standing=Standing.PROVEN, made_at_s=1,
)  # fmt: skip


def slot(position: int = 0, space: str = SPACE) -> Slot:
    return Slot(NETWORK, space, position)


def network(**changes: Any) -> Policy:
    """The policy with its one network changed."""
    rules = replace(POLICY.networks[NETWORK], **changes)
    return replace(POLICY, networks={NETWORK: rules})


def pay(*outputs: tuple[str, AssetId, int], intent: str = "i-1", position: int = 0) -> Case:
    """A case whose draft pays exactly what its intent says."""
    paid = tuple((recipient, Amount(asset, units)) for recipient, asset, units in outputs)
    meant = Intent(
        intent=IntentId(intent),
        purpose=Purpose.PAY if outputs else Purpose.VOID,
        network=NETWORK,
        source=RECORD.wallet,
        outputs=tuple(Output(*one) for one in paid),
        fee_max=Amount(ETH, FEE_CEILING),
        expires_at_s=NOW_S + LIFETIME_S,
    )
    effects = Effects(
        family="evm",
        network=NETWORK,
        source=SAFE,
        payments=tuple(Payment(*one) for one in paid),
        calls=tuple(call_for(recipient, asset) for recipient, asset, _ in outputs),
        change=(),
        hazards=(),
        slots=(slot(position),),
        fee_max=None,
        digests=(bytes([position]) * 32,),
    )
    both = frozenset({Service.KEEPER, Service.COOLER})
    return Case(meant, effects, RECORD, both, SAFE, (), history(lowest=position), NOW_S)


def void(intent: str = "v-1", position: int = 0) -> Case:
    return pay(intent=intent, position=position)


def call_for(recipient: str, asset: AssetId) -> ContractCall:
    if asset == ETH:
        return ContractCall(recipient, "", "")
    return ContractCall(asset.rpartition(":")[2], TRANSFER, "transfer(address,uint256)")


def history(
    *,
    same_intent: tuple[Remembered, ...] = (),
    same_slots: tuple[Remembered, ...] = (),
    lowest: int = 0,
    hour: Mapping[AssetId, int] | None = None,
    day: Mapping[AssetId, int] | None = None,
    frozen: tuple[str, ...] = (),
) -> History:
    return History(same_intent, same_slots, {SPACE: lowest}, hour or {}, day or {}, frozen)


def remembered(case: Case, *, at_s: int = NOW_S - 60) -> Remembered:
    """What a signer remembers once it has signed this case."""
    spent: dict[AssetId, int] = {}
    for payment in case.effects.payments:
        spent[payment.amount.asset] = spent.get(payment.amount.asset, 0) + payment.amount.units
    intent, effects = case.intent, case.effects
    return Remembered(intent.intent, intent.hash(), effects.digests, effects.slots, spent, at_s)


def with_history(case: Case, **changes: Any) -> Case:
    return replace(case, history=replace(case.history, **changes))


def with_effects(case: Case, **changes: Any) -> Case:
    return replace(case, effects=replace(case.effects, **changes))


def with_intent(case: Case, **changes: Any) -> Case:
    return replace(case, intent=replace(case.intent, **changes))


def with_record(case: Case, **changes: Any) -> Case:
    return replace(case, record=replace(case.record, **changes))


def objections(case: Case, policy: Policy, rules: tuple[Rule, ...]) -> dict[str, Verdict]:
    """The verdicts that are not approvals, by rule."""
    found = {rule.NAME: rule.judge(case, policy) for rule in rules}
    return {name: verdict for name, verdict in found.items() if not isinstance(verdict, Approved)}


def matches(verdict: object, reason: str | None) -> bool:
    """Approved where no reason is expected, else Denied for that reason."""
    if reason is None:
        return isinstance(verdict, Approved)
    return isinstance(verdict, Denied) and reason in verdict.reason


PAYMENT = pay((ALICE, ETH, 10))
