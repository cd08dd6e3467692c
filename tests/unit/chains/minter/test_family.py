"""The Minter family through the Protocol the co-signer knows, and what it reports of drafts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains.families import family_named, family_of
from keepcool.chains.family import Family, FamilyName, terms_of
from keepcool.chains.minter import payouts
from keepcool.chains.minter.data import CreateMultisig, Data, EditMultisig, Multisend, Other, Owners, Send
from keepcool.chains.minter.kinds import KINDS
from keepcool.chains.minter.signature import SINGLE
from keepcool.chains.minter.transaction import Transaction, parse_signed
from keepcool.core.approvals import effects_hash
from keepcool.core.effects import ContractCall, Effects, Payment, Slot
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.money import Amount
from tests.unit.chains.minter.samples import ALICE, BIP, BOB, USDTE, output, signatures, tx
from tests.vectors import minter
from tests.vectors.minter import MAINNET, PUBLIC, WALLET, wallet_record

OWNERS = Owners(2, (1, 1, 1), (ALICE, BOB, WALLET))


def decoded(draft: Transaction) -> Effects:
    return family_of(MAINNET).decode(draft.preimage(), wallet_record())


def hazards(draft: Transaction) -> tuple[str, ...]:
    return tuple(hazard.code for hazard in decoded(draft).hazards)


def test_the_family_stands_beside_the_others() -> None:
    """It is found by name and by network, and derives the address of a record."""
    family: Family = family_named("minter")
    assert (family.name, family.version) == (FamilyName.MINTER, 1)
    assert family_of(NetworkId("minter:2")) == family
    assert family.derive_address(terms_of(wallet_record())) == WALLET
    other = replace(wallet_record(), profile=wallet_record(nonce=2).profile)
    assert family.derive_address(terms_of(other)) == minter.OTHER_WALLET


def test_a_payment_is_decoded_to_the_last_pip() -> None:
    """Recipient, coin and pips, the nonce, the fee's terms and the digest come from the bytes."""
    draft = payouts.pay(
        network=MAINNET, nonce=5, outputs=[output(ALICE, 7, USDTE)], gas_price=3, gas_coin=1993
    )
    assert decoded(draft) == Effects(
        family="minter",
        network=MAINNET,
        source=WALLET,
        payments=(Payment(ALICE, Amount(USDTE, 7)),),
        calls=(ContractCall("", "0x01", "Send"),),
        change=(),
        hazards=(),
        slots=(Slot(MAINNET, f"account:{WALLET}", 5),),
        fee_max=None,
        digests=(draft.digest(),),
        fee_rate=3,
        fee_asset=USDTE,
        data_bytes=0,
    )


def test_a_batch_is_decoded_in_order() -> None:
    """Every payment of a multisend is listed."""
    outputs = [output(ALICE, 1), output(BOB, 2, USDTE), output(ALICE, 1)]
    effects = decoded(payouts.pay(network=MAINNET, nonce=5, outputs=outputs))
    assert [(one.recipient, one.amount) for one in effects.payments] == [
        (ALICE, Amount(BIP, 1)), (BOB, Amount(USDTE, 2)), (ALICE, Amount(BIP, 1)),
    ]  # fmt: skip
    assert (effects.calls, effects.hazards) == ((ContractCall("", "0x0d", "Multisend"),), ())


def test_a_burn_pays_nobody_and_uses_up_the_nonce() -> None:
    """It has no payment, no call and no hazard: what a void is to the rules."""
    effects = decoded(payouts.burn(wallet=WALLET, network=MAINNET, nonce=9))
    assert (effects.payments, effects.calls, effects.hazards) == ((), (), ())
    assert effects.slots == (Slot(MAINNET, f"account:{WALLET}", 9),)


def test_nothing_paid_to_another_is_no_burn() -> None:
    """A payment of nothing to somebody else, or of another coin to itself, stays a payment."""
    for data in (Send(0, ALICE, 0), Send(1993, WALLET, 0)):
        effects = decoded(tx(data))
        assert len(effects.payments) == len(effects.calls) == 1


def test_what_a_draft_carries_is_counted() -> None:
    """Payload and service data are counted in bytes, and service data is a hazard."""
    assert decoded(tx(payload="привет".encode())).data_bytes == 12
    both = tx(payload=b"12345", service_data=b"123")
    assert (decoded(both).data_bytes, hazards(both)) == (8, ("minter.service_data",))


def test_what_a_draft_carries_is_part_of_what_it_does() -> None:
    """Another payload of the same length, or the same bytes in the other field, is another effect, so that an
    approval of one is none of the other; twin: but for that field the two look the same."""
    one, other = decoded(tx(payload=b"to: alice")), decoded(tx(payload=b"to: mallo"))
    moved = decoded(tx(service_data=b"to: alice"))
    assert len({effects_hash(effects) for effects in (one, other, moved, decoded(tx()))}) == 4
    assert decoded(tx()).data_hash == ""
    blind = [replace(effects, data_hash="") for effects in (one, other)]
    assert effects_hash(blind[0]) == effects_hash(blind[1])


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (tx(EditMultisig(OWNERS)), "minter.edit_multisig"),
        (tx(CreateMultisig(OWNERS)), "minter.create_multisig"),
        (tx(Other(0x25, ())), "minter.type"),
        (tx(service_data=b"\0"), "minter.service_data"),
        (tx(signature_type=SINGLE), "minter.signature_type"),
        (tx(chain_id=2), "minter.chain"),
        (tx(nonce=0), "minter.nonce"),
        (tx(Send(0, "Mx" + 40 * "0", 1)), "recipient.reserved"),
        (tx(Multisend((Send(0, ALICE, 1), Send(0, "Mx" + 39 * "0" + "1", 1)))), "recipient.reserved"),
    ],
)
def test_whatever_no_payment_has_is_a_hazard(draft: Transaction, code: str) -> None:
    """Each has its code; the same draft without it has none."""
    assert hazards(draft) == (code,)
    assert hazards(tx()) == ()


@pytest.mark.parametrize("vector", minter.vectors("v2"), ids=lambda vector: vector.name)
def test_every_type_but_payments_is_a_hazard(vector: minter.Vector) -> None:
    """Of all types there are, sends and multisends alone have no hazard by their type."""
    draft = parse_signed(vector.raw).transaction
    family = family_of(draft.network)
    record = wallet_record(network=draft.network)
    effects = family.decode(draft.preimage(), record)
    codes = {hazard.code for hazard in effects.hazards} - {"minter.signature_type"}
    name = KINDS[draft.type].name
    assert (codes == set()) == (name in ("Send", "Multisend")) == bool(effects.payments)
    assert [call.name for call in effects.calls] == [name]


@pytest.mark.parametrize(
    ("owners", "says"),
    [
        (OWNERS, f"{ALICE} (weight 1), {BOB} (weight 1), {WALLET} (weight 1) with a threshold of 2"),
        (Owners(0, (1,), (ALICE,)), "ANYBODY"),
        (Owners(2, (1,), (ALICE,)), "which nobody can reach"),
    ],
)
def test_a_change_of_owners_names_the_new_ones(owners: Owners, says: str) -> None:
    """The hazard says whose the wallet would be, nobody's and everybody's included."""
    (hazard,) = decoded(tx(EditMultisig(owners))).hazards
    assert says in hazard.text


def test_a_draft_is_the_nine_fields_and_nothing_else() -> None:
    """A signed transaction, a tail and another encoding are no draft."""
    draft = tx().preimage()
    raw = payouts.assemble(draft, WALLET, signatures(tx()))
    for wrong in (raw, draft + b"\0", draft[:-1], b"", minter.vectors("v1")[0].raw):
        with pytest.raises(Malformed):
            family_of(MAINNET).decode(wrong, wallet_record())


def test_signatures_are_encoded_and_verified() -> None:
    """r, s and recovery id become the 65 bytes that are assembled; another owner's key refuses them."""
    family, digest = family_of(MAINNET), tx().digest()
    made = signatures(tx())[PUBLIC["cool"]]
    encoded = family.encode_signature(made[:32], made[32:64], made[64] - 27)
    assert encoded == made
    family.verify_signature(digest, encoded, PUBLIC["cool"])
    with pytest.raises(Malformed, match=r"signature\.owner"):
        family.verify_signature(digest, encoded, PUBLIC["hot"])


def test_recipients_are_spelled_or_refused() -> None:
    """A recipient keeps its one spelling; another network or a lost address is refused."""
    family = family_of(MAINNET)
    assert family.parse_recipient(MAINNET, ALICE) == ALICE
    for network, text in (
        (NetworkId("eip155:1"), ALICE),
        (MAINNET, "Mx" + 40 * "0"),
        (MAINNET, "0x" + 40 * "a"),
    ):
        with pytest.raises(Malformed):
            family.parse_recipient(network, text)


def test_every_data_has_a_type() -> None:
    """The sealed union of data covers each code of the table once."""
    seen: list[Data] = [parse_signed(vector.raw).transaction.data for vector in minter.vectors("v2")]
    assert {type(data) for data in seen} == {Send, Multisend, CreateMultisig, EditMultisig, Other}
