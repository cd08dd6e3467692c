"""Drafts that pay, the one that pays nobody, and their assembly with signatures."""

from __future__ import annotations

import pytest

from keepcool.chains.minter import payouts
from keepcool.chains.minter.data import Multisend, Send
from keepcool.chains.minter.payouts import assemble, burn, is_burn, pay
from keepcool.chains.minter.signature import SINGLE, MultiSignature
from keepcool.chains.minter.transaction import SignedTransaction, parse_signed, transaction_hash
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from tests.unit.chains.minter.samples import ALICE, BIP, BOB, USDTE, output, signatures, tx
from tests.vectors import minter
from tests.vectors.minter import ADDRESSES, MAINNET, PUBLIC, WALLET


def test_one_output_is_a_send() -> None:
    """One payment is sent as such, in its coin, with the gas coin and price that were chosen."""
    made = pay(network=MAINNET, nonce=5, outputs=[output(ALICE, 7, USDTE)], gas_price=3, gas_coin=1993)
    assert made == tx(Send(1993, ALICE, 7), nonce=5, gas_price=3, gas_coin=1993)


@pytest.mark.parametrize("count", [2, 100])
def test_several_outputs_are_one_multisend(count: int) -> None:
    """2 to 100 payments of any coins are one transaction, all of them or none."""
    outputs = [output((ALICE, BOB)[n % 2], n + 1, (BIP, USDTE)[n % 2]) for n in range(count)]
    made = pay(network=MAINNET, nonce=5, outputs=outputs)
    sends = tuple(Send((0, 1993)[n % 2], (ALICE, BOB)[n % 2], n + 1) for n in range(count))
    assert made == tx(Multisend(sends), nonce=5)


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [output(ALICE, 1)] * 101,
        [output(ALICE, 0)],
        [output(ALICE, 1), output(BOB, 0)],
        [output("0x" + 40 * "a", 1)],
        [output("Mx" + 40 * "0", 1)],
        [output(ALICE, 1, AssetId("minter:2/coin:0"))],
        [output(ALICE, 1, AssetId("eip155:1/slip44:60"))],
    ],
)
def test_refuses_what_is_no_payment(outputs: list[Output]) -> None:
    """None, too many, nothing, nobody, and coins of another network are not paid."""
    with pytest.raises(Malformed):
        pay(network=MAINNET, nonce=1, outputs=outputs)


@pytest.mark.parametrize(("nonce", "gas_price"), [(0, 1), (1, 0)])
def test_nonce_and_gas_price_begin_at_one(nonce: int, gas_price: int) -> None:
    """No block takes a transaction of nonce or gas price 0, so none is made."""
    with pytest.raises(Malformed, match="at least 1"):
        pay(network=MAINNET, nonce=nonce, outputs=[output(ALICE, 1)], gas_price=gas_price)
    with pytest.raises(Malformed, match="at least 1"):
        burn(wallet=WALLET, network=MAINNET, nonce=nonce, gas_price=gas_price)


def test_a_burn_pays_nothing_to_itself() -> None:
    """It sends nothing of the gas coin to the wallet; with another coin, value or receiver it is no burn."""
    made = burn(wallet=WALLET, network=MAINNET, nonce=4, gas_coin=1993)
    assert made == tx(Send(1993, WALLET, 0), nonce=4, gas_coin=1993)
    assert is_burn(made, WALLET)
    for other in (Send(0, WALLET, 0), Send(1993, WALLET, 1), Send(1993, ALICE, 0)):
        assert not is_burn(tx(other, nonce=4, gas_coin=1993), WALLET)
    assert not is_burn(made, ALICE)


@pytest.mark.parametrize("names", [("hot", "cool"), ("cool", "hot")])
def test_owners_sign_in_one_order(names: tuple[str, ...]) -> None:
    """Whichever signature came first, the bytes are those of the vectors: hot (…be) before cool (…c7)."""
    vector = minter.named("multisig send 2-of-3 hot+cool")
    draft = parse_signed(vector.raw).transaction
    raw = assemble(draft.preimage(), WALLET, signatures(draft, names))
    assert raw == vector.raw
    assert parse_signed(raw).signers() == (ADDRESSES["hot"], ADDRESSES["cool"])


def test_without_the_one_order_a_payment_has_many_hashes() -> None:
    """The twin: signatures in the order they came are as valid, and name the same payment differently."""
    draft = parse_signed(minter.named("multisig send 2-of-3 hot+cool").raw).transaction
    raws = [
        SignedTransaction(draft, MultiSignature(WALLET, tuple(signatures(draft, names).values()))).encoded()
        for names in (("hot", "cool"), ("cool", "hot"))
    ]
    assert raws[1] == minter.named("multisig send 2-of-3 cool+hot").raw
    assert len({transaction_hash(raw) for raw in raws}) == 2
    assert len({parse_signed(raw).transaction.digest() for raw in raws}) == 1


@pytest.mark.parametrize("names", [(), ("hot",), ("hot", "cool", "cold")])
def test_refuses_fewer_or_more_signatures_than_asked_for(names: tuple[str, ...]) -> None:
    """A surplus signature could be dropped by anybody; exactly the threshold is assembled."""
    with pytest.raises(Malformed, match="exactly 2 owners"):
        assemble(tx().preimage(), WALLET, signatures(tx(), names))
    whole = assemble(tx().preimage(), WALLET, signatures(tx(), names), threshold=len(names))
    assert len(parse_signed(whole).signers()) == len(names)


def test_refuses_a_signature_of_another_key_or_draft() -> None:
    """Each signature is its key's over this draft, or nothing is assembled."""
    good, other = signatures(tx()), signatures(tx(nonce=4))
    hot, cool = PUBLIC["hot"], PUBLIC["cool"]
    wrong = (
        {hot: good[hot], cool: good[hot]},
        {hot: good[hot], cool: other[cool]},
        {hot: good[hot], PUBLIC["cold"]: good[cool]},
        {hot: good[hot], cool: good[cool][:64]},
    )
    for signed in wrong:
        with pytest.raises(Malformed):
            assemble(tx().preimage(), WALLET, signed)
    assert assemble(tx().preimage(), WALLET, good)


def test_a_plain_accounts_draft_is_not_assembled() -> None:
    """A draft that announces a single signature cannot carry owners' signatures."""
    single = tx(signature_type=SINGLE)
    with pytest.raises(Malformed, match="not one of a multisig"):
        assemble(single.preimage(), WALLET, signatures(single))


def test_a_wallets_address_is_checked() -> None:
    """An address in any other spelling is not sent from, nor burnt at."""
    with pytest.raises(Malformed):
        assemble(tx().preimage(), WALLET.upper(), signatures(tx()))
    with pytest.raises(Malformed):
        payouts.burn(wallet=WALLET[:-1], network=MAINNET, nonce=1)
