"""What is built to pay decodes to exactly these payments, and to nothing else."""

from __future__ import annotations

import pytest

from keepcool.chains.evm import payouts
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.profiles import PROFILES, SafeProfile
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.core.effects import ContractCall, Payment, Slot
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.core.intent import OUTPUTS_MAX
from keepcool.core.money import Amount
from tests.unit.chains.samples import (
    ALICE,
    BOB,
    CHAIN,
    NATIVE,
    NETWORK,
    PROFILE,
    SAFE,
    TOKEN,
    TOKEN_ASSET,
    account,
    output,
)

TRANSFER = "transfer(address,uint256)"


def test_native_coins() -> None:
    """A native payment is one payment, one plain call, one slot, no hazard, and its own digest."""
    tx = payouts.pay_native(safe=SAFE, chain_id=CHAIN, nonce=5, recipient=ALICE, wei=10**18)
    effects = decode_safe_tx(tx, PROFILE)
    assert effects.payments == (Payment(ALICE, Amount(NATIVE, 10**18)),)
    assert effects.calls == (ContractCall(ALICE, "", ""),)
    assert effects.slots == (Slot(NETWORK, f"safe:{SAFE}", 5),)
    assert (effects.hazards, effects.change, effects.fee_max) == ((), (), None)
    assert (effects.source, effects.network, effects.digests) == (SAFE, NETWORK, (safe_tx_hash(tx),))


def test_a_token() -> None:
    """A token payment names recipient and token, wherever the token stands."""
    tx = payouts.pay_token(safe=SAFE, chain_id=CHAIN, nonce=5, token=TOKEN, recipient=ALICE, units=7)
    effects = decode_safe_tx(tx, PROFILE)
    assert effects.payments == (Payment(ALICE, Amount(TOKEN_ASSET, 7)),)
    assert effects.calls == (ContractCall(TOKEN, "0xa9059cbb", TRANSFER),)
    assert effects.hazards == ()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_batch_pays_each_output_in_order(profile: SafeProfile) -> None:
    """A batch of coins and tokens decodes to its outputs, one by one, under the profile's own contract."""
    outputs = [output(ALICE, 1), output(BOB, 2, TOKEN_ASSET), output(ALICE, 3)]
    tx = payouts.pay(profile, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=outputs)
    effects = decode_safe_tx(tx, profile)
    assert [(p.recipient, p.amount) for p in effects.payments] == [(o.recipient, o.amount) for o in outputs]
    assert (len(effects.calls), effects.hazards) == (3, ())


def test_the_largest_batch_fits() -> None:
    """As many token payments as an intent may hold are built, encoded and decoded."""
    outputs = [output(ALICE, units + 1, TOKEN_ASSET) for units in range(OUTPUTS_MAX)]
    tx = payouts.pay(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=outputs)
    assert len(decode_safe_tx(tx, PROFILE).payments) == OUTPUTS_MAX


def test_one_output_goes_without_a_batch() -> None:
    """A single payment makes no delegatecall at all."""
    tx = payouts.pay(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=[output(ALICE, 9)])
    assert (tx.operation, tx.to, tx.value) == (0, ALICE, 9)


def test_a_void_does_nothing_but_use_up_the_nonce() -> None:
    """The void has no payment, call or hazard, and its slot."""
    effects = decode_safe_tx(payouts.void(safe=SAFE, chain_id=CHAIN, nonce=9), PROFILE)
    assert (effects.payments, effects.calls, effects.hazards) == ((), (), ())
    assert effects.slots == (Slot(NETWORK, f"safe:{SAFE}", 9),)


@pytest.mark.parametrize(
    ("recipient", "units", "asset", "code"),
    [
        (ALICE, 0, NATIVE, "amount.range"),
        (account(9).lower(), 1, NATIVE, "address.checksum"),
        ("0x" + 40 * "0", 1, NATIVE, "address.reserved"),
        ("0x" + 40 * "0", 1, TOKEN_ASSET, "address.reserved"),
        (ALICE, 1, AssetId("eip155:1/slip44:60"), "asset.network"),
        (ALICE, 1, AssetId(f"eip155:1/erc20:{TOKEN}"), "asset.network"),
        (ALICE, 1, AssetId("eip155:31337/slip44:0"), "asset.unknown"),
        (ALICE, 1, AssetId(f"eip155:31337/erc721:{TOKEN}"), "asset.unknown"),
        (ALICE, 1, AssetId(f"eip155:31337/erc20:{TOKEN.lower()}"), "address.checksum"),
        (ALICE, 1, AssetId("bip122:000000000019d6689c085ae165831e93/slip44:0"), "network.form"),
    ],
)
def test_refuses_to_build_what_would_lose_coins(
    recipient: str, units: int, asset: AssetId, code: str
) -> None:
    """Nothing, nobody, another chain and an unknown asset are refused, alone and inside a batch."""
    for outputs in ([output(recipient, units, asset)], [output(BOB, 1), output(recipient, units, asset)]):
        with pytest.raises(Malformed) as refused:
            payouts.pay(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=outputs)
        assert refused.value.code == code


def test_refuses_an_empty_or_endless_batch() -> None:
    """A batch pays at least one output, and no more than the decoder reads back."""
    for outputs in ([], [output(ALICE, 1)] * 257):
        with pytest.raises(Malformed, match=r"batch\.size"):
            payouts.pay(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=outputs)


def test_no_builder_sets_a_refund() -> None:
    """Every transaction built here leaves the five gas fields zero."""
    built: list[SafeTx] = [
        payouts.pay(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=[output(ALICE, 1)]),
        payouts.pay(PROFILE, safe=SAFE, chain_id=CHAIN, nonce=0, outputs=[output(ALICE, 1)] * 2),
        payouts.void(safe=SAFE, chain_id=CHAIN, nonce=0),
    ]
    zero = "0x" + 40 * "0"
    for tx in built:
        assert (tx.safe_tx_gas, tx.base_gas, tx.gas_price) == (0, 0, 0)
        assert (tx.gas_token, tx.refund_receiver) == (zero, zero)
