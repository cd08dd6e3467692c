"""Where a wallet pays its own fee: at what rate, in what, with what data, by which calls, to whom not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.core.effects import ContractCall, Payment
from keepcool.core.ids import NetworkId
from keepcool.core.money import Amount
from keepcool.core.registry import Standing
from keepcool.policy.case import Case
from keepcool.policy.rules import (
    ALL,
    address_derived,
    data_bytes,
    effects_equal_intent,
    fee_asset,
    fee_ceiling,
    fee_rate,
    record_proven,
    selectors,
)
from keepcool.policy.terms import Policy
from tests.unit.policy import samples
from tests.unit.policy.minter_samples import (
    BATCH,
    BIP,
    CAROL,
    CREATOR,
    DAVE,
    EDIT_MULTISIG,
    FEE_MAX,
    MULTISEND,
    PAYMENT,
    POLICY,
    RATE_MAX,
    RECORD,
    SEND,
    USDTE,
    VOID,
    WALLET,
    network,
    pay,
)
from tests.unit.policy.samples import matches, objections, with_effects, with_intent, with_record

ELSEWHERE = with_intent(PAYMENT, network=NetworkId("minter:2"))
EVM, EVM_POLICY = samples.PAYMENT, samples.POLICY


@pytest.mark.parametrize(("name", "case"), [("send", PAYMENT), ("multisend", BATCH), ("void", VOID)])
def test_what_a_minter_wallet_does_all_day_is_approved(name: str, case: Case) -> None:
    """A payment, a batch in two coins and the void that burns a nonce pass every rule."""
    assert objections(case, POLICY, ALL) == {}, name


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("the lowest", with_effects(PAYMENT, fee_rate=1), POLICY, None),
        ("the ceiling", with_effects(PAYMENT, fee_rate=RATE_MAX), POLICY, None),
        ("one above", with_effects(PAYMENT, fee_rate=RATE_MAX + 1), POLICY, "a rate of 6; from 1 to 5"),
        ("the most a draft can say", with_effects(PAYMENT, fee_rate=2**32 - 1), POLICY, "from 1 to 5"),
        ("nothing", with_effects(PAYMENT, fee_rate=0), POLICY, "a rate of 0; from 1"),
        ("below nothing", with_effects(PAYMENT, fee_rate=-1), POLICY, "from 1 to 5"),
        ("not stated", with_effects(PAYMENT, fee_rate=None), POLICY, "states no fee rate"),
        ("no ceiling", PAYMENT, network(fee_rate_max=None), "drafts pay none"),
        ("a Safe's draft has none", EVM, EVM_POLICY, None),
        ("a Safe's draft with one", with_effects(EVM, fee_rate=1), EVM_POLICY, "drafts pay none"),
        ("an unlisted network", ELSEWHERE, POLICY, "no network minter:2"),
    ],
)  # fmt: skip
def test_a_rate_needs_a_ceiling(name: str, case: Case, policy: Policy, reason: str | None) -> None:
    """A draft with a rate is within the policy's ceiling, and one without is fine only where none has one."""
    verdict = fee_rate.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


BOTH_COINS = network(fee_assets=frozenset({BIP, USDTE}))


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("the listed one", PAYMENT, POLICY, None),
        ("one of two listed", with_effects(PAYMENT, fee_asset=USDTE), BOTH_COINS, None),
        ("one not listed", with_effects(PAYMENT, fee_asset=USDTE), POLICY, f"in {USDTE}; allowed is {BIP}"),
        ("not stated", with_effects(PAYMENT, fee_asset=None), POLICY, "does not say what it pays"),
        ("none is listed", PAYMENT, network(fee_assets=frozenset()), "drafts there pay none"),
        ("a Safe's draft has none", EVM, EVM_POLICY, None),
        ("a Safe's draft with one", with_effects(EVM, fee_asset=samples.ETH), EVM_POLICY, "pay none"),
        ("an unlisted network", ELSEWHERE, POLICY, "no network minter:2"),
    ],
)  # fmt: skip
def test_a_fee_is_paid_in_what_the_policy_lists(
    name: str, case: Case, policy: Policy, reason: str | None
) -> None:
    """Never in another coin of the wallet, and nowhere without saying in what."""
    verdict = fee_asset.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("none", PAYMENT, POLICY, None),
        ("one byte", with_effects(PAYMENT, data_bytes=1), POLICY, "carries 1 bytes"),
        ("as many as allowed", with_effects(PAYMENT, data_bytes=9), network(data_bytes_max=9), None),
        ("one more", with_effects(PAYMENT, data_bytes=10), network(data_bytes_max=9), "at most 9"),
        ("fewer than none", with_effects(PAYMENT, data_bytes=-1), POLICY, "carries -1 bytes"),
        ("a Safe's draft", EVM, EVM_POLICY, None),
        ("a Safe's draft with some", with_effects(EVM, data_bytes=1), EVM_POLICY, "at most 0"),
        ("an unlisted network", ELSEWHERE, POLICY, "no network minter:2"),
    ],
)
def test_a_draft_carries_nothing_beside_its_payments(
    name: str, case: Case, policy: Policy, reason: str | None
) -> None:
    """No payload unless the policy allows one, and no longer than it allows."""
    verdict = data_bytes.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


def calling(*calls: ContractCall) -> Case:
    return with_effects(PAYMENT, calls=calls)


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("a send", PAYMENT, POLICY, None),
        ("a multisend", calling(MULTISEND), POLICY, None),
        ("a change of owners", calling(EDIT_MULTISIG), POLICY, "does EditMultisig (0x12); allowed is Send"),
        ("a send and more", calling(SEND, EDIT_MULTISIG), POLICY, "EditMultisig"),
        ("a call left out", calling(MULTISEND), network(calls=frozenset({"0x01"})), "is Send (0x01)"),
        ("no call listed", PAYMENT, network(calls=frozenset()), "allowed is nothing"),
        ("what pays where there are contracts", calling(ContractCall(CAROL, "", "")), POLICY, "no selector"),
        ("a token's transfer", calling(ContractCall(CAROL, samples.TRANSFER, "transfer")), POLICY, "on Mx68"),
        ("a send on a contract", calling(replace(SEND, contract=CAROL)), POLICY, f"(0x01) on {CAROL}"),
        ("a selector without a name", calling(ContractCall("", "0x07", "")), POLICY, "an unnamed call"),
        ("a payment by no call", calling(), POLICY, "no call that is known"),
        ("a void", VOID, POLICY, None),
        ("a send from a Safe", with_effects(EVM, calls=(SEND,)), EVM_POLICY, "Send (0x01)"),
    ],
)  # fmt: skip
def test_without_contracts_only_listed_calls_are_made(
    name: str, case: Case, policy: Policy, reason: str | None
) -> None:
    """Each call is one the policy lists by selector; what EVM wallets may call is not among them."""
    verdict = selectors.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


@pytest.mark.parametrize(
    ("name", "case", "policy", "reason"),
    [
        ("proven", PAYMENT, POLICY, None),
        ("reserved", with_record(PAYMENT, standing=Standing.RESERVED), POLICY, "wallet w-m were not read"),
        ("another is reserved", replace(PAYMENT, reserved=frozenset({DAVE})), POLICY, None),
        ("paid to a reserved", replace(PAYMENT, reserved=frozenset({CAROL})), POLICY, f"{CAROL} is reserved"),
        ("one of a batch", replace(BATCH, reserved=frozenset({DAVE})), POLICY, f"{DAVE} is reserved"),
        (
            "drafted but not meant",
            replace(
                with_effects(VOID, payments=(Payment(DAVE, Amount(BIP, 1)),)), reserved=frozenset({DAVE})
            ),
            POLICY,
            f"{DAVE} is reserved",
        ),
        (
            "meant but not drafted",
            replace(with_effects(PAYMENT, payments=()), reserved=frozenset({CAROL})),
            POLICY,
            f"{CAROL} is reserved",
        ),
        ("a Safe", EVM, EVM_POLICY, None),
    ],
)
def test_a_reserved_wallet_neither_pays_nor_is_paid(
    name: str, case: Case, policy: Policy, reason: str | None
) -> None:
    """Until its owners were read from the chain, no coin leaves or reaches its address."""
    verdict = record_proven.judge(case, policy)
    assert matches(verdict, reason), (name, verdict)


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("by its creator and nonce", PAYMENT, None),
        ("another kind", with_record(PAYMENT, profile=f"multisig-v1:{CREATOR}:1"), "must be multisig-v2"),
        ("a kind that begins alike", with_record(PAYMENT, profile="multisig-v2x"), "must be multisig-v2"),
        ("another address", replace(PAYMENT, derived_address=CAROL), f"give {CAROL}"),
        ("one of three", with_record(PAYMENT, threshold=1), "it must need 2"),
        ("anybody's", with_record(PAYMENT, threshold=0), "it must need 2"),
    ],
)
def test_a_record_names_what_its_address_was_made_of(name: str, case: Case, reason: str | None) -> None:
    """The kind before the colon is the policy's; what follows is the family's to derive from."""
    verdict = address_derived.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_a_safe_has_no_profile_with_a_tail() -> None:
    """Where there are contracts a profile is compared whole: a tail makes it unknown."""
    assert matches(address_derived.judge(EVM, EVM_POLICY), None)
    tailed = with_record(EVM, profile="safe-1.5.0-l1:x")
    assert matches(address_derived.judge(tailed, EVM_POLICY), "must be safe-1.5.0-l1")


@pytest.mark.parametrize(
    ("name", "case", "reason"),
    [
        ("nothing", VOID, None),
        ("a send of nothing", with_effects(VOID, calls=(SEND,)), "a void does nothing"),
        ("that pays", with_effects(VOID, payments=(Payment(CAROL, Amount(BIP, 1)),)), "not what was asked"),
        ("that names somebody", with_effects(VOID, payments=(Payment(CAROL, Amount(BIP, 0)),)), "0 BIP to M"),
    ],
)  # fmt: skip
def test_a_void_pays_nobody(name: str, case: Case, reason: str | None) -> None:
    """What the family decodes as a void (a send of nothing to itself) has no payments and no calls."""
    verdict = effects_equal_intent.judge(case, POLICY)
    assert matches(verdict, reason), (name, verdict)


def test_the_fee_an_intent_names_has_a_ceiling_without_a_fee_in_the_draft() -> None:
    """A draft that cannot state its fee is judged by what the intent names."""
    assert PAYMENT.effects.fee_max is None
    assert matches(fee_ceiling.judge(PAYMENT, POLICY), None)
    dear = with_intent(PAYMENT, fee_max=Amount(BIP, FEE_MAX + 1))
    assert matches(fee_ceiling.judge(dear, POLICY), "at most 0.000000000000001 BIP")


def test_a_wallet_does_not_pay_itself() -> None:
    """A send to the wallet's own address is no payment, as on every family."""
    assert set(objections(pay((WALLET, BIP, 1)), POLICY, ALL)) == {"destinations"}
    assert RECORD.address == WALLET
