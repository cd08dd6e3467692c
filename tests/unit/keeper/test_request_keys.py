"""Hot keys under a key of their own: without it Keeper signs nothing with them, a wrong one is nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.minter.payouts import pay
from keepcool.core.errors import Malformed
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.registry import Role
from keepcool.cosigner.journal import walk
from keepcool.cosigner.keyring import SealedKeyring, as_it_lies
from keepcool.keeper.request_keys import FREE, KEYED, keyed_place
from keepcool.ports.keystore import CHECK
from keepcool.wire.messages import Attested, CreateWallets, Failure, Signed, SignRequest
from keepcool.wire.requestkeys import NO_KEYS, Keys
from keepcool.wire.resealing import ResealAnswer, Resealed, ResealItem, ResealWallets
from tests.unit.cosigner.house import Shelf
from tests.unit.keeper import minter_house
from tests.unit.keeper.bitcoin_house import (
    KEEPER,
    POOL,
    Ground,
    House,
    closed,
    code,
    opened_house,
    payment,
    psbt,
    told,
    wanted,
)
from tests.unit.keeper.test_lock import key, terms

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def keyed(folder: Path) -> Ground:
    return replace(Ground.new(folder), request_keys=True)


def of(wallet: str, raw: bytes = KEY) -> Keys:
    return Keys({wallet: raw})


async def resealed(house: House, wallet: str, before: bytes, after: bytes) -> Resealed | Failure:
    answer = await house.ask(
        KEEPER,
        "wallets.reseal.v1",
        ResealWallets(items=[ResealItem(wallet=wallet, before=before, after=after)]),
    )
    assert isinstance(answer, ResealAnswer)
    return answer.items[0]


def test_it_is_signed_for_with_its_key_alone(tmp_path: Path) -> None:
    """No key, or another: refused by name, nothing is remembered, nothing opened; with it: signed, and
    another wallet's refusal does not hold it back."""

    async def story(house: House) -> None:
        one = await house.wallet("w", keys=of("w"))
        two = await house.wallet("v", keys=of("v", OTHER))
        item, other = (payment(it, psbt(it, house.coins(it, 2))) for it in (one, two))
        shelf, head = house.keeper.foundation.keystore, house.keeper.journal.committed
        assert isinstance(shelf, Shelf)
        opened = list(shelf.openings)
        for keys in (NO_KEYS, of("w", OTHER), of("v", OTHER)):
            (refused,) = await house.sign(KEEPER, item, keys=keys)
            assert code(refused) == "keeper.request_key"
        assert (house.keeper.journal.committed, len(house.keeper.drafts)) == (head, 0)
        assert shelf.openings == opened
        refused, signed = await house.sign(KEEPER, item, other, keys=Keys({"w": OTHER, "v": OTHER}))
        assert (code(refused), type(signed)) == ("keeper.request_key", Signed)
        (hot,) = await house.sign(KEEPER, item, keys=of("w"))
        assert isinstance(hot, Signed), hot
        (cool,) = await house.sign(house.cooler.foundation.own.service, item)
        assert isinstance(cool, Signed), cool

    told(tmp_path, story, keyed(tmp_path))


def test_a_stolen_machine_does_not_open_it(tmp_path: Path) -> None:
    """With Keeper's database, keystore and inner key, all of them open, the hot key stays shut; the twin
    without this seal falls."""

    async def falls(house: House, keys: Keys) -> bool:
        record = await house.wallet("w", keys=keys)
        found = house.keeper.foundation
        place = keyed_place(record) if keys is not NO_KEYS else house.lock.place(record)
        ring = SealedKeyring(
            found.store, found.keystore, found.inner, Role.HOT, lambda _: place, unlocked=as_it_lies
        )
        (stolen,) = await ring.open([place], "theft")
        with stolen, stolen.opened() as raw:
            return len(raw) == 32

    async def shut(house: House) -> None:
        assert not await falls(house, of("w"))

    async def open_to_all(house: House) -> None:
        assert await falls(house, NO_KEYS)

    for name, story, ground in (
        ("sealed", shut, keyed(tmp_path / "sealed")),
        ("bare", open_to_all, Ground.new(tmp_path / "bare")),
    ):
        (tmp_path / name).mkdir()
        told(tmp_path / name, story, ground)


def test_no_wallet_is_made_without_its_key(tmp_path: Path) -> None:
    """Where keys come with requests a wallet without one is refused, and its neighbour in the request is
    made; asked for again with any key it stays as it was made."""

    async def story(house: House) -> None:
        refused, made = await house.create(wanted("w"), wanted("v"), keys=of("v"))
        assert (code(refused), type(made)) == ("keeper.request_key", Attested)
        assert house.keeper.foundation.store.record_count() == 1
        (again,) = await house.create(wanted("v"), keys=of("v", OTHER))
        assert again == made
        record = await house.wallet("v", keys=of("v"))
        item = payment(record, psbt(record, house.coins(record, 1)))
        (signed,) = await house.sign(KEEPER, item, keys=of("v"))
        assert isinstance(signed, Signed)

    told(tmp_path, story, keyed(tmp_path))


def test_a_key_is_refused_where_nobody_chose_it(tmp_path: Path) -> None:
    """Without the profile a key that comes is refused, and no wallet is made."""

    async def story(house: House) -> None:
        (refused,) = await house.create(wanted("w"), keys=of("w"))
        assert code(refused) == "keeper.request_keys_off"
        assert house.keeper.foundation.store.record_count() == 0
        assert code(await resealed(house, "w", KEY, OTHER)) == "wallet.unknown"

    told(tmp_path, story)


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33)])
def test_refuses_a_key_of_another_length(tmp_path: Path, raw: bytes) -> None:
    """What is no key is malformed, before anything is made or signed."""

    async def story(house: House) -> None:
        for typ, body in (
            ("wallets.create.v1", CreateWallets(wallets=[wanted("w")], keys=of("w", raw))),
            ("sign.v1", SignRequest(items=[], keys=of("w", raw))),
        ):
            with pytest.raises(Malformed):
                await house.ask(KEEPER, typ, body)
        assert house.keeper.foundation.store.record_count() == 0

    told(tmp_path, story, keyed(tmp_path))


def test_a_changed_key_opens_and_the_old_one_does_not(tmp_path: Path) -> None:
    """After the change only the new key signs; asked again the change is done already; the journal tells of
    it; after a restart all of it holds."""
    ground = keyed(tmp_path)

    async def change(house: House) -> None:
        record = await house.wallet("w", keys=of("w"))
        assert isinstance(await resealed(house, "w", KEY, OTHER), Resealed)
        assert isinstance(await resealed(house, "w", KEY, OTHER), Resealed)
        item = payment(record, psbt(record, house.coins(record, 2)))
        (refused,) = await house.sign(KEEPER, item, keys=of("w"))
        assert code(refused) == "keeper.request_key"
        (signed,) = await house.sign(KEEPER, item, keys=of("w", OTHER))
        assert isinstance(signed, Signed)
        kinds = [entry.kind for entry in walk(house.keeper.foundation.store)]
        assert kinds.count("reseal") == 2

    async def later(house: House) -> None:
        assert code(await resealed(house, "w", KEY, bytes(32))) == "keeper.request_key"
        assert isinstance(await resealed(house, "w", OTHER, KEY), Resealed)

    told(tmp_path, change, ground)
    told(tmp_path, later, ground)


def test_refuses_to_change_a_key_with_a_wrong_one_and_nothing_changed(tmp_path: Path) -> None:
    """Neither row nor journal move for a wrong key, a wallet nobody knows, or a key that is none."""

    async def story(house: House) -> None:
        record = await house.wallet("w", keys=of("w"))
        store, head = house.keeper.foundation.store, house.keeper.journal.committed
        wanted_rows = [(record.wallet, record.network, purpose) for purpose in (KEYED, KEYED + CHECK)]
        rows = store.keys(wanted_rows)
        assert None not in rows
        assert code(await resealed(house, "w", OTHER, bytes(32))) == "keeper.request_key"
        assert code(await resealed(house, "x", KEY, OTHER)) == "wallet.unknown"
        assert code(await resealed(house, "w", KEY, b"short")) == "keys.request_key"
        assert (store.keys(wanted_rows), house.keeper.journal.committed) == (rows, head)

    told(tmp_path, story, keyed(tmp_path))


def test_guessing_is_slowed_down_for_each_wallet(tmp_path: Path) -> None:
    """After a few wrong keys the next is not looked at for a while, be it right; other wallets are."""

    async def story(house: House) -> None:
        one, two = await house.wallet("w", keys=of("w")), await house.wallet("v", keys=of("v"))
        item, other = (payment(it, psbt(it, house.coins(it, 1))) for it in (one, two))
        for _ in range(FREE):
            (refused,) = await house.sign(KEEPER, item, keys=of("w", os.urandom(32)))
            assert code(refused) == "keeper.request_key"
        held, signed = await house.sign(KEEPER, item, other, keys=Keys({"w": KEY, "v": KEY}))
        assert (code(held), type(signed)) == ("keeper.request_key", Signed)
        assert isinstance(held, Failure)
        assert "too many" in held.problem.text

    told(tmp_path, story, keyed(tmp_path))


def test_who_keeps_a_changed_key_does_not_bar_who_brings_the_right_one(tmp_path: Path) -> None:
    """App died after Keeper took another key and sends the old one with every payment, ever again: that is
    one guess, so the same change asked for again is done, and the right key signs. Its twin, a new guess
    each time, bars all of them."""

    async def story(house: House) -> None:
        one, two = await house.wallet("w", keys=of("w")), await house.wallet("v", keys=of("v"))
        for wallet in ("w", "v"):
            assert isinstance(await resealed(house, wallet, KEY, OTHER), Resealed)
        item, twin = (payment(it, psbt(it, house.coins(it, 1))) for it in (one, two))
        for _ in range(2 * FREE):
            (refused,) = await house.sign(KEEPER, item, keys=of("w"))
            (barred,) = await house.sign(KEEPER, twin, keys=of("v", os.urandom(32)))
            assert (code(refused), code(barred)) == ("keeper.request_key", "keeper.request_key")
        assert isinstance(await resealed(house, "w", KEY, OTHER), Resealed)
        assert code(await resealed(house, "v", KEY, OTHER)) == "keeper.request_key"
        signed, held = await house.sign(KEEPER, item, twin, keys=Keys({"w": OTHER, "v": OTHER}))
        assert (type(signed), code(held)) == (Signed, "keeper.request_key")

    told(tmp_path, story, keyed(tmp_path))


def test_a_key_that_was_wrong_once_opens_when_it_has_become_the_one(tmp_path: Path) -> None:
    """A guess that is remembered as wrong is looked at again after a change."""

    async def story(house: House) -> None:
        record = await house.wallet("w", keys=of("w"))
        item = payment(record, psbt(record, house.coins(record, 1)))
        (refused,) = await house.sign(KEEPER, item, keys=of("w", OTHER))
        assert code(refused) == "keeper.request_key"
        assert isinstance(await resealed(house, "w", KEY, OTHER), Resealed)
        (signed,) = await house.sign(KEEPER, item, keys=of("w", OTHER))
        assert isinstance(signed, Signed)

    told(tmp_path, story, keyed(tmp_path))


def test_a_locked_pool_keeps_its_lock(tmp_path: Path) -> None:
    """Where pools are locked a pool gets the operator's seal and no key of its own, though App, which does
    not know of locks, sends one with it as with every new wallet; then the window alone opens it."""
    ground = replace(keyed(tmp_path), terms=terms())

    async def story(house: House) -> None:
        house.lock.unlock(key(), 600)
        record = await house.wallet("p", POOL, keys=of("p"))
        item = payment(record, psbt(record, house.coins(record, 1)))
        house.lock.lock()
        (locked,) = await house.sign(KEEPER, item, keys=of("p"))
        assert code(locked) == "keeper.locked"
        house.lock.unlock(key(), 600)
        (signed,) = await house.sign(KEEPER, item, keys=of("p", OTHER))
        assert isinstance(signed, Signed)

    told(tmp_path, story, ground)


def test_what_the_key_is_known_by_is_worth_nothing_without_keepers_own(tmp_path: Path) -> None:
    """The check in the database is another under another inner key, so a stolen database tries nothing."""
    ground = keyed(tmp_path)

    async def checked(house: House) -> bytes:
        record = await house.wallet("w", keys=of("w"))
        (row,) = house.keeper.foundation.store.keys([(record.wallet, record.network, KEYED + CHECK)])
        assert row is not None
        return row.sealed

    import asyncio

    async def whole(ground: Ground) -> bytes:
        house = await opened_house(ground)
        with closed(house):
            return await checked(house)

    (tmp_path / "other").mkdir()
    other = replace(ground, folder=tmp_path / "other", inner={one: os.urandom(32) for one in ground.inner})
    assert asyncio.run(whole(ground)) != asyncio.run(whole(other))


def test_keys_stand_in_no_text() -> None:
    """What a message shows of itself has no key in it."""
    for shown in (
        repr(of("w")),
        repr(ResealItem(wallet="w", before=KEY, after=OTHER)),
        repr(SignRequest(items=[], keys=of("w"))),
    ):
        assert repr(KEY)[2:-1] not in shown
        assert KEY.hex() not in shown


def test_a_wallet_that_is_reserved_first_has_its_key_as_well(tmp_path: Path) -> None:
    """On Minter the key comes with the reservation: none is refused and nothing reserved, and the wallet is
    signed for with its own key alone."""

    async def story(house: minter_house.House) -> None:
        item = minter_house.wanted("w", (await house.creators())[0], 1)
        (refused,) = await house.reserve(item)
        assert code(refused) == "keeper.request_key"
        record = await house.wallet("w", keys=of("w"))
        coin, customer = minter_house.COIN, minter_house.CUSTOMER
        draft = pay(network=minter_house.NETWORK, nonce=1, outputs=[Output(customer, Amount(coin, 5))])
        asked = minter_house.payment(record, draft.preimage(), customer, 5)
        (wrong,) = await house.sign(KEEPER, asked, keys=of("w", OTHER))
        assert code(wrong) == "keeper.request_key"
        (signed,) = await house.sign(KEEPER, asked, keys=of("w"))
        assert isinstance(signed, Signed)

    minter_house.told(tmp_path, story, request_keys=True)
