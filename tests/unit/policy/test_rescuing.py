"""Unlisted tokens leave a wallet for the harbor, and the way there opens no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains.evm import abi, payouts
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.payouts import TRANSFER
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import CALL, SafeTx
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.policy import reading, schema
from keepcool.policy.case import Case
from keepcool.policy.explain import sentences
from keepcool.policy.rules import ALL
from keepcool.policy.terms import AssetRules, Policy
from tests.unit.policy.samples import (
    ALICE,
    BOB,
    ETH,
    NETWORK,
    POLICY,
    SAFE,
    TOKEN,
    UNLISTED,
    USD,
    network,
    objections,
    pay,
    with_history,
)

HARBOR = BOB
STRANGER = UNLISTED.rpartition(":")[2]
RESCUES = network(harbor=HARBOR, rescue=True)
PROFILE = profile_named("safe-1.5.0-l1")


def case_of(tx: SafeTx, *outputs: tuple[str, AssetId, int]) -> Case:
    """What a signer makes of these bytes, beside an intent that says so much."""
    made = pay(*outputs)
    return replace(made, effects=replace(decode_safe_tx(tx, PROFILE), digests=(b"\x01" * 32,)))


def call(to: str, data: bytes, value: int = 0) -> SafeTx:
    return SafeTx(safe=SAFE, chain_id=31337, to=to, value=value, data=data, operation=CALL, nonce=0)


def moving(selector: bytes, recipient: str, units: int) -> bytes:
    return selector + abi.encode(abi.address(recipient), abi.uint(units))


def rescue(recipient: str = HARBOR, token: str = STRANGER, units: int = 10**30) -> Case:
    data = moving(TRANSFER, recipient, units)
    return case_of(call(token, data), (recipient, AssetId(f"{NETWORK}/erc20:{token}"), units))


def test_an_unlisted_token_goes_to_the_harbor() -> None:
    """By the bytes of a real SafeTx, however much of it, and with windows that are full."""
    full = {"spent_hour": {ETH: 250, UNLISTED: 10**40}, "spent_day": {ETH: 400}}
    for case in (rescue(), with_history(rescue(), **full)):
        assert objections(case, RESCUES, ALL) == {}


ATTACKS: dict[str, Case] = {
    "to another address": rescue(ALICE),
    "a listed token beyond its caps, elsewhere": rescue(ALICE, TOKEN),
    "approve": case_of(call(STRANGER, moving(bytes.fromhex("095ea7b3"), HARBOR, 5)), (HARBOR, UNLISTED, 5)),
    "increaseAllowance": case_of(
        call(STRANGER, moving(bytes.fromhex("39509351"), HARBOR, 5)), (HARBOR, UNLISTED, 5)
    ),
    "a selector nobody knows": case_of(
        call(STRANGER, moving(b"\xde\xad\xbe\xef", HARBOR, 5)), (HARBOR, UNLISTED, 5)
    ),
    "with coins beside it": case_of(
        call(STRANGER, moving(TRANSFER, HARBOR, 5), value=7), (STRANGER, ETH, 7), (HARBOR, UNLISTED, 5)
    ),
    "the wallet itself": case_of(
        call(SAFE, moving(TRANSFER, HARBOR, 5)), (HARBOR, AssetId(f"{NETWORK}/erc20:{SAFE}"), 5)
    ),
    "its own contract": rescue(STRANGER),
    "said to the harbor, done to another": case_of(
        call(STRANGER, moving(TRANSFER, ALICE, 5)), (HARBOR, UNLISTED, 5)
    ),
    "said of a listed token, done with another": case_of(
        call(STRANGER, moving(TRANSFER, HARBOR, 5)), (HARBOR, USD, 5)
    ),
    "a batch, one to the harbor and one not": case_of(
        payouts.pay_many(
            PROFILE,
            safe=SAFE,
            chain_id=31337,
            nonce=0,
            outputs=[Output(HARBOR, Amount(UNLISTED, 5)), Output(ALICE, Amount(UNLISTED, 5))],
        ),
        (HARBOR, UNLISTED, 5),
        (ALICE, UNLISTED, 5),
    ),
    "a batch of rescues": case_of(
        payouts.pay_many(
            PROFILE,
            safe=SAFE,
            chain_id=31337,
            nonce=0,
            outputs=[Output(HARBOR, Amount(UNLISTED, 5)), Output(HARBOR, Amount(UNLISTED, 6))],
        ),
        (HARBOR, UNLISTED, 5),
        (HARBOR, UNLISTED, 6),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_app_cannot_use_it_to_call_what_it_likes(attack: str) -> None:
    """A taken-over App that dresses another call as a rescue is refused, whatever it is."""
    assert objections(ATTACKS[attack], RESCUES, ALL)


def test_bytes_that_are_no_transfer_are_not_decoded() -> None:
    """Trailing data behind a transfer is malformed before any rule is asked."""
    with pytest.raises(Malformed):
        case_of(call(STRANGER, moving(TRANSFER, HARBOR, 5) + b"\x00"), (HARBOR, UNLISTED, 5))


@pytest.mark.parametrize(
    "policy",
    [POLICY, network(harbor=HARBOR), network(harbor=ALICE, rescue=True), network(rescue=True)],
    ids=["neither", "a harbor alone", "another harbor", "no harbor"],
)
def test_where_the_policy_does_not_rescue_nothing_is(policy: Policy) -> None:
    """Off unless a policy says so, and to the harbor of this very policy."""
    assert set(objections(rescue(), policy, ALL)) >= {"selectors", "cap_transaction"}


def test_listed_instead_the_token_goes_anywhere() -> None:
    """The twin: without this path the token has to be listed with a cap, and App sends it where it wants."""
    rules = AssetRules(UNLISTED, "LOST", 18, 10**30, 10**30, 10**30)
    listed = replace(RESCUES, assets={**RESCUES.assets, UNLISTED: rules})
    assert objections(rescue(ALICE), listed, ALL) == {}


def test_a_listed_token_keeps_its_caps_however_it_is_spelled() -> None:
    """A policy that lists a token in small letters has listed it: it is no stranger."""
    small = AssetId(USD.lower())
    policy = replace(
        RESCUES, assets={ETH: RESCUES.assets[ETH], small: replace(RESCUES.assets[USD], asset=small)}
    )
    assert "selectors" in objections(rescue(HARBOR, TOKEN), policy, ALL)


def document(more: str) -> bytes:
    return f"""
version = 1
[intents]
lifetime_s_max = 3600
[wallets]
attestations = ["keeper", "cooler"]
[evidence]
kinds = []
[networks."{NETWORK}"]
family = "evm"
profile = "safe-1.5.0-l1"
fee_max_units = "1000"
native = {{ asset = "{ETH}", symbol = "ETH", decimals = 18 }}
{more}
[assets]
""".encode()


def test_a_policy_says_it_and_is_explained() -> None:
    """`rescue` with a harbor; without one it is refused; the sentence names what it opens."""
    read = reading.built(schema.read_document(document(f'harbor = "{HARBOR}"\nrescue = true')), "ab" * 32)
    assert read.networks[NETWORK].rescue
    assert any("not listed may leave" in one for one in sentences(read))
    with pytest.raises(Malformed) as caught:
        reading.built(schema.read_document(document("rescue = true")), "ab" * 32)
    assert caught.value.code == "policy.rescue"
    with pytest.raises(Malformed):
        reading.built(schema.read_document(document('rescue = "yes"')), "ab" * 32)
