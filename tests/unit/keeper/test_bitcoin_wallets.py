"""Bitcoin wallets from their making to a signed transaction: both signers, one path, Core's judgement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains import accounts
from keepcool.chains.bitcoin.bip45 import CHANGE, RECEIVING, Place
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.wallets import profile_of, wallet_of
from keepcool.core.errors import Malformed
from keepcool.core.registry import Role, parse_record
from keepcool.wire.messages import Attested, Signed
from tests.unit.keeper.bitcoin_house import (
    COIN_SAT,
    COOLER,
    KEEPER,
    OWN,
    POOL,
    STRANGER,
    Ground,
    House,
    code,
    coin_at,
    final,
    objections,
    payment,
    psbt,
    told,
    wanted,
)


@pytest.mark.parametrize("profile", [OWN, POOL])
def test_both_signers_move_coins_that_core_lets_through(tmp_path: Path, profile: str) -> None:
    """Made by Keeper, attested by Cooler; twenty coins paid out with change; Bitcoin Core's code agrees."""

    async def story(house: House) -> None:
        record = await house.wallet("w1", profile)
        raw = psbt(record, house.coins(record, 20))
        done = await house.both_sign(record, payment(record, raw))
        assert len(done.tx.inputs) == 20

    told(tmp_path, story)


@pytest.mark.parametrize("kind", ScriptKind)
@pytest.mark.parametrize("pooled", [False, True], ids=["own", "pool"])
def test_coins_of_every_script_and_branch_are_signed_for(
    tmp_path: Path, kind: ScriptKind, pooled: bool
) -> None:
    """Of all three cosigners' branches, receiving and change, in one draft: each coin by its own leaf."""
    own, pool = profile_of(kind, pooled=False), profile_of(kind, pooled=True)
    ground = replace(Ground.new(tmp_path), rules={"profile": own, "pool_profile": pool})

    async def story(house: House) -> None:
        record = await house.wallet("w1", pool if pooled else own)
        wallet = wallet_of(record)
        places = [
            Place(cosigner, change, index, wallet.number)
            for cosigner in range(3)
            for change in (RECEIVING, CHANGE)
            for index in (0, 5)
        ]
        coins = [coin_at(wallet.owned(place), salt) for salt, place in enumerate(places)]
        done = await house.both_sign(record, payment(record, psbt(record, coins)))
        assert len(done.tx.inputs) == len(places)

    told(tmp_path, story, ground)


def test_neither_signature_alone_moves_anything(tmp_path: Path) -> None:
    """Keeper's alone is too few; twice Keeper's is still one key's."""

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        item = payment(record, psbt(record, house.coins(record, 2)))
        (hot,) = await house.sign(KEEPER, item)
        assert isinstance(hot, Signed)
        with pytest.raises(Malformed, match=r"combine\.few"):
            final(record, item.draft, {Role.HOT: hot.signatures})
        with pytest.raises(Malformed, match=r"signature\.owner"):
            final(record, item.draft, {Role.HOT: hot.signatures, Role.COOL: hot.signatures})

    told(tmp_path, story)


def test_a_record_says_where_all_three_keys_come_from(tmp_path: Path) -> None:
    """Cool and cold from their papers, hot from a seed of the wallet's own; its address is the hot branch's
    first, and wallets are numbered from 0."""

    async def story(house: House) -> None:
        records = [await house.wallet(f"w{place}") for place in range(3)]
        for number, record in enumerate(records):
            wallet = wallet_of(record)
            assert record.address == wallet.address(wallet.place(RECEIVING, 0))
            assert [accounts.wallet_number_of(key) for key in record.owners] == [number] * 3
            for paper in (house.cool, house.cold):
                pin = paper.account.pin
                assert record.key(pin.role) == accounts.child_key(pin, number)
        assert len({accounts.account_origin_of(record.key(Role.HOT)) for record in records}) == 3

    told(tmp_path, story)


def test_one_request_gives_every_wallet_its_own_number(tmp_path: Path) -> None:
    """Wallets and a pool in one envelope, one asked for twice: numbers follow each other, the pool has none,
    and asking again gives the same records."""

    async def story(house: House) -> None:
        asked = [wanted("a"), wanted("p", POOL), wanted("b"), wanted("a"), wanted("c")]
        made = await house.create(*asked)
        assert await house.create(*asked) == made
        records = [parse_record(one.record) for one in made if isinstance(one, Attested)]
        numbers = [accounts.wallet_number_of(record.key(Role.HOT)) for record in records]
        assert numbers == [0, None, 1, 0, 2]
        assert made[0] == made[3]
        (other,) = await house.create(wanted("a", owner="somebody"))
        assert code(other) == "wallet.other"
        (both,) = await house.create(wanted("d"))
        assert isinstance(both, Attested)
        assert accounts.wallet_number_of(parse_record(both.record).key(Role.COOL)) == 3

    told(tmp_path, story)


def test_pools_are_few(tmp_path: Path) -> None:
    """The seventeenth pool of a network is refused; wallets of owners are still made."""

    async def story(house: House) -> None:
        made = await house.create(*[wanted(f"p{place}", POOL) for place in range(17)], wanted("w"))
        assert [code(one) for one in made] == ["Attested"] * 16 + ["wallet.pools", "Attested"]
        (again,) = await house.create(wanted("late", POOL))
        assert code(again) == "wallet.pools"

    told(tmp_path, story)


def test_a_profile_the_policy_does_not_name_is_refused(tmp_path: Path) -> None:
    """Only the policy's own two profiles are made; nothing is stored for another."""

    async def story(house: House) -> None:
        (item,) = await house.create(wanted("w", "bip45-p2sh"))
        assert code(item) == "wallet.profile"
        assert house.keeper.foundation.store.record_count() == 0

    told(tmp_path, story)


def test_what_the_intent_does_not_say_is_not_signed(tmp_path: Path) -> None:
    """A draft that pays somebody else is denied by both signers and nothing is remembered; the honest one of
    the same coins is signed."""

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        coins = house.coins(record, 3)
        stolen = payment(record, psbt(record, coins, to=STRANGER))
        for signer in (KEEPER, COOLER):
            (item,) = await house.sign(signer, stolen)
            assert "effects_equal_intent" in objections(item)
        assert len(house.keeper.drafts) == len(house.cooler.drafts) == 0
        await house.both_sign(record, payment(record, psbt(record, coins)))

    told(tmp_path, story)


def test_rungs_of_a_ladder_are_signed_for_one_intent_and_a_second_intent_is_not(tmp_path: Path) -> None:
    """Three fees for the same coins and payment are one batch of one intent; another intent over one of the
    coins is denied."""

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        coins = house.coins(record, 2)
        rungs = [
            payment(record, psbt(record, coins, fee_sat=fee), name="i-ladder")
            for fee in (5_000, 9_000, 40_000)
        ]
        hot, cool = await house.sign(KEEPER, *rungs), await house.sign(COOLER, *rungs)
        for item, first, second in zip(rungs, hot, cool, strict=True):
            assert isinstance(first, Signed)
            assert isinstance(second, Signed)
            given = {Role.HOT: first.signatures, Role.COOL: second.signatures}
            assert final(record, item.draft, given).tx.inputs
        (again,) = await house.sign(KEEPER, payment(record, psbt(record, coins[:1], units=COIN_SAT // 4)))
        assert "never_twice" in objections(again)
        assert await house.sign(KEEPER, *rungs) == hot

    told(tmp_path, story)
