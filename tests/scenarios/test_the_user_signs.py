"""Owners sign what leaves their wallets: App alone moves nothing, and has them sign nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from keepcool.chains.families import family_of
from keepcool.client.api import Client, Wallet
from keepcool.client.devicekeys import DeviceKey
from keepcool.client.orders import Order
from keepcool.core.approvals import USER_KIND, Approval, Decision, effects_hash
from keepcool.core.errors import Breach, Refused
from keepcool.core.ids import WalletId
from keepcool.core.intent import Output, parse_intent
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.local.running import Installation
from keepcool.policy.document import policy_hash
from keepcool.wire import proofs
from keepcool.wire.messages import (
    AttestWallets,
    CreateWallets,
    Declined,
    EvidenceItem,
    NewWallet,
    RegisterWallets,
    Signed,
    SignItem,
)
from keepcool.wire.reviews import Accepted, ApprovalsAnswer, SubmitApprovals
from tests.fixtures.chain import NETWORK, address_number
from tests.fixtures.hostile_app import Change, lying
from tests.fixtures.installation import COIN, WAIT_S, House, eventually, whole_house
from tests.fixtures.red_app import (
    PROFILE,
    SIGNERS,
    RedApp,
    is_owners,
    payment,
    signers_alone,
    taken_over,
)
from tests.fixtures.softkey import SoftEd25519, SoftKey, SoftPasskey, approved, user_passkey, user_proof

pytestmark = pytest.mark.live
THIEF = address_number(666)
FEE_MAX = 5 * 10**16


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    failed_before = request.session.testsfailed
    with whole_house(lambda: request.session.testsfailed > failed_before, evidence=True) as made:
        yield made


def owner(house: House, number: int, coins: int = 10) -> tuple[DeviceKey, Wallet]:
    """Somebody with a key of his own, and coins in a wallet that obeys it."""
    key = DeviceKey(bytes([number]) * 32)
    made = house.client.make_wallet(house.client.make_user().id, NETWORK, user_key=key.text)
    house.chain.fund(made.address, coins * COIN)
    house.until_available(made, house.eth, coins * COIN)
    return key, made


def until_reviewed(house: House, withdrawal: str) -> None:
    """Both signers have said that they want the owner's signature."""

    def wanted() -> bool:
        told = house.client.withdrawal(withdrawal)
        missing = told.review.missing if told.review else {}
        return told.state == "needs_review" and set(missing) == {"keeper", "cooler"}

    eventually(wanted, f"{withdrawal} was not put to wait")


def test_what_its_owner_signed_is_paid_once(house: House) -> None:
    """One call asks, compares and signs; both signers verify the signature, and the chain pays."""
    key, wallet = owner(house, 1)
    to = house.outside()
    asked = house.client.withdraw(wallet.id, house.eth, COIN, to, fee_max=FEE_MAX, sign_with=key)
    house.client.settled(asked.id, WAIT_S, reviewed=True)
    house.paid_once(asked, to, COIN)


def test_without_his_signature_it_waits_and_with_it_it_goes_on(house: House) -> None:
    """Unsigned, nothing leaves and both say what they want; signed, it is paid, and the log tells both."""
    key, wallet = owner(house, 2)
    to = house.outside()
    asked = house.client.withdraw(wallet.id, house.eth, COIN, to, fee_max=FEE_MAX)
    until_reviewed(house, asked.id)
    assert "the owner's signature" in house.client.withdrawal(asked.id).reason
    assert house.chain.balance(to) == 0
    house.client.withdrawals.sign(asked.id, key, Order(wallet.id, house.eth, COIN, to, FEE_MAX))
    house.client.settled(asked.id, WAIT_S, reviewed=True)
    house.paid_once(asked, to, COIN)
    told = [one.type for one in house.client.events.after() if one.data.get("withdrawal") == asked.id]
    assert told.index("withdrawal.needs_review") < told.index("withdrawal.confirmed")


def test_a_signature_outlives_what_was_down(house: House) -> None:
    """Signed while Keeper is away, and App started anew: paid when Keeper is back, without signing again."""
    key, wallet = owner(house, 3)
    to = house.outside()
    house.stop("keeper")
    asked = house.client.withdraw(wallet.id, house.eth, COIN, to, fee_max=FEE_MAX, sign_with=key)
    house.stop("app")
    house.start("app", ready=False)
    house.start("keeper")
    eventually(
        lambda: house.client.withdrawal(asked.id).state == "confirmed", "the signed payment was not made"
    )
    house.paid_once(asked, to, COIN)


def _paying(to: str, units: int) -> Change:
    return lambda one: replace(one, outputs=(Output(to, Amount(one.outputs[0].amount.asset, units)),))


LIES: dict[str, Change] = {
    "recipient": _paying(THIEF, COIN),
    "amount": lambda one: _paying(one.outputs[0].recipient, 2 * COIN)(one),
    "fee": lambda one: replace(one, fee_max=Amount(one.fee_max.asset, FEE_MAX + 1)),
    "expiry": lambda one: replace(one, expires_at_s=one.expires_at_s + 10**7),
    "source": lambda one: replace(one, source=WalletId("wal_thiefs")),
}


def test_an_app_that_changes_anything_gets_no_signature(house: House) -> None:
    """Recipient, amount, fee, expiry, source: the client refuses each; the honest intent is then signed."""
    key, wallet = owner(house, 4)
    to = house.outside()
    order = Order(wallet.id, house.eth, COIN, to, FEE_MAX)
    asked = house.client.withdraw(wallet.id, house.eth, COIN, to, fee_max=FEE_MAX)
    until_reviewed(house, asked.id)
    for change in LIES.values():
        api_key = (house.places.operator / "api.key").read_text(encoding="ascii").strip()
        with (
            lying(house.installation.reach.app_url, change) as url,
            Client(url, api_key, house.client._pins) as client,
            pytest.raises(Refused, match=r"client\.intent_differs"),
        ):
            client.withdrawals.sign(asked.id, key, order)
    assert key.book.signed([asked.id]) == set()
    house.client.withdrawals.sign(asked.id, key, order)
    house.client.settled(asked.id, WAIT_S, reviewed=True)
    house.paid_once(asked, to, COIN)


def test_an_owner_changes_his_key_and_nobody_else_does(house: House) -> None:
    """Neither App alone nor a thief's signature puts a key in his place; his own old one does, and from then
    on the new one signs and the old one no more. The address stays."""
    old, wallet = owner(house, 5)
    new, thief = DeviceKey(b"\x55" * 32), DeviceKey(b"\x66" * 32)
    for consent in (None, thief):
        with pytest.raises(Refused, match=r"rekey\.consent|proof\.signature"):
            house.client.rekey(wallet.id, thief.text, consent)
    assert house.client.wallet(wallet.id, user_key=old.text).record == wallet.record
    changed = house.client.rekey(wallet.id, new.text, old)
    assert changed.record == replace(
        wallet.record, revision=wallet.record.revision + 1, previous=wallet.record.hash(), user_key=new.text
    )
    assert house.client.rekey(wallet.id, new.text, old).record == changed.record
    to = house.outside()
    with pytest.raises(Breach, match=r"client\.other_user_key"):
        house.client.withdraw(wallet.id, house.eth, COIN, to, fee_max=FEE_MAX, sign_with=old)
    asked = house.client.withdraw(wallet.id, house.eth, COIN, to, fee_max=FEE_MAX, sign_with=new)
    house.client.settled(asked.id, WAIT_S, reviewed=True)
    house.paid_once(asked, to, COIN)


def decided(house: House, withdrawal: str, decision: Decision, name: str = "alice") -> None:
    """A person decides about a withdrawal as it waits; App carries it, as the desk would."""
    review = house.client.withdrawal(withdrawal).review
    assert review is not None
    intent, draft = parse_intent(review.intent_bytes), review.drafts[0]
    record = house.client.wallet(intent.source).record
    effects = family_of(record.network).decode(draft, record)
    policies = sorted(
        policy_hash((house.places.service(one) / "policy.toml").read_bytes()) for one in SIGNERS
    )
    said = Approval(
        decision=decision,
        intent=intent.hash(),
        effects=effects_hash(effects).hex(),
        fee_units_max=intent.fee_max.units,
        policies=tuple(policies),
        approver=name,
        reason="looked at",
        expires_at_s=intent.expires_at_s,
    )
    (signed,) = approved(SoftPasskey(name), said)

    async def carry(red: RedApp) -> None:
        for signer in SIGNERS:
            body = SubmitApprovals(items=[proofs.encode(signed)])
            answer = await red.exchange.ask(signer, "approvals.v1", body, 20)
            assert isinstance(answer, ApprovalsAnswer)
            assert isinstance(answer.items[0], Accepted), answer.items

    attack(house.installation, carry)


def test_without_an_owner_somebody_approves_what_is_large(house: House) -> None:
    """A wallet without a user key pays small amounts by itself; a large one waits, and goes on by itself once
    an approver agreed; rejected, it ends with his reason and the coins are free."""
    wallet, small, large = house.wallet(coins=700), house.outside(), house.outside()
    house.confirmed(house.client.withdraw(wallet.id, house.eth, COIN, small))
    asked = house.client.withdraw(wallet.id, house.eth, 300 * COIN, large)
    until_reviewed(house, asked.id)
    assert "1 approval of accounting" in house.client.withdrawal(asked.id).reason
    decided(house, asked.id, Decision.APPROVE)
    house.client.settled(asked.id, WAIT_S, reviewed=True)
    house.paid_once(asked, large, 300 * COIN)
    again = house.client.withdraw(wallet.id, house.eth, 200 * COIN, large)
    until_reviewed(house, again.id)
    decided(house, again.id, Decision.REJECT)
    ended = house.client.settled(again.id, WAIT_S, reviewed=True)
    assert ended.state == "refused"
    assert "rejected by alice: looked at" in ended.reason
    house.agrees(wallet)


def attack(installation: Installation, work: Callable[[RedApp], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with taken_over(installation) as red:
            await red.ready()
            await work(red)

    asyncio.run(whole())


async def owned(red: RedApp, key: SoftKey) -> WalletRecord:
    """A wallet that obeys this key, made as App may ask."""
    name = f"w-{red.entropy(8).hex()}"
    new = NewWallet(wallet=name, network=NETWORK, profile=PROFILE, owner=f"u-{name}", user_key=key.text)
    made = await red._attested(Service.KEEPER, "wallets.create.v1", CreateWallets(wallets=[new]))
    made = await red._attested(Service.COOLER, "wallets.attest.v1", AttestWallets(records=made))
    await red._attested(Service.KEEPER, "wallets.register.v1", RegisterWallets(records=made))
    return parse_record(made[0].record)


def with_proof(item: SignItem, key: str, proof: bytes) -> SignItem:
    evidence = [EvidenceItem(kind=USER_KIND, key=key, proof=proof)]
    return SignItem(intent=item.intent, draft=item.draft, evidence=evidence)


def forged(red: RedApp, record: WalletRecord, mine: SoftKey, nonce: int) -> dict[str, SignItem]:
    """The same theft, with every signature that a thief could have."""
    apps, other = SoftEd25519("app itself"), SoftEd25519("another user")
    theft = payment(red, record, nonce, 10**6, THIEF)
    earlier = payment(red, record, nonce, 10**6)
    return {
        "none": theft,
        "App's own key": with_proof(theft, apps.text, user_proof(apps, theft.intent)),
        "App's signature, said to be the owner's": with_proof(
            theft, mine.text, user_proof(apps, theft.intent)
        ),
        "another user's": with_proof(theft, other.text, user_proof(other, theft.intent)),
        "of another intent": with_proof(theft, mine.text, user_proof(mine, earlier.intent)),
    }


def test_signers_believe_the_owner_alone(house: House) -> None:
    """App in an attacker's hands: no signature, its own, another user's, the owner's of something else:
    neither signer signs; what the owner signed, by device key or passkey, both sign."""
    house.stop("app")

    async def stealing(red: RedApp) -> None:
        for mine in (SoftEd25519("owner"), user_passkey("owner")):
            record = await owned(red, mine)
            for signer in SIGNERS:
                said = await red.sign(signer, list(forged(red, record, mine, 0).values()))
                assert [type(one) for one in said] == [Declined] * len(said), said
                assert [one.review for one in said if isinstance(one, Declined)] == [True] + [False] * 4
            honest = payment(red, record, 0, 10**6)
            signed = with_proof(honest, mine.text, user_proof(mine, honest.intent))
            for signer, role in SIGNERS.items():
                [yes] = await red.sign(signer, [signed])
                assert isinstance(yes, Signed), yes
                assert is_owners(record, role, signed, yes)

    try:
        attack(house.installation, stealing)
    finally:
        house.start("app")


def test_without_the_control_app_alone_drains_up_to_the_cap() -> None:
    """Twin: where policies ask no owner, the wallet's user key helps nobody: thefts are signed by both, to
    the cap and not a unit more."""

    async def stealing(red: RedApp) -> None:
        record = await owned(red, SoftEd25519("owner"))
        for signer in SIGNERS:
            taken, nonce = 0, 0
            while True:
                [said] = await red.sign(signer, [payment(red, record, nonce, COIN // 2, THIEF)])
                if not isinstance(said, Signed):
                    break
                taken, nonce = taken + COIN // 2, nonce + 1
            assert taken == 5 * COIN

    with signers_alone("1,5,20") as uncontrolled:
        attack(uncontrolled, stealing)
