"""Every rule answers under its own name, and in words a person can act on, whatever is laid before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.effects import ContractCall, Hazard, Payment
from keepcool.core.money import Amount
from keepcool.core.verdict import Denied
from keepcool.policy.case import Case
from keepcool.policy.rules import ALL
from keepcool.policy.rules.hazards import SHOWN_MAX
from keepcool.policy.terms import ClassRules, NativeAsset, Policy
from tests.unit.policy import bitcoin_samples as bitcoin
from tests.unit.policy import minter_samples as minter
from tests.unit.policy import samples
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    CAP,
    ETH,
    FEE_CEILING,
    PAYMENT,
    POLICY,
    SAFE,
    UNLISTED,
    USD,
    network,
    pay,
    remembered,
    slot,
    void,
    with_effects,
    with_history,
    with_intent,
    with_record,
)

CALL = ContractCall(BOB, "0x095ea7b3", "approve(address,uint256)")
NAMELESS = ContractCall(BOB, "", "")
FAMILIES = {"evm": (PAYMENT, POLICY), "minter": (minter.PAYMENT, minter.POLICY)}
FAMILIES |= {"bitcoin": (bitcoin.PAYMENT, bitcoin.POLICY)}
SIX_DIGITS = network(native=NativeAsset(ETH, "ETH", 6))
FEES_OF_SIX = replace(SIX_DIGITS, assets={})

DENIED: dict[str, tuple[str, Case, Policy, str]] = {
    "another family": (
        "address_derived",
        with_record(PAYMENT, family="minter"),
        POLICY,
        "the record says family minter; eip155:31337 is evm",
    ),
    "another kind of wallet": (
        "address_derived",
        with_record(PAYMENT, profile="gnosis-0.1"),
        POLICY,
        "the wallet is a gnosis-0.1; on eip155:31337 it must be safe-1.5.0-l1",
    ),
    "another threshold": (
        "address_derived",
        with_record(PAYMENT, threshold=1),
        POLICY,
        "the wallet needs 1 signatures; it must need 2",
    ),
    "an asset nobody listed": ("cap_transaction", pay((ALICE, UNLISTED, 1)), POLICY, UNLISTED),
    "a destination allowed to no one": (
        "destinations",
        PAYMENT,
        network(allow=frozenset({BOB})),
        f"{ALICE} is not among the destinations allowed on eip155:31337",
    ),
    "a destination not of the class": (
        "destinations",
        with_record(PAYMENT, policy_class="treasury"),
        POLICY,
        f"{ALICE} is not among the destinations allowed to wallets of class treasury",
    ),
    "another wallet's intent": (
        "effects_equal_intent",
        with_intent(PAYMENT, source="w-2"),
        POLICY,
        "the intent spends from w-2, the record is of w-1",
    ),
    "another wallet's draft": (
        "effects_equal_intent",
        with_effects(PAYMENT, source=BOB),
        POLICY,
        f"the draft spends from {BOB}, the wallet is {SAFE}",
    ),
    "another family's draft": (
        "effects_equal_intent",
        with_effects(PAYMENT, family="minter"),
        POLICY,
        "the draft is of family minter, the wallet of evm",
    ),
    "change where there is none": (
        "effects_equal_intent",
        with_effects(PAYMENT, change=(Payment(BOB, Amount(ETH, 1)),)),
        POLICY,
        f"the draft returns change to {BOB}; there is none",
    ),
    "change on a network nobody listed": (
        "effects_equal_intent",
        bitcoin.PAYMENT,
        replace(bitcoin.POLICY, networks={}),
        f"the draft returns change to {bitcoin.CHANGE}; there is none",
    ),
    "a void that calls": (
        "effects_equal_intent",
        with_effects(void(), calls=(CALL,)),
        POLICY,
        f"a void does nothing; this draft calls {BOB}",
    ),
    "a void that burns": (
        "effects_equal_intent",
        with_effects(bitcoin.VOID, change=()),
        bitcoin.POLICY,
        "a void returns its coins",
    ),
    "a fee in nothing": (
        "fee_asset",
        with_effects(minter.PAYMENT, fee_asset=None),
        minter.POLICY,
        "the draft does not say what it pays its fee in",
    ),
    "a fee where none is paid": (
        "fee_asset",
        with_effects(PAYMENT, fee_asset=USD),
        POLICY,
        f"the draft pays its fee in {USD}; allowed is nothing: drafts there pay none",
    ),
    "a fee in a third asset": (
        "fee_asset",
        with_effects(minter.PAYMENT, fee_asset=ETH),
        minter.network(fee_assets=frozenset({minter.USDTE, minter.BIP})),
        f"allowed is {minter.BIP} or {minter.USDTE}",
    ),
    "a bound in another asset": (
        "fee_ceiling",
        with_intent(PAYMENT, fee_max=Amount(USD, 1)),
        POLICY,
        f"the intent bounds its fee in {USD}; fees are paid in {ETH}",
    ),
    "a bound above the ceiling": (
        "fee_ceiling",
        with_intent(PAYMENT, fee_max=Amount(ETH, FEE_CEILING + 1)),
        FEES_OF_SIX,
        "the intent allows 0.001001 ETH for fees; at most 0.001 ETH is allowed",
    ),
    "a fee above its bound": (
        "fee_ceiling",
        with_effects(PAYMENT, fee_max=Amount(ETH, FEE_CEILING + 1)),
        FEES_OF_SIX,
        "the draft's fee may reach 0.001001 ETH; the intent allows 0.001 ETH",
    ),
    "a rate where none is paid": (
        "fee_rate",
        with_effects(PAYMENT, fee_rate=1),
        POLICY,
        "the draft pays fees at a rate of 1; on eip155:31337 drafts pay none",
    ),
    "no rate": (
        "fee_rate",
        with_effects(minter.PAYMENT, fee_rate=None),
        minter.POLICY,
        "the draft states no fee rate; on minter:1 every draft has one",
    ),
    "a fee of which no share is bounded": (
        "fee_share",
        with_effects(PAYMENT, fee_max=Amount(ETH, 1)),
        POLICY,
        "the draft pays a fee; on eip155:31337 the policy bounds no share of it",
    ),
    "no fee where a share is bounded": (
        "fee_share",
        with_effects(bitcoin.PAYMENT, fee_max=None),
        bitcoin.POLICY,
        "the draft states no fee",
    ),
    "too large a share": (
        "fee_share",
        with_effects(bitcoin.PAYMENT, fee_max=Amount(bitcoin.LTC, bitcoin.SHARE_MAX + 1)),
        bitcoin.POLICY,
        "the fee is 0.00000201 LTC where 0.00001 LTC is moved: at most 200 thousandths may be",
    ),
    "two hazards": (
        "hazards",
        with_effects(PAYMENT, hazards=(Hazard("a.b", "one"), Hazard("c.d", "two"))),
        POLICY,
        "one [a.b]; two [c.d]",
    ),
    "an intent for ever": (
        "intent_fresh",
        with_intent(PAYMENT, expires_at_s=samples.NOW_S + samples.LIFETIME_S + 1),
        POLICY,
        "the intent would live 3601 s more; at most 3600 s is allowed",
    ),
    "nothing used up": (
        "never_twice",
        with_effects(PAYMENT, slots=()),
        POLICY,
        "the draft uses up nothing, so it could be executed again and again",
    ),
    "a position twice": (
        "never_twice",
        with_effects(PAYMENT, slots=(slot(0), slot(0))),
        POLICY,
        f"the draft names a position twice: {samples.SPACE} position 0, {samples.SPACE} position 0",
    ),
    "an intent with other contents": (
        "never_twice",
        with_history(PAYMENT, same_intent=(remembered(pay((BOB, ETH, 10))),)),
        POLICY,
        "intent i-1 was signed before with other contents",
    ),
    "a place that is held": (
        "never_twice",
        with_history(PAYMENT, same_slots=(remembered(pay((BOB, ETH, 10), intent="i-2")),)),
        POLICY,
        "position 0 is held by intent i-2: pay at the next free place, after a void if that one is abandoned",
    ),
    "a place too far": (
        "never_twice",
        with_effects(PAYMENT, slots=(slot(2),)),
        POLICY,
        f"the next position of {samples.SPACE} is 0, not 2",
    ),
    "a class nobody knows": (
        "record_attested",
        with_record(PAYMENT, policy_class="gold"),
        POLICY,
        "wallet w-1 is of class 'gold'; the policy knows no such class",
    ),
    "a call nobody allows": (
        "selectors",
        with_effects(PAYMENT, calls=(CALL,)),
        POLICY,
        f"calls approve(address,uint256) (0x095ea7b3) on {BOB}; allowed are plain transfers",
    ),
    "a call without a name": (
        "selectors",
        with_effects(minter.PAYMENT, calls=(ContractCall("", "", ""),)),
        minter.POLICY,
        "does an unnamed call (no selector); allowed is ",
    ),
    "a payment by no call": (
        "selectors",
        with_effects(minter.PAYMENT, calls=()),
        minter.POLICY,
        " or ",
    ),
}


@pytest.mark.parametrize("named", DENIED)
def test_a_refusal_says_which_rule_and_what_it_saw(named: str) -> None:
    """The rule that stands against it refuses under its own name and names both what it saw and its bound."""
    name, case, policy, reason = DENIED[named]

    verdict = next(rule for rule in ALL if name == rule.NAME).judge(case, policy)

    assert isinstance(verdict, Denied)
    assert reason in verdict.reason
    assert verdict.rule == name


@pytest.mark.parametrize("named", [*DENIED, *FAMILIES])
def test_whatever_is_asked_every_rule_answers_in_its_own_name(named: str) -> None:
    """No rule speaks for another, of any of these cases, under its policy or one that lists no network."""
    _, case, policy, _ = DENIED[named] if named in DENIED else ("", *FAMILIES[named], "")

    for terms in (policy, replace(policy, networks={}), replace(policy, assets={}, networks={}, classes={})):
        assert [rule.judge(case, terms).rule for rule in ALL] == [rule.NAME for rule in ALL]


def test_a_network_nobody_listed_is_refused_by_all_that_bound_its_fees() -> None:
    """An unlisted network has no bounds at all: each rule that needs one says so instead of approving."""
    bounding = ("address_derived", "data_bytes", "fee_ceiling", "fee_rate", "fee_share", "fee_asset")
    found = samples.objections(PAYMENT, replace(POLICY, networks={}), ALL)
    for name in (*bounding, "destinations"):
        assert found[name] == Denied(name, "the policy lists no network eip155:31337")


def test_a_token_contract_is_no_destination() -> None:
    """Coins sent to the contract of a listed token are lost, whatever stands in the asset's name."""
    verdict = samples.objections(pay((samples.TOKEN, ETH, 1)), POLICY, ALL)["destinations"]
    assert isinstance(verdict, Denied)
    assert f"{samples.TOKEN} is the contract of a listed token" in verdict.reason


def test_all_reasons_against_a_destination_are_told() -> None:
    """Denied to all and not allowed to its class: both are said, parted by a semicolon."""
    policy = network(deny=frozenset({ALICE}))
    policy = replace(policy, classes={"treasury": ClassRules("treasury", frozenset({BOB}), {ETH: CAP})})
    verdict = samples.objections(with_record(PAYMENT, policy_class="treasury"), policy, ALL)["destinations"]
    first, _, second = verdict.reason.partition("; ") if isinstance(verdict, Denied) else ("", "", "")
    assert (first, second.partition(" ")[0]) == (f"{ALICE} is denied on eip155:31337", ALICE)


@pytest.mark.parametrize("count", [SHOWN_MAX - 1, SHOWN_MAX, SHOWN_MAX + 1, SHOWN_MAX + 7])
def test_hazards_beyond_the_shown_are_counted(count: int) -> None:
    """As many as can be shown are shown; of the rest their number is told, if there is one."""
    found = tuple(Hazard(f"some.code{place}", "text") for place in range(count))
    verdict = samples.objections(with_effects(PAYMENT, hazards=found), POLICY, ALL)["hazards"]
    assert isinstance(verdict, Denied)
    shown = "; ".join(f"text [some.code{place}]" for place in range(min(count, SHOWN_MAX)))
    more = f"; and {count - SHOWN_MAX} more" if count > SHOWN_MAX else ""
    assert verdict.reason.endswith(shown + more)
