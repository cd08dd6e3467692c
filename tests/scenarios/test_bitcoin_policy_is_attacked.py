"""App is hostile and drafts what no intent says: each signer refuses alone, by the rule that is there for it;
with that rule off both sign, and Bitcoin Core's own code lets the theft through."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.bip45 import CHANGE
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.registry import Role, WalletRecord
from keepcool.cosigner.judge import Rulebook
from keepcool.policy.document import parse_policy
from keepcool.policy.rules import bound
from keepcool.policy.terms import Policy
from keepcool.wire.messages import Signed, SignItem
from tests.unit.chains.bitcoin.psbt.samples import Coin, draft
from tests.unit.keeper.bitcoin_house import (
    COIN_SAT,
    COOLER,
    CUSTOMER,
    KEEPER,
    LITECOIN,
    NOW_S,
    OWN,
    POOL,
    STRANGER,
    House,
    final,
    objections,
    policy,
    told,
)

RATE, SHARE, CEILING, CHANGES = 200_000, 200, 1_000_000, 2


def terms(**changes: object) -> Policy:
    stated = {"fee_rate_max": RATE, "fee_share_max": SHARE, "change_max": CHANGES, **changes}
    return parse_policy(policy(KEEPER, **stated))


def under(house: House, rules: Policy, without: frozenset[str] = frozenset()) -> None:
    """Both signers judge by this policy from now on, without these rules."""
    left = tuple((name, rule) for name, rule in bound(rules) if name not in without)
    for signer in (house.keeper, house.cooler):
        book = Rulebook(signer.policy.hash, left)
        signer.in_force._known[signer.policy.hash] = (signer.policy, book)


@dataclass(frozen=True)
class Wallet:
    """A record's, with coins to spend."""

    record: WalletRecord
    coins: Sequence[Coin]

    def change(self, index: int = 0) -> Owned:
        wallet = wallet_of(self.record)
        return wallet.owned(wallet.place(CHANGE, index))

    def pays(
        self,
        *outputs: tuple[str, int],
        fee_sat: int = 5_000,
        change: dict[int, Owned] | None = None,
        data: bytes = b"",
        coins: Sequence[Coin] | None = None,
    ) -> bytes:
        made = [TxOutput(units, address.parse_address(LITECOIN, to)) for to, units in outputs]
        if data:
            made.append(TxOutput(0, b"\x6a" + bytes((len(data),)) + data))
        return encode_psbt(draft(coins or self.coins, made, change or {0: self.change()}, fee_sat))

    def means(self, *outputs: tuple[str, int], name: str = "") -> Intent:
        return Intent(
            intent=IntentId(name or f"i-{os.urandom(6).hex()}"),
            purpose=Purpose.PAY if outputs else Purpose.VOID,
            network=LITECOIN.id,
            source=WalletId(self.record.wallet),
            outputs=tuple(Output(to, Amount(LITECOIN.asset, units)) for to, units in outputs),
            fee_max=Amount(LITECOIN.asset, CEILING),
            expires_at_s=NOW_S + 3600,
        )


ASKED = (CUSTOMER, COIN_SAT // 2)
Items = list[SignItem]


def one(intent: Intent, raw: bytes) -> Items:
    return [SignItem(intent=intent.encoded(), draft=raw)]


def somebody_else(of: Wallet) -> Items:
    return one(of.means(ASKED), of.pays((STRANGER, COIN_SAT // 2)))


def somebody_beside(of: Wallet) -> Items:
    return one(of.means(ASKED), of.pays(ASKED, (STRANGER, COIN_SAT)))


def less_than_asked(of: Wallet) -> Items:
    return one(of.means(ASKED), of.pays((CUSTOMER, COIN_SAT // 4)))


def a_void_that_pays(of: Wallet) -> Items:
    return one(of.means(), of.pays((STRANGER, COIN_SAT)))


def crumbs(of: Wallet) -> Items:
    parts = {amount: of.change(place) for place, amount in enumerate((0, 100_000, 200_000))}
    return one(of.means(ASKED), of.pays(ASKED, change=parts))


def a_message(of: Wallet) -> Items:
    return one(of.means(ASKED), of.pays(ASKED, data=b"stolen by"))


def a_fee_without_end(of: Wallet) -> Items:
    return one(of.means(ASKED), of.pays(ASKED, fee_sat=900_000))


def a_fee_beyond_the_intent(of: Wallet) -> Items:
    meant = of.means(ASKED)
    return one(replace(meant, fee_max=Amount(LITECOIN.asset, 4_999)), of.pays(ASKED))


def a_fee_beyond_all_intents(of: Wallet) -> Items:
    meant = of.means(ASKED)
    return one(replace(meant, fee_max=Amount(LITECOIN.asset, CEILING + 1)), of.pays(ASKED))


def a_fee_like_the_payment(of: Wallet) -> Items:
    return one(of.means((CUSTOMER, 20_000)), of.pays((CUSTOMER, 20_000), fee_sat=5_000))


def paid_from_two_coins(of: Wallet) -> Items:
    """Each draft is honest, and both could confirm."""
    meant = of.means(ASKED, name="i-twice")
    return [SignItem(intent=meant.encoded(), draft=of.pays(ASKED, coins=[coin])) for coin in of.coins[:2]]


def in_anothers_name(of: Wallet) -> Items:
    """A second intent over a coin of the first."""
    return [*one(of.means(ASKED), of.pays(ASKED)), *one(of.means(ASKED), of.pays(ASKED, fee_sat=9_000))]


ATTACKS: dict[str, tuple[Callable[[Wallet], Items], str]] = {
    "somebody else": (somebody_else, "effects_equal_intent"),
    "somebody beside": (somebody_beside, "effects_equal_intent"),
    "less than asked": (less_than_asked, "effects_equal_intent"),
    "a void that pays": (a_void_that_pays, "effects_equal_intent"),
    "change in crumbs": (crumbs, "effects_equal_intent"),
    "a message": (a_message, "data_bytes"),
    "a fee without end": (a_fee_without_end, "fee_rate"),
    "a fee beyond the intent": (a_fee_beyond_the_intent, "fee_ceiling"),
    "an intent beyond the policy": (a_fee_beyond_all_intents, "fee_ceiling"),
    "a fee like the payment": (a_fee_like_the_payment, "fee_share"),
    "paid twice": (paid_from_two_coins, "never_twice"),
    "in another's name": (in_anothers_name, "never_twice"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_signer_refuses_alone_and_the_twin_is_robbed(tmp_path: Path, attack: str) -> None:
    """The last draft of the attack is denied by one rule and no other, on each signer, and not remembered;
    with that rule off both sign it, and the signatures unlock the coins."""
    made, rule = ATTACKS[attack]

    async def story(house: House) -> None:
        record = await house.wallet("w-1")
        under(house, terms())
        *before, last = made(Wallet(record, house.coins(record, 2)))
        for signer, desk in ((KEEPER, house.keeper), (COOLER, house.cooler)):
            for item in before:
                assert isinstance((await house.sign(signer, item))[0], Signed)
            (said,) = await house.sign(signer, last)
            assert objections(said) == {rule}
            assert len(desk.drafts) == len(before)
        under(house, terms(), without=frozenset({rule}))
        assert (await house.both_sign(record, last)).raw

    told(tmp_path, story)


@pytest.mark.parametrize("profile", [OWN, POOL])
def test_what_is_asked_for_all_day_is_signed(tmp_path: Path, profile: str) -> None:
    """Under the same policy: a payment, its ladder, a batch, a consolidation, and the burning of what was
    given up."""

    async def story(house: House) -> None:
        record = await house.wallet("w-1", profile)
        under(house, terms())
        of = Wallet(record, house.coins(record, 2))
        meant = of.means(ASKED)
        for fee in (5_000, 10_000, 20_000):
            await house.both_sign(record, one(meant, of.pays(ASKED, fee_sat=fee))[0])
        burnt = one(of.means(), of.pays(fee_sat=30_000))[0]
        await house.both_sign(record, burnt)
        more = Wallet(record, house.coins(record, 3))
        batch = (ASKED, (STRANGER, COIN_SAT // 4), ASKED)
        parts = {0: more.change(4), COIN_SAT // 8: more.change(5)}
        await house.both_sign(record, one(more.means(*batch), more.pays(*batch, change=parts))[0])
        many = Wallet(record, house.coins(record, 20))
        await house.both_sign(record, one(many.means(), many.pays(fee_sat=50_000))[0])

    told(tmp_path, story)


def capped() -> Policy:
    rules = terms()
    caps = {
        asset: replace(of, cap_transaction_units=60_000, cap_hour_units=60_000, cap_day_units=60_000)
        for asset, of in rules.assets.items()
    }
    return replace(rules, assets=caps)


async def burnt_by_voids(house: House, record: WalletRecord, count: int) -> int:
    """Fees of the consolidations that Keeper signs, of so many asked for."""
    fees = 0
    for coin in house.coins(record, count):
        of = Wallet(record, [coin])
        (said,) = await house.sign(KEEPER, one(of.means(), of.pays(fee_sat=20_000))[0])
        fees += 20_000 if isinstance(said, Signed) else 0
        if not isinstance(said, Signed):
            assert objections(said) == {"cap_hour", "cap_day"}
    return fees


def test_coins_that_go_round_and_round_burn_no_more_than_a_cap(tmp_path: Path) -> None:
    """Six voids of a hostile App, each at a fee the rules allow: the caps end it at the third; without them
    it never ends."""

    async def story(house: House) -> None:
        record = await house.wallet("w-1")
        under(house, capped())
        assert await burnt_by_voids(house, record, 6) == 60_000
        under(house, capped(), without=frozenset({"cap_hour", "cap_day"}))
        assert await burnt_by_voids(house, record, 6) == 120_000

    told(tmp_path, story)


def test_a_remembered_draft_is_signed_again_byte_for_byte(tmp_path: Path) -> None:
    """The same request gives the same signatures and no new row; another intent cannot claim it."""

    async def story(house: House) -> None:
        record = await house.wallet("w-1")
        under(house, terms())
        of = Wallet(record, house.coins(record, 2))
        item = one(of.means(ASKED), of.pays(ASKED))[0]
        first = await house.sign(KEEPER, item)
        assert await house.sign(KEEPER, item) == first
        assert len(house.keeper.drafts) == 1
        stolen = one(of.means(ASKED), item.draft)[0]
        (said,) = await house.sign(KEEPER, stolen)
        assert not isinstance(said, Signed)
        (cool,) = await house.sign(COOLER, item)
        assert isinstance(cool, Signed)
        assert isinstance(first[0], Signed)
        given = {Role.HOT: first[0].signatures, Role.COOL: cool.signatures}
        assert final(record, item.draft, given).txid

    told(tmp_path, story)
