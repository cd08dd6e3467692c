"""Each rule stops something no other rule would stop: with it off, the hostile case is approved by all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.effects import ContractCall, Hazard, Payment
from keepcool.core.intent import Evidence
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import Standing
from keepcool.core.verdict import Approved, Denied
from keepcool.policy import rules
from keepcool.policy.case import Case, Proofs
from keepcool.policy.rules import ALL
from keepcool.policy.terms import Policy, Tier
from tests.unit.policy import bitcoin_samples as bitcoin
from tests.unit.policy import minter_samples as minter
from tests.unit.policy import samples
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    CAP,
    CAP_DAY,
    CAP_HOUR,
    ETH,
    FEE_CEILING,
    NOW_S,
    PAYMENT,
    POLICY,
    USD,
    history,
    network,
    pay,
    remembered,
    void,
    with_effects,
    with_history,
    with_intent,
    with_record,
)

HOSTILE: dict[str, tuple[Case, Policy]] = {
    "intent_fresh": (with_intent(PAYMENT, expires_at_s=NOW_S), POLICY),
    "record_attested": (replace(PAYMENT, attested_by=frozenset({Service.KEEPER})), POLICY),
    "record_proven": (replace(minter.PAYMENT, reserved=frozenset({minter.CAROL})), minter.POLICY),
    "address_derived": (replace(PAYMENT, derived_address=BOB), POLICY),
    "effects_equal_intent": (with_effects(PAYMENT, payments=(Payment(BOB, Amount(ETH, 10)),)), POLICY),
    "hazards": (
        with_effects(PAYMENT, hazards=(Hazard("safe.gas_price", "gas_price is 5"),)),
        POLICY,
    ),
    "selectors": (
        with_effects(
            PAYMENT, calls=(*PAYMENT.effects.calls, ContractCall(samples.TOKEN, "0x095ea7b3", "approve"))
        ),
        POLICY,
    ),
    "fee_ceiling": (with_intent(PAYMENT, fee_max=Amount(ETH, FEE_CEILING + 1)), POLICY),
    "data_bytes": (with_effects(minter.PAYMENT, data_bytes=10_000), minter.POLICY),
    "fee_rate": (with_effects(minter.PAYMENT, fee_rate=2**32 - 1), minter.POLICY),
    "fee_share": (
        with_effects(bitcoin.PAYMENT, fee_max=Amount(bitcoin.LTC, bitcoin.SHARE_MAX + 1)),
        bitcoin.POLICY,
    ),
    "fee_asset": (with_effects(minter.PAYMENT, fee_asset=minter.USDTE), minter.POLICY),
    "cap_transaction": (pay((ALICE, ETH, CAP + 1)), POLICY),
    "cap_hour": (with_history(pay((ALICE, USD, CAP)), spent_hour={USD: CAP_HOUR - CAP + 1}), POLICY),
    "cap_day": (with_history(pay((ALICE, USD, CAP)), spent_day={USD: CAP_DAY - CAP + 1}), POLICY),
    "destinations": (PAYMENT, network(deny=frozenset({ALICE}))),
    "never_twice": (
        replace(
            pay((ALICE, ETH, 10), position=1), history=history(same_intent=(remembered(PAYMENT),), lowest=1)
        ),
        POLICY,
    ),
    "not_frozen": (with_history(PAYMENT, frozen=("wallet w-1 is frozen: drill",)), POLICY),
    "evidence_known": (replace(PAYMENT, evidence=(Evidence("magic", "k", b"p"),)), POLICY),
    "tiers": (PAYMENT, replace(POLICY, tiers=(Tier("small", transaction_units_max={ETH: 9}),))),
}
# What a rule stops beside that, or on a network without contracts.
ALSO_HOSTILE: dict[str, tuple[Case, Policy]] = {
    "record_proven": (with_record(minter.PAYMENT, standing=Standing.RESERVED), minter.POLICY),
    "selectors": (with_effects(minter.PAYMENT, calls=(minter.EDIT_MULTISIG,)), minter.POLICY),
    "hazards": (
        with_effects(minter.PAYMENT, hazards=(Hazard("minter.owners", "changes the owners"),)),
        minter.POLICY,
    ),
    "fee_ceiling": (
        with_intent(minter.PAYMENT, fee_max=Amount(minter.BIP, minter.FEE_MAX + 1)),
        minter.POLICY,
    ),
    "effects_equal_intent": (
        with_effects(minter.PAYMENT, payments=(Payment(minter.DAVE, Amount(minter.BIP, 10)),)),
        minter.POLICY,
    ),
    "address_derived": (replace(minter.PAYMENT, derived_address=minter.DAVE), minter.POLICY),
    "cap_transaction": (minter.pay((minter.CAROL, minter.USDTE, minter.CAP + 1)), minter.POLICY),
    "not_frozen": (with_history(PAYMENT, harbor_only=True), POLICY),
    "evidence_known": (replace(PAYMENT, proofs=Proofs(invalid=("this signature is another's",))), POLICY),
}


def test_an_ordinary_payment_is_approved_by_every_rule() -> None:
    """Nothing stands in the way of what the business does all day: coins, tokens, batches and voids."""
    batch = pay((ALICE, ETH, 10), (ALICE, ETH, 10), (BOB, USD, CAP))
    for case in (PAYMENT, pay((ALICE, USD, CAP)), batch, void()):
        assert samples.objections(case, POLICY, ALL) == {}


@pytest.mark.parametrize("name", [rule.NAME for rule in ALL])
def test_the_hostile_case_is_stopped_by_this_rule_alone(name: str) -> None:
    """With all rules the case is denied; with this one rule off every other approves it."""
    stopped_by_this_alone(name, *HOSTILE[name])


@pytest.mark.parametrize("name", sorted(ALSO_HOSTILE))
def test_so_is_the_hostile_case_of_another_kind(name: str) -> None:
    """The rules that stand on Minter too, or that stop two things, do so alone there as well."""
    stopped_by_this_alone(name, *ALSO_HOSTILE[name])


def stopped_by_this_alone(name: str, case: Case, policy: Policy) -> None:
    others = tuple(rule for rule in ALL if name != rule.NAME)

    stopped = samples.objections(case, policy, ALL)
    twin = samples.objections(case, policy, others)

    assert list(stopped) == [name]
    assert isinstance(stopped[name], Denied)
    assert twin == {}


def test_every_rule_of_the_folder_is_asked() -> None:
    """A rule that is written but not listed cannot exist, and none is listed twice."""
    folder = Path(rules.__file__).parent
    written = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    assert sorted(rule.NAME for rule in ALL) == written
    assert set(HOSTILE) == set(written)


def test_bound_rules_are_the_rules_with_the_policy_inside() -> None:
    """What a judge asks by name is exactly the list, each answering under its own name."""
    asked = [(name, rule(PAYMENT)) for name, rule in rules.bound(POLICY)]
    assert asked == [(rule.NAME, Approved(rule.NAME)) for rule in ALL]
