"""App is taken over and asks both signers for what would rob a Minter wallet: each refuses by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.minter.data import CreateMultisig, Data, EditMultisig, Multisend, Other, Owners, Send
from keepcool.chains.minter.payouts import assemble, pay
from keepcool.chains.minter.signature import SINGLE, MultiSignature
from keepcool.chains.minter.transaction import SignedTransaction, Transaction, parse_signed
from keepcool.chains.minter.wallets import owners_of
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.registry import Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.core.verdict import Approved
from keepcool.cosigner.judge import Rulebook
from keepcool.hazmat import accounts, curve
from keepcool.wire.messages import Signed
from tests.unit.keeper.minter_house import (
    COIN,
    COOLER,
    CUSTOMER,
    HARBOR,
    KEEPER,
    NETWORK,
    TERMS,
    House,
    code,
    objections,
    payment,
    told,
)

THIEF = "Mx" + "7e" * 20
SEIZED = Owners(1, (1,), (THIEF,))


def payout(nonce: int = 1, gas_price: int = 1) -> Transaction:
    outputs = [Output(CUSTOMER, Amount(COIN, 5))]
    return pay(network=NETWORK, nonce=nonce, outputs=outputs, gas_price=gas_price)


def doing(data: Data) -> Transaction:
    return replace(payout(), data=data)


ATTACKS: dict[str, tuple[Transaction, set[str]]] = {
    "owners replaced": (doing(EditMultisig(SEIZED)), {"effects_equal_intent", "hazards", "selectors"}),
    "another multisig": (doing(CreateMultisig(SEIZED)), {"effects_equal_intent", "hazards", "selectors"}),
    "coins delegated": (
        doing(Other(0x07, ("Mp" + "11" * 32, 0, 5))),
        {"effects_equal_intent", "hazards", "selectors"},
    ),
    "another recipient": (doing(Send(0, THIEF, 5)), {"effects_equal_intent"}),
    "a recipient more": (
        doing(Multisend((Send(0, CUSTOMER, 5), Send(0, THIEF, 1)))),
        {"effects_equal_intent"},
    ),
    "another coin": (doing(Send(7, CUSTOMER, 5)), {"effects_equal_intent", "cap_transaction"}),
    "a later nonce": (payout(nonce=2), {"never_twice"}),
    "a fee without end": (payout(gas_price=2**32 - 1), {"fee_rate"}),
    "a fee beyond the ceiling": (payout(gas_price=TERMS.gas_price_max + 1), {"fee_rate"}),
    "a fee in another coin": (replace(payout(), gas_coin=7), {"fee_asset"}),
    "another chain": (replace(payout(), chain_id=1), {"effects_equal_intent", "hazards"}),
    "another sender": (replace(payout(), signature_type=SINGLE), {"hazards"}),
    "bytes beside it": (replace(payout(), payload=b"x"), {"data_bytes"}),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_signer_refuses_alone(tmp_path: Path, attack: str) -> None:
    """The intent is honest and the draft is not: neither signer signs, and both would sign the honest one."""
    tx, expected = ATTACKS[attack]

    async def story(house: House) -> None:
        record = await house.wallet("w-1")
        for signer in (KEEPER, COOLER):
            (said,) = await house.sign(signer, payment(record, tx.preimage(), CUSTOMER, 5))
            assert expected <= objections(said), objections(said)
        honest = payment(record, payout().preimage(), CUSTOMER, 5)
        assert [code((await house.sign(it, honest))[0]) for it in (KEEPER, COOLER)] == ["Signed", "Signed"]

    told(tmp_path, story)


def test_twin_without_rules_the_owners_are_replaced(tmp_path: Path) -> None:
    """With the rules switched off both signers sign the edit, and the two signatures are the owners'."""

    async def story(house: House) -> None:
        record = await house.wallet("w-1")
        draft = doing(EditMultisig(SEIZED)).preimage()
        for signer in (house.keeper, house.cooler):
            book = Rulebook(signer.policy.hash, (("any", lambda _: Approved("any")),))
            signer.in_force._known[signer.policy.hash] = (signer.policy, book)
        item = payment(record, draft, CUSTOMER, 5)
        raw = assembled(record, draft, [(await house.sign(it, item))[0] for it in (KEEPER, COOLER)])
        assert spends(record, raw)

    told(tmp_path, story)


def assembled(record: WalletRecord, draft: bytes, said: Sequence[object]) -> bytes:
    """What App puts together from both signers' answers."""
    signatures = {}
    for role, one in zip((Role.HOT, Role.COOL), said, strict=True):
        assert isinstance(one, Signed), one
        signatures[record.key(role).public_key] = one.signatures[0]
    return assemble(draft, record.address, signatures)


def spends(record: WalletRecord, raw: bytes) -> bool:
    """Whether the chain would take these signatures for the record's wallet (executor: two of its owners)."""
    return len(set(parse_signed(raw).signers()) & set(owners_of(record))) >= 2


def moved(raw: bytes, record: WalletRecord) -> bytes:
    """The same signatures, sent as another wallet's: nothing signed forbids it."""
    sent = parse_signed(raw)
    signed = MultiSignature(record.address, sent.signed.signatures)
    return SignedTransaction(sent.transaction, signed).encoded()


def test_a_payment_of_one_wallet_is_none_of_another(tmp_path: Path) -> None:
    """Hot and cool signed for wallet A; at the same nonce wallet B is another's, and so is its cool key."""

    async def story(house: House) -> None:
        a, b = await house.wallet("w-a"), await house.wallet("w-b", creator=1)
        draft = payout().preimage()
        item = payment(a, draft, CUSTOMER, 5)
        raw = assembled(a, draft, [(await house.sign(it, item))[0] for it in (KEEPER, COOLER)])
        assert spends(a, raw)
        assert not spends(b, moved(raw, b))
        assert set(owners_of(a)).isdisjoint(owners_of(b))

    told(tmp_path, story)


def test_the_same_payment_of_two_wallets_is_two_payments(tmp_path: Path) -> None:
    """What is signed does not name the wallet: two users pay one exchange the same amount at the same nonce.
    Each is signed and counted for its own wallet, and nobody keeps another waiting by paying the same."""

    async def story(house: House) -> None:
        a, b = await house.wallet("w-a"), await house.wallet("w-b", creator=1)
        draft = payout().preimage()
        items = [payment(record, draft, CUSTOMER, 5) for record in (a, b)]
        for service in (KEEPER, COOLER):
            for one in (*items, items[0]):
                assert code((await house.sign(service, one))[0]) == "Signed"
        for signer in (house.keeper, house.cooler):
            assert len(signer.drafts) == 2

    told(tmp_path, story)


Keys = Callable[[House, WalletRecord, Role], Secret]


def child(house: House, record: WalletRecord, role: Role) -> Secret:
    """Cool's or cold's key of this wallet, as two people with both papers have it."""
    paper = house.cool if role is Role.COOL else house.cold
    number = house.pins.wallet_number("minter", record.key(Role.COOL), record.key(Role.COLD))
    assert number is not None
    public = bytes.fromhex(record.key(role).public_key)
    return accounts.children(paper.account.secret, [((0, number), public)])[0]


def leaf(house: House, record: WalletRecord, role: Role) -> Secret:
    return (house.cool if role is Role.COOL else house.cold).leaf


@pytest.mark.parametrize(
    ("layout", "keys"), [("children", child), ("shared", leaf)], ids=["children", "twin"]
)
def test_cool_and_cold_of_one_wallet_move_nothing_of_another(tmp_path: Path, layout: str, keys: Keys) -> None:
    """Cool and cold evacuate wallet A. With keys of their own for each wallet this moves nothing else; with
    shared keys anyone who sees it empties wallet B by the same signatures."""

    async def story(house: House) -> None:
        a, b = await house.wallet("w-a"), await house.wallet("w-b", creator=1)
        tx = doing(Send(0, HARBOR, 10**18))
        signatures = {}
        for role in (Role.COOL, Role.COLD):
            with keys(house, a, role).opened() as key:
                compact, recovery = curve.sign_digest(key, tx.digest())
            signatures[a.key(role).public_key] = compact + bytes([27 + recovery])
        raw = assemble(tx.preimage(), a.address, signatures)
        assert spends(a, raw)
        assert spends(b, moved(raw, b)) is (layout == "shared")

    told(tmp_path, story, replace(TERMS, layout="shared" if layout == "shared" else "children"))
