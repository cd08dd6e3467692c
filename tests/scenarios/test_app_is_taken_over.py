"""App in an attacker's hands asks for everything: what is signed stays under the caps, nothing wrong is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from keepcool.chains.evm import abi, payouts
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import DELEGATECALL, SafeTx, encode_draft, safe_tx_hash
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Unavailable
from keepcool.core.ids import AssetId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local.running import Installation
from keepcool.wire.messages import Declined, EvidenceItem, Failure, Signed, SignItem, SignRequest
from tests.fixtures.chain import NATIVE, NETWORK, address_number
from tests.fixtures.red_app import (
    CHAIN_ID,
    PROFILE,
    SIGNERS,
    TOKEN,
    TOKEN_CONTRACT,
    Outcome,
    RedApp,
    draft_of,
    is_owners,
    payment,
    signers_alone,
    taken_over,
)

pytestmark = pytest.mark.live
COIN = 10**18
HOUR_CAP = 5 * COIN
WALLETS, ROUNDS, SHARE = 30, 10, COIN // 20
THIEF = address_number(666)


@pytest.fixture(scope="module")
def capped() -> Iterator[Installation]:
    with signers_alone("1,5,20") as made:
        yield made


def attack(installation: Installation, work: Callable[[RedApp], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with taken_over(installation) as red:
            await red.ready()
            await work(red)

    asyncio.run(whole())


def test_what_is_stolen_stays_under_the_cap_to_the_unit(capped: Installation) -> None:
    """Three hundred thefts of 0.05 over thirty wallets, many at once: each signer signs exactly the hour's
    cap and not a unit more, also when all is asked again."""

    async def theft(red: RedApp) -> None:
        for signer in SIGNERS:
            taken = await _plunder(red, signer)
            assert sum(taken.values()) == HOUR_CAP

    attack(capped, theft)


def test_with_wide_caps_everything_is_stolen() -> None:
    """Control off: the same thefts under caps that never bind are all signed."""

    async def theft(red: RedApp) -> None:
        taken = await _plunder(red, Service.KEEPER)
        assert sum(taken.values()) == WALLETS * ROUNDS * SHARE

    with signers_alone("1000,100000,100000") as uncapped:
        attack(uncapped, theft)


async def _plunder(red: RedApp, signer: Service) -> dict[bytes, int]:
    """What each digest that was signed pays; every signature is checked to be good for it."""
    taken: dict[bytes, int] = {}
    records = await red.wallets(WALLETS)
    nonces = dict.fromkeys(records, 0)

    async def some(part: list[WalletRecord]) -> None:
        items = [_token_theft(red, one, nonces[one]) for one in part]
        for _ in range(2):  # the second time the same bytes
            for one, item, said in zip(part, items, await red.sign(signer, items), strict=True):
                if isinstance(said, Signed):
                    assert is_owners(one, SIGNERS[signer], item, said)
                    taken[safe_tx_hash(draft_of(item))] = SHARE
                    nonces[one] = draft_of(item).nonce + 1

    for _ in range(ROUNDS):
        await asyncio.gather(*(some(records[at : at + 6]) for at in range(0, WALLETS, 6)))
    return taken


def _token_theft(red: RedApp, record: WalletRecord, nonce: int) -> SignItem:
    to = address_number(int.from_bytes(red.entropy(6)))
    tx = payouts.pay_token(
        safe=record.address, chain_id=CHAIN_ID, nonce=nonce, token=TOKEN_CONTRACT, recipient=to, units=SHARE
    )
    return SignItem(intent=red.intent(record.wallet, to, SHARE, TOKEN).encoded(), draft=encode_draft(tx))


Forged = Callable[[RedApp, WalletRecord, WalletRecord], SignItem]


def _tx(record: WalletRecord) -> SafeTx:
    return payouts.pay_native(safe=record.address, chain_id=CHAIN_ID, nonce=0, recipient=THIEF, wei=1000)


def _altered(change: Callable[[SafeTx], SafeTx]) -> Forged:
    """The draft differs from an orderly intent."""

    def forged(red: RedApp, record: WalletRecord, _: WalletRecord) -> SignItem:
        draft = change(_tx(record))
        return SignItem(intent=red.intent(record.wallet, THIEF, 1000).encoded(), draft=encode_draft(draft))

    return forged


def _meant(change: Callable[[RedApp, Intent], Intent]) -> Forged:
    """The intent is out of order, the draft does what it would say."""

    def forged(red: RedApp, record: WalletRecord, _: WalletRecord) -> SignItem:
        intent = change(red, red.intent(record.wallet, THIEF, 1000))
        units = intent.outputs[0].amount.units if intent.outputs else 1000
        return SignItem(intent=intent.encoded(), draft=encode_draft(replace(_tx(record), value=units)))

    return forged


def _self_call(text: str, *words: bytes) -> Forged:
    """The Safe administers itself."""
    data = keccak256(text.encode())[:4] + abi.encode(*words)

    def forged(red: RedApp, record: WalletRecord, _: WalletRecord) -> SignItem:
        draft = replace(_tx(record), to=record.address, value=0, data=data)
        return SignItem(intent=red.intent(record.wallet, THIEF, 1000).encoded(), draft=encode_draft(draft))

    return forged


def _of_other_safe(red: RedApp, record: WalletRecord, other: WalletRecord) -> SignItem:
    draft = replace(_tx(record), safe=other.address)
    return SignItem(intent=red.intent(record.wallet, THIEF, 1000).encoded(), draft=encode_draft(draft))


def _of_other_wallet(red: RedApp, record: WalletRecord, other: WalletRecord) -> SignItem:
    return SignItem(intent=red.intent(other.wallet, THIEF, 1000).encoded(), draft=encode_draft(_tx(record)))


def _of_unlisted_token(red: RedApp, record: WalletRecord, _: WalletRecord) -> SignItem:
    contract = address_number(7)
    asset = AssetId(f"{NETWORK}/erc20:{contract}")
    tx = payouts.pay_token(
        safe=record.address, chain_id=CHAIN_ID, nonce=0, token=contract, recipient=THIEF, units=1
    )
    return SignItem(intent=red.intent(record.wallet, THIEF, 1, asset).encoded(), draft=encode_draft(tx))


def _approval_of_thief(red: RedApp, record: WalletRecord, _: WalletRecord) -> SignItem:
    data = keccak256(b"approve(address,uint256)")[:4] + abi.encode(abi.address(THIEF), abi.uint(1000))
    draft = replace(_tx(record), to=TOKEN_CONTRACT, value=0, data=data)
    return SignItem(intent=red.intent(record.wallet, THIEF, 1000, TOKEN).encoded(), draft=encode_draft(draft))


def _smuggled(red: RedApp, record: WalletRecord, _: WalletRecord) -> SignItem:
    """A batch that pays what was asked, and the thief besides."""
    outputs = [Output(to, Amount(NATIVE, 1000)) for to in (address_number(1), THIEF)]
    tx = payouts.pay_many(
        profile_named(PROFILE), safe=record.address, chain_id=CHAIN_ID, nonce=0, outputs=outputs
    )
    intent = red.intent(record.wallet, address_number(1), 1000)
    return SignItem(intent=intent.encoded(), draft=encode_draft(tx))


def _with_evidence(red: RedApp, record: WalletRecord, _: WalletRecord) -> SignItem:
    item = payment(red, record, 0, 1000)
    return SignItem(
        intent=item.intent, draft=item.draft, evidence=[EvidenceItem(kind="oath", key="k", proof=b"p")]
    )


def _bytes(change: Callable[[SignItem], SignItem]) -> Forged:
    return lambda red, record, _: change(payment(red, record, 0, 1000))


FORGED: dict[str, tuple[str, Forged]] = {  # each with the rule that must object, or the code
    "another safe": ("effects_equal_intent", _of_other_safe),
    "another wallet": ("effects_equal_intent", _of_other_wallet),
    "another chain": ("effects_equal_intent", _altered(lambda tx: replace(tx, chain_id=1))),
    "another recipient": ("effects_equal_intent", _altered(lambda tx: replace(tx, to=address_number(1)))),
    "a unit more": ("effects_equal_intent", _altered(lambda tx: replace(tx, value=1001))),
    "a unit less": ("effects_equal_intent", _altered(lambda tx: replace(tx, value=999))),
    "call data": ("hazards", _altered(lambda tx: replace(tx, data=b"\x00"))),
    "delegatecall": ("hazards", _altered(lambda tx: replace(tx, operation=DELEGATECALL))),
    "safe_tx_gas": ("hazards", _altered(lambda tx: replace(tx, safe_tx_gas=1))),
    "base_gas": ("hazards", _altered(lambda tx: replace(tx, base_gas=1))),
    "gas_price": ("hazards", _altered(lambda tx: replace(tx, gas_price=1))),
    "gas_token": ("hazards", _altered(lambda tx: replace(tx, gas_token=TOKEN_CONTRACT))),
    "refund_receiver": ("hazards", _altered(lambda tx: replace(tx, refund_receiver=THIEF))),
    "a whole refund": (
        "hazards",
        _altered(lambda tx: replace(tx, base_gas=10**6, gas_price=10**12, refund_receiver=THIEF)),
    ),
    "a higher nonce": ("never_twice", _altered(lambda tx: replace(tx, nonce=1))),
    "a nonce far ahead": ("never_twice", _altered(lambda tx: replace(tx, nonce=10**6))),
    "delegatecall of code": (
        "hazards",
        _altered(lambda tx: replace(tx, operation=DELEGATECALL, data=b"\xde\xad\xbe\xef", value=0)),
    ),
    "expired": ("intent_fresh", _meant(lambda red, intent: replace(intent, expires_at_s=red.now_s() - 1))),
    "for ever": (
        "intent_fresh",
        _meant(lambda red, intent: replace(intent, expires_at_s=red.now_s() + 10**7)),
    ),
    "unknown wallet": (
        "registry.unknown",
        _meant(lambda _, intent: replace(intent, source=type(intent.source)("w-nobody"))),
    ),
    "fee without bound": (
        "fee_ceiling",
        _meant(lambda _, intent: replace(intent, fee_max=Amount(NATIVE, 10**24))),
    ),
    "fee in tokens": ("fee_ceiling", _meant(lambda _, intent: replace(intent, fee_max=Amount(TOKEN, 1)))),
    "over the cap": (
        "cap_transaction",
        _meant(lambda _, intent: replace(intent, outputs=(Output(THIEF, Amount(NATIVE, COIN + 1)),))),
    ),
    "a void that pays": (
        "effects_equal_intent",
        _meant(lambda _, intent: replace(intent, purpose=Purpose.VOID, outputs=())),
    ),
    "unlisted token": ("selectors", _of_unlisted_token),
    "approve": ("hazards", _approval_of_thief),
    "smuggled in a batch": ("effects_equal_intent", _smuggled),
    "enableModule": ("hazards", _self_call("enableModule(address)", abi.address(THIEF))),
    "addOwner": (
        "hazards",
        _self_call("addOwnerWithThreshold(address,uint256)", abi.address(THIEF), abi.uint(1)),
    ),
    "changeThreshold": ("hazards", _self_call("changeThreshold(uint256)", abi.uint(1))),
    "setGuard": ("hazards", _self_call("setGuard(address)", abi.address(THIEF))),
    "setFallbackHandler": ("hazards", _self_call("setFallbackHandler(address)", abi.address(THIEF))),
    "unknown evidence": ("evidence_known", _with_evidence),
    "draft cut short": (
        "canonical.json",
        _bytes(lambda item: SignItem(intent=item.intent, draft=item.draft[:-1])),
    ),
    "draft with a space": (
        "canonical.form",
        _bytes(lambda item: SignItem(intent=item.intent, draft=item.draft + b" ")),
    ),
    "draft of nonsense": (
        "canonical.json",
        _bytes(lambda item: SignItem(intent=item.intent, draft=b"\xff" * 100)),
    ),
    "intent cut short": (
        "canonical.json",
        _bytes(lambda item: SignItem(intent=item.intent[:-1], draft=item.draft)),
    ),
    "intent with more": (
        "intent.form",
        _bytes(lambda item: SignItem(intent=item.intent[:-1] + b',"zz":1}', draft=item.draft)),
    ),
    "nothing": ("canonical.json", _bytes(lambda _: SignItem(intent=b"", draft=b""))),
}


def test_no_forged_order_is_signed_and_no_journal_grows(capped: Installation) -> None:
    """Every field wrong in turn, every trick of a Safe: none signed, nothing written; the honest twin of
    them all is signed by both."""

    async def forging(red: RedApp) -> None:
        record, other = await red.wallets(2)
        for signer, role in SIGNERS.items():
            before = (await red.status(signer)).head.sequence
            items = [forge(red, record, other) for _, forge in FORGED.values()]
            said = await red.sign(signer, items)
            named = dict(zip(FORGED, said, strict=True))
            unfit = {name: one for name, one in named.items() if FORGED[name][0] not in _objections(one)}
            assert unfit == {}
            assert (await red.status(signer)).head.sequence == before
            honest = payment(red, record, 0, 1000)
            [signed] = await red.sign(signer, [honest])
            assert isinstance(signed, Signed), signed
            assert is_owners(record, role, honest, signed)

    attack(capped, forging)


def _objections(said: Outcome) -> set[str]:
    """The rules that denied it, or the code of what was not even understood; nothing when it was signed."""
    match said:
        case Signed():
            return set()
        case Failure():
            return {said.problem.code}
        case Declined():
            return {one.rule for one in said.verdicts if one.outcome == "denied"}


def test_a_nonce_is_given_away_once(capped: Installation) -> None:
    """A second payment at a nonce that was signed, or under an intent id that was, is refused."""

    async def twice(red: RedApp) -> None:
        [record] = await red.wallets(1)
        first = payment(red, record, 0, 1000)
        [signed] = await red.sign(Service.KEEPER, [first])
        assert isinstance(signed, Signed)
        moved = SignItem(intent=first.intent, draft=encode_draft(replace(draft_of(first), nonce=1)))
        said = await red.sign(Service.KEEPER, [payment(red, record, 0, 1000, THIEF), moved])
        assert [one for one in said if isinstance(one, Signed)] == []

    attack(capped, twice)


def test_a_replayed_frame_is_met_with_silence(capped: Installation) -> None:
    """The same frame again, the frame of one signer at the other, a changed byte: no answer, no entry; also
    after Keeper was started anew."""

    async def replaying(red: RedApp) -> None:
        [record] = await red.wallets(1)
        request = SignRequest(items=[payment(red, record, 0, 1000)])
        frame = red.frame(Service.KEEPER, "sign.v1", request)
        assert await red.bus.request(Service.KEEPER, "sign.v1", frame, 10)
        before = (await red.status(Service.KEEPER)).head.sequence
        changed = frame[:-3] + bytes([frame[-3] ^ 1]) + frame[-2:]
        for to, one in ((Service.KEEPER, frame), (Service.COOLER, frame), (Service.KEEPER, changed)):
            await _unheard(red, to, one)
        capped.children["keeper"].terminate()
        capped.start("keeper")
        await red.ready()
        await _unheard(red, Service.KEEPER, frame)
        assert (await red.status(Service.KEEPER)).head.sequence == before

    attack(capped, replaying)


async def _unheard(red: RedApp, to: Service, frame: bytes) -> None:
    with pytest.raises(Unavailable, match=r"bus\."):
        await red.bus.request(to, "sign.v1", frame, 0.7)
