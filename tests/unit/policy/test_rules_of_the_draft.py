"""What may be signed: exactly what was asked, nothing dangerous beside it, to whom the policy lets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.effects import ContractCall, Hazard, Payment, Slot
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.intent import Purpose
from keepcool.core.money import Amount
from keepcool.policy.case import Case
from keepcool.policy.rules import destinations, effects_equal_intent, fee_ceiling, hazards, selectors
from keepcool.policy.terms import ClassRules, Policy
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    ETH,
    FEE_CEILING,
    NETWORK,
    PAYMENT,
    POLICY,
    SAFE,
    SPACE,
    TOKEN,
    TRANSFER,
    UNLISTED,
    USD,
    call_for,
    matches,
    network,
    pay,
    void,
    with_effects,
    with_intent,
    with_record,
)

OTHER_NETWORK = NetworkId("eip155:1")
OTHER_ETH = AssetId("eip155:1/slip44:60")
BATCH = pay((ALICE, ETH, 10), (ALICE, ETH, 10), (BOB, USD, 7))
TO_ALICE, TO_BOB = Payment(ALICE, Amount(ETH, 10)), Payment(BOB, Amount(USD, 7))


def paying(case: Case, *payments: Payment) -> Case:
    return with_effects(case, payments=payments)


def calling(contract: str, selector: str) -> Case:
    return with_effects(PAYMENT, calls=(ContractCall(contract, selector, "f"),))


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("equal", PAYMENT, None),
        ("a batch in another order", paying(BATCH, TO_BOB, TO_ALICE, TO_ALICE), "in another order"),
        ("one of two equal payments missing", paying(BATCH, TO_BOB, TO_ALICE), "2 times in the intent and 1"),
        ("one payment too many", paying(PAYMENT, TO_ALICE, TO_ALICE), "1 times in the intent and 2 times"),
        ("two paid as one sum", paying(BATCH, TO_BOB, Payment(ALICE, Amount(ETH, 20))), "not what was asked"),
        ("nothing paid", paying(PAYMENT), "1 times in the intent and 0 times"),
        ("one unit more", paying(PAYMENT, Payment(ALICE, Amount(ETH, 11))), "not what was asked"),
        ("one unit less", paying(PAYMENT, Payment(ALICE, Amount(ETH, 9))), "not what was asked"),
        ("another recipient", paying(PAYMENT, Payment(BOB, Amount(ETH, 10))), "not what was asked"),
        ("another spelling", paying(PAYMENT, Payment(ALICE.lower(), Amount(ETH, 10))), "not what was asked"),
        ("another asset", paying(PAYMENT, Payment(ALICE, Amount(USD, 10))), "not what was asked"),
        ("change", with_effects(PAYMENT, change=(Payment(SAFE, Amount(ETH, 1)),)), "change to"),
        ("another wallet meant", with_intent(PAYMENT, source=WalletId("w-2")), "spends from w-2"),
        ("another address spent", with_effects(PAYMENT, source=BOB), f"spends from {BOB}"),
        ("another family", with_effects(PAYMENT, family="minter"), "family minter"),
        ("another chain drafted", with_effects(PAYMENT, network=OTHER_NETWORK), "name eip155:1"),
        ("another chain meant", with_intent(PAYMENT, network=OTHER_NETWORK), "intent is for eip155:1"),
        ("a wallet of another chain", with_record(PAYMENT, network=OTHER_NETWORK), "name eip155:1"),
        ("a foreign slot", with_effects(PAYMENT, slots=(Slot(OTHER_NETWORK, SPACE, 0),)), "eip155:1"),
        ("an asset of another chain", pay((ALICE, OTHER_ETH, 10)), "name eip155:1"),
        ("a void", void(), None),
        ("a void that pays", paying(void(), TO_ALICE), "0 times in the intent and 1 times"),
        ("a void that calls", with_effects(void(), calls=(call_for(BOB, USD),)), "a void does nothing"),
    ],
)  # fmt: skip
def test_the_draft_does_exactly_what_was_asked(name: str, case: Case, reason: str | None) -> None:
    """Recipients, amounts, assets, how often each, the wallet and the chain: equal, or denied."""
    verdict = effects_equal_intent.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_a_payment_may_call() -> None:
    """The twin of a void that calls: in a payment the same call is not this rule's objection."""
    case = with_effects(PAYMENT, calls=(call_for(BOB, USD),))
    assert case.intent.purpose is Purpose.PAY
    assert matches(effects_equal_intent.judge(case, POLICY), None)


@pytest.mark.parametrize(
    ("name", "codes", "reason"),
    [
        ("none", [], None),
        ("one", ["safe.delegatecall"], "danger of safe.delegatecall [safe.delegatecall]"),
        ("five are all told", ["a", "b", "c", "d", "e"], "danger of e [e]"),
        ("of six, five and how many more", list("abcdef"), "danger of e [e]; and 1 more"),
    ],
)
def test_any_hazard_denies(name: str, codes: list[str], reason: str | None) -> None:
    """There is no hazard a policy could permit; the reasons are told, in bounded length."""
    found = tuple(Hazard(code, f"danger of {code}") for code in codes)
    verdict = hazards.judge(with_effects(PAYMENT, hazards=found), POLICY)
    assert matches(verdict, reason), (name, verdict)
    assert len(codes) != 5 or "more" not in str(verdict)


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("no call", void(), None),
        ("a plain transfer", calling(ALICE, ""), None),
        ("transfer of a listed token", calling(TOKEN, TRANSFER), None),
        ("transfer of an unlisted token", calling(BOB, TRANSFER), f"on {BOB}"),
        ("approve on a listed token", calling(TOKEN, "0x095ea7b3"), "(0x095ea7b3)"),
        ("transferFrom", calling(TOKEN, "0x23b872dd"), "(0x23b872dd)"),
        ("the selector in capitals", calling(TOKEN, "0xA9059CBB"), "0xA9059CBB"),
        ("on another chain", with_effects(calling(TOKEN, TRANSFER), network=OTHER_NETWORK), TOKEN),
        (
            "one good, one bad",
            with_effects(PAYMENT, calls=(call_for(ALICE, ETH), ContractCall(TOKEN, "0x42966c68", "burn"))),
            "calls burn",
        ),
    ],
)
def test_only_two_kinds_of_call_are_made(name: str, case: Case, reason: str | None) -> None:
    """A plain transfer, or `transfer` on a token the policy lists; every single call is looked at."""
    verdict = selectors.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def fees(asked: Amount, drafted: Amount | None = None) -> Case:
    return with_effects(with_intent(PAYMENT, fee_max=asked), fee_max=drafted)


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("at the ceiling", fees(Amount(ETH, FEE_CEILING)), None),
        ("nothing", fees(Amount(ETH, 0)), None),
        ("one unit over", fees(Amount(ETH, FEE_CEILING + 1)), "at most 0.000000000000001 ETH"),
        ("in a token", fees(Amount(USD, 1)), f"fees are paid in {ETH}"),
        ("the draft's at the bound", fees(Amount(ETH, 50), Amount(ETH, 50)), None),
        ("the draft's one over the bound", fees(Amount(ETH, 50), Amount(ETH, 51)), "the draft's fee may"),
        ("the draft's in a token", fees(Amount(ETH, 50), Amount(USD, 1)), "the draft's fee may reach"),
        ("an unlisted network", with_intent(PAYMENT, network=OTHER_NETWORK), "no network eip155:1"),
    ],
)  # fmt: skip
def test_fees_stay_under_the_ceiling(name: str, case: Case, reason: str | None) -> None:
    """What the intent allows is native and within the policy; what the draft spends within the intent."""
    bare = {asset: rules for asset, rules in POLICY.assets.items() if asset != ETH}
    verdict = fee_ceiling.judge(case, replace(POLICY, assets=bare))
    assert matches(verdict, reason), (name, verdict)


TREASURY = with_record(PAYMENT, policy_class="treasury")
OPEN_CLASS = replace(POLICY, classes={"treasury": ClassRules("treasury", None, {})})


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("anybody", PAYMENT, POLICY, None),
        ("on the list", PAYMENT, network(allow=frozenset({ALICE})), None),
        ("not on the list", PAYMENT, network(allow=frozenset({BOB})), f"{ALICE} is not among"),
        ("nobody is on the list", PAYMENT, network(allow=frozenset()), "not among the destinations"),
        ("listed in another spelling", PAYMENT, network(allow=frozenset({ALICE.lower()})), "not among"),
        ("denied", PAYMENT, network(deny=frozenset({ALICE})), f"{ALICE} is denied"),
        ("denied in another spelling", PAYMENT, network(deny=frozenset({ALICE.lower()})), "is denied"),
        ("another is denied", PAYMENT, network(deny=frozenset({BOB})), None),
        ("on both lists", PAYMENT, network(allow=frozenset({ALICE}), deny=frozenset({ALICE})), "denied"),
        ("the second of two is denied", BATCH, network(deny=frozenset({BOB})), f"{BOB} is denied"),
        ("meant but not drafted", paying(PAYMENT), network(deny=frozenset({ALICE})), "is denied"),
        ("drafted but not meant", paying(void(), TO_BOB), network(deny=frozenset({BOB})), "is denied"),
        ("not allowed to its class", TREASURY, POLICY, "to wallets of class treasury"),
        ("allowed to its class", with_record(pay((BOB, ETH, 1)), policy_class="treasury"), POLICY, None),
        ("a class without a list", TREASURY, OPEN_CLASS, None),
        ("the wallet itself", pay((SAFE, USD, 1)), POLICY, "the paying wallet itself"),
        ("a listed token's contract", pay((TOKEN, ETH, 1)), POLICY, "contract of a listed token"),
        ("an unlisted network", with_intent(PAYMENT, network=OTHER_NETWORK), POLICY, "no network eip155:1"),
        ("a void", void(), network(allow=frozenset()), None),
        ("an unlisted asset", pay((ALICE, UNLISTED, 1)), POLICY, None),
    ],
)  # fmt: skip
def test_coins_go_where_the_policy_lets_them(
    name: str, case: Case, policy: Policy, reason: str | None
) -> None:
    """Every recipient, meant or drafted, is allowed by network and class, and none is denied."""
    verdict = destinations.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


def test_every_reason_is_told() -> None:
    """A recipient that is denied and not listed is told both."""
    policy = network(allow=frozenset({BOB}), deny=frozenset({ALICE}))
    verdict = destinations.judge(PAYMENT, policy)
    assert matches(verdict, f"{ALICE} is denied on {NETWORK}; {ALICE} is not among")
