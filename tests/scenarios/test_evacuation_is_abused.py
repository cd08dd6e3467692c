"""Evacuation in the wrong hands: App orders the level harbor a hundred times. What leaves then goes to the
pinned harbor and nowhere else, once per slot, whatever anybody has signed; nobody alone ends it; and the
purse that pays the fees stays under its ceilings to the unit. Each control has its twin without it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from keepcool.chains.evm import payouts
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import encode_draft
from keepcool.core.approvals import Action, Order, order_challenge
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output, Purpose, parse_intent
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.reconciliation import Report, SeenHead, report_hash
from keepcool.local.running import Installation
from keepcool.wire import proofs
from keepcool.wire.messages import FreezeAnswer, FreezeRequest, PurseSigned, Signed, SignItem
from keepcool.wire.reviews import OrderAnswer, OrderProof, SubmitOrder
from tests.fixtures.chain import NATIVE, NETWORK, address_number
from tests.fixtures.red_app import (
    CHAIN_ID,
    PROFILE,
    SIGNERS,
    TOKEN,
    RedApp,
    Tables,
    is_owners,
    payment,
    signers_alone,
    taken_over,
)
from tests.fixtures.red_intrigues import root_of
from tests.fixtures.red_people import (
    ADMINISTRATORS,
    CAPS,
    COIN,
    PEOPLE,
    Held,
    decision,
    guarded,
    signed_by,
)
from tests.fixtures.red_siege import THIEF, besieged, draft, policies_of, with_evidence
from tests.scenarios.test_purse_is_asked import deployment

pytestmark = pytest.mark.live
HARBOR = address_number(1)
TIMES, WALLETS = 100, 12
LARGE = 500 * COIN  # a hundred times what any cap allows
FEE_UNITS_MAX, BUDGET_UNITS = 10**15, 2 * 10**16
Work = Callable[[RedApp], Awaitable[None]]


def evacuable(tables: Tables) -> None:
    """The tiers of a siege, a harbor, and a purse that is soon empty."""
    guarded()(tables)
    network = tables["networks"][NETWORK]
    network["harbor"] = HARBOR
    if "purse" in network:
        network["purse"] |= {"fee_max_units": str(FEE_UNITS_MAX), "gas_budget_day_units": str(BUDGET_UNITS)}


@pytest.fixture(scope="module")
def house() -> Iterator[Installation]:
    with signers_alone(CAPS, PEOPLE, evacuable) as made:
        yield made


def attack(installation: Installation, work: Work) -> None:
    async def whole() -> None:
        async with taken_over(installation) as red:
            await red.ready()
            await work(red)

    asyncio.run(whole())


async def ordered(red: RedApp, signer: Service, times: int = 1) -> None:
    """The level harbor, by App, as any service may."""
    for number in range(times):
        body = FreezeRequest(level="harbor", target="", reason=f"run for it {number}")
        answer = await red.exchange.ask(signer, "freeze.v1", body, 20)
        assert isinstance(answer, FreezeAnswer)


def paying(red: RedApp, held: Held, to: str, units: int, asset: AssetId = NATIVE) -> SignItem:
    intent = red.intent(held.record.wallet, to, units, asset)
    return SignItem(intent=intent.encoded(), draft=draft(held, asset, units, to, 0))


def to_both(red: RedApp, held: Held) -> SignItem:
    """The harbor, and the thief with a little beside."""
    outputs = (Output(HARBOR, Amount(NATIVE, LARGE)), Output(THIEF, Amount(NATIVE, 1)))
    tx = payouts.pay_many(
        profile_named(PROFILE), safe=held.record.address, chain_id=CHAIN_ID, nonce=0, outputs=outputs
    )
    intent = replace(red.intent(held.record.wallet, HARBOR, LARGE), outputs=outputs)
    return SignItem(intent=intent.encoded(), draft=encode_draft(tx))


def void(red: RedApp, held: Held) -> SignItem:
    intent = red.intent(held.record.wallet, HARBOR, 1)
    tx = payouts.void(safe=held.record.address, chain_id=CHAIN_ID, nonce=0)
    return SignItem(
        intent=replace(intent, purpose=Purpose.VOID, outputs=()).encoded(), draft=encode_draft(tx)
    )


def with_fee(item: SignItem, units: int) -> SignItem:
    intent = replace(parse_intent(item.intent), fee_max=Amount(NATIVE, units))
    return SignItem(intent=intent.encoded(), draft=item.draft)


async def elsewhere(red: RedApp, held: Held) -> dict[str, SignItem]:
    """Everything that does not go to the harbor alone, honestly approved or not."""
    small = paying(red, held, THIEF, 1000)
    approval = signed_by(decision("bob", await policies_of(red), held, small))
    return {
        "thief": small,
        "thief, approved": with_evidence(small, approval),
        "token": paying(red, held, THIEF, 1000, TOKEN),
        "both": to_both(red, held),
        "void": void(red, held),
        "fee": with_fee(paying(red, held, HARBOR, LARGE), 10**24),
    }


def test_a_hundred_orders_pay_the_harbor_and_nobody_else(house: Installation) -> None:
    """Before it (the twin) a small payment to the thief is signed. Ordered a hundred times: coins and tokens
    of every wallet go to the harbor, far above every cap and without a signature of anybody, each slot once
    however often it is asked for; all else is refused, with evidence too; and it is one freeze."""

    async def evacuating(red: RedApp) -> None:
        for signer, role in SIGNERS.items():
            held = [one for one in await besieged(red, 2 * WALLETS) if one.key is None]
            [before] = await red.sign(signer, [paying(red, held[0], THIEF, 1000)])
            assert isinstance(before, Signed), before
            rows = (await red.status(signer)).head.sequence
            await ordered(red, signer, TIMES)
            status = await red.status(signer)
            assert len(status.frozen) == 1
            assert status.head.sequence - rows <= TIMES
            for one in held[1:]:
                wrong = await elsewhere(red, one)
                said = dict(zip(wrong, await red.sign(signer, list(wrong.values())), strict=True))
                assert [name for name, answer in said.items() if isinstance(answer, Signed)] == []
                asset = NATIVE if one is held[1] else TOKEN
                item = paying(red, one, HARBOR, LARGE, asset)
                answers = await red.sign(signer, [item] * 10)
                first = answers[0]
                assert isinstance(first, Signed), first
                assert is_owners(one.record, role, item, first)
                assert {one.sequence for one in answers if isinstance(one, Signed)} == {first.sequence}
                [other] = await red.sign(signer, [paying(red, one, HARBOR, LARGE - 1, asset)])
                assert not isinstance(other, Signed)
            await stays(house, red, signer)

    attack(house, evacuating)


async def stays(house: Installation, red: RedApp, signer: Service) -> None:
    """App, and one administrator, with a clean report, do not thaw it."""
    head = (await red.status(signer)).head
    seen = SeenHead(head.sequence, head.hash.hex())
    heads = {one.value: seen for one in SIGNERS}
    report = Report(red.now_s(), {NETWORK: "1"}, heads, (), ()).encoded()
    root = root_of(house.places.root_key.read_text(encoding="ascii"))
    details = {"level": "harbor", "target": "", "reason": "over", "report": report_hash(report)}
    order = Order(f"thaw-{red.entropy(6).hex()}", root, Action.THAW, details, red.now_s() + 3600)
    proof = ADMINISTRATORS["root1"].proof(order_challenge(order.encoded()))
    signed = [OrderProof(administrator="root1", proof=proofs.encode(proof))]
    body = SubmitOrder(order=order.encoded(), proofs=signed, document=report)
    answer = await red.exchange.ask(signer, "orders.v1", body, 20)
    assert isinstance(answer, OrderAnswer)
    assert answer.pending.state == "collecting"
    assert len((await red.status(signer)).frozen) == 1


def test_the_purse_stays_under_its_ceilings(house: Installation) -> None:
    """While the harbor is the only way, thirty wallets' contracts are asked for at the highest fee there may
    be: Keeper's purse pays the day's budget to the unit and no more, and nothing dearer than its ceiling. The
    twin, under the usual budget, pays for every one of them."""
    attack(house, plundered(FEE_UNITS_MAX, BUDGET_UNITS // FEE_UNITS_MAX))
    with signers_alone(CAPS) as usual:
        attack(usual, plundered(FEE_UNITS_MAX, 30))


def plundered(fee: int, expected: int) -> Work:
    async def plunder(red: RedApp) -> None:
        records = await red.wallets(30)
        await ordered(red, Service.KEEPER)
        first = (await red.status(Service.KEEPER)).purses[0].next_nonce
        dear = deployment(records[0], first, fee * 100)
        [refused] = await red.pay_from_purse(dear)
        assert not isinstance(refused, PurseSigned)
        signed = 0
        for record in records:
            [said] = await red.pay_from_purse(deployment(record, first + signed, fee))
            signed += isinstance(said, PurseSigned)
        assert signed == expected

    return plunder


def test_without_a_harbor_the_level_pays_nobody() -> None:
    """A policy that pins no harbor: the same order, and nothing is paid anywhere, that address included."""

    async def evacuating(red: RedApp) -> None:
        await ordered(red, Service.COOLER)
        [record] = await red.wallets(1)
        items = [payment(red, record, 0, 1000, to) for to in (HARBOR, THIEF)]
        assert [one for one in await red.sign(Service.COOLER, items) if isinstance(one, Signed)] == []

    with signers_alone(CAPS) as harborless:
        attack(harborless, evacuating)
