"""Who has one signer's database, or one signer, moves no coin of a Bitcoin wallet that was not approved."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains import accounts
from keepcool.chains.bitcoin import wallets
from keepcool.chains.bitcoin.psbt import encode_psbt, parse_psbt
from keepcool.cooler import number_memory
from keepcool.core.errors import Breach, Malformed
from keepcool.core.registry import Role, WalletRecord, parse_record
from keepcool.cosigner import cases, signing
from keepcool.cosigner.attest import attest
from keepcool.cosigner.cases import Read
from keepcool.cosigner.known import OwnRegistry
from keepcool.wire.messages import Attested, Failure, Signed, SignItem
from tests.unit.keeper.bitcoin_house import (
    COOLER,
    KEEPER,
    OWN,
    POOL,
    Ground,
    House,
    closed,
    code,
    final,
    opened_house,
    payment,
    psbt,
    told,
    wanted,
)


async def _number_of_next(house: House, name: str) -> int | None:
    (made,) = await house.create(wanted(name))
    assert isinstance(made, Attested), made
    return accounts.wallet_number_of(parse_record(made.record).key(Role.HOT))


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    """Both signers are closed and opened over their files: the next wallet gets the next number, and what was
    made signs as before."""
    ground = Ground.new(tmp_path)

    async def before() -> WalletRecord:
        house = await opened_house(ground)
        with closed(house):
            records = [await house.wallet(name) for name in ("a", "b")]
            return records[1]

    async def after(record: WalletRecord) -> None:
        house = await opened_house(ground)
        with closed(house):
            assert await _number_of_next(house, "c") == 2
            await house.both_sign(record, payment(record, psbt(record, house.coins(record, 2))))

    asyncio.run(after(asyncio.run(before())))


def _begun_anew(ground: Ground) -> None:
    for file in ground.folder.glob("keeper.sqlite*"):
        file.unlink()


@pytest.mark.parametrize("control", [True, False])
def test_a_keeper_that_begins_anew_gets_no_number_attested_twice(
    tmp_path: Path, control: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keeper's database is lost, and its restored self counts from 0: Cooler attests no second wallet under
    number 0. The twin: without its memory it would, and both wallets' cool and cold keys were the same."""
    ground = Ground.new(tmp_path)

    async def story() -> None:
        house = await opened_house(ground)
        with closed(house):
            first = await house.wallet("a")
        _begun_anew(ground)
        if not control:
            monkeypatch.setattr(number_memory.NumberMemory, "check_unique", lambda *_: None)
        # its journal is empty: Cooler has witnessed more of it, so it would sign nothing; but it can attest
        monkeypatch.setattr("keepcool.cosigner.witness.Witness.start", _started)
        house = await opened_house(ground)
        with closed(house):
            (made,) = await house.create(wanted("b"))
            assert isinstance(made, Attested)
            second = parse_record(made.record)
            (answer,) = await house.attest(made)
            assert second.key(Role.COOL) == first.key(Role.COOL)
            assert code(answer) == ("wallet.twice_used" if control else "Attested")
            assert (house.cooler.foundation.store.record(second.wallet) is None) == control

    asyncio.run(story())


async def _started(_: object) -> None:
    """Whoever stole a signer leaves out what stops it."""


def test_a_stolen_keeper_chooses_no_other_wallets_number_or_keys(tmp_path: Path) -> None:
    """Records under Keeper's own attestation, but with a number that is taken, cool and cold keys of two
    numbers, a stranger's account, or a pool's keys under a wallet's profile: none is attested; the honest one
    is."""

    async def story(house: House) -> None:
        await house.wallet("a")
        (made,) = await house.create(wanted("b"))
        assert isinstance(made, Attested)
        honest = parse_record(made.record)
        hot, cool, cold = honest.owners
        zero, pool = house.pins.owner_keys("bitcoin", 0), house.pins.owner_keys("bitcoin", None)
        stranger = replace(cool, public_key=cold.public_key, origin=cold.origin)
        for owners, profile, refused in (
            ((hot, zero[0], cold), OWN, "account.child"),
            ((hot, *zero), OWN, "bitcoin.number"),
            ((hot, stranger, cold), OWN, "account.child"),
            ((hot, *pool), OWN, "bitcoin.number"),
            ((hot, *pool), POOL, "bitcoin.number"),
            (honest.owners, POOL, "bitcoin.number"),
        ):
            forged = replace(honest, owners=owners, profile=profile)
            (answer,) = await house.attest(_attested(house, forged))
            assert code(answer) == refused
        (answer,) = await house.attest(made)
        assert code(answer) == "Attested"

    told(tmp_path, story)


def _attested(house: House, record: WalletRecord) -> Attested:
    """As whoever holds Keeper attests it."""
    signature = attest(house.keeper.foundation.identity, record)
    return Attested(record=record.encoded(), attestations={"keeper": signature})


def _swap_seeds(folder: Path) -> None:
    with sqlite3.connect(folder / "keeper.sqlite") as connection:
        connection.execute(
            "UPDATE sealed_key SET sealed = (SELECT sealed FROM sealed_key WHERE wallet = 'b')"
            " WHERE wallet = 'a'"
        )
    connection.close()


def test_a_seed_in_anothers_row_does_not_open(tmp_path: Path) -> None:
    """Two wallets' sealed seeds exchanged in Keeper's database: a breach, and no signature; wallet b, whose
    row is its own, is signed for."""

    async def story(house: House) -> None:
        first, second = await house.wallet("a"), await house.wallet("b")
        _swap_seeds(tmp_path)
        with pytest.raises(Breach, match=r"keystore\.binding"):
            await house.sign(KEEPER, payment(first, psbt(first, house.coins(first, 1))))
        (done,) = await house.sign(KEEPER, payment(second, psbt(second, house.coins(second, 1))))
        assert isinstance(done, Signed)

    told(tmp_path, story)


def test_a_seed_that_is_not_the_records_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with neither seal bound to its wallet, a foreign seed gives another key than the record's: nothing
    is released. The twin is wallet b, whose own seed it is."""

    async def story(house: House) -> None:
        first, second = await house.wallet("a"), await house.wallet("b")
        place = house.keeper.keyring._place
        monkeypatch.setattr(house.keeper.keyring, "_place", lambda _: place(second))
        (row,) = house.keeper.foundation.store.keys([("b", second.network, "hot")])
        assert row is not None
        with sqlite3.connect(tmp_path / "keeper.sqlite") as connection:
            connection.execute(
                "UPDATE sealed_key SET public_key = ? WHERE wallet = 'b'", (first.key(Role.HOT).origin,)
            )
        connection.close()
        with pytest.raises(Breach, match=r"hazmat\.wrong_seed"):
            await house.sign(KEEPER, payment(first, psbt(first, house.coins(first, 1))))
        with sqlite3.connect(tmp_path / "keeper.sqlite") as connection:
            connection.execute("UPDATE sealed_key SET public_key = ? WHERE wallet = 'b'", (row.public_key,))
        connection.close()
        (done,) = await house.sign(KEEPER, payment(second, psbt(second, house.coins(second, 1))))
        assert isinstance(done, Signed)

    told(tmp_path, story)


def test_one_wallets_coins_are_not_spent_in_anothers_name(tmp_path: Path) -> None:
    """A draft of wallet a's coins under wallet b's name is not understood by either signer; under its own it
    is signed. Both have one cool and cold account."""

    async def story(house: House) -> None:
        first, second = await house.wallet("a"), await house.wallet("b")
        raw = psbt(first, house.coins(first, 2))
        for signer in (KEEPER, COOLER):
            (answer,) = await house.sign(signer, payment(second, raw))
            assert code(answer) == "psbt.input_foreign"
        await house.both_sign(first, payment(first, raw))

    told(tmp_path, story)


@pytest.mark.parametrize("leaf", [(0, 0, 9), (2, 1, 0), (1, 0, 77)])
def test_a_leaf_that_is_not_the_coins_unlocks_nothing(
    tmp_path: Path, leaf: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a decoder to name another leaf of the record, the signature would be of a key the coin does not
    have, and combining refuses it; with the right leaf it unlocks."""

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        item = payment(record, psbt(record, house.coins(record, 1)))
        read = cases.read_items

        def misled(items: Sequence[SignItem], registry: OwnRegistry) -> list[Read | Failure]:
            (one,) = read(items, registry)
            assert isinstance(one, Read)
            return [replace(one, effects=replace(one.effects, leaves=(leaf,)))]

        with monkeypatch.context() as patched:
            patched.setattr(signing, "read_items", misled)
            (wrong,) = await house.sign(KEEPER, item)
        assert isinstance(wrong, Signed)
        (right,) = await house.sign(KEEPER, item)
        (cool,) = await house.sign(COOLER, item)
        assert isinstance(right, Signed)
        assert isinstance(cool, Signed)
        with pytest.raises(Malformed, match=r"signature\.owner"):
            final(record, item.draft, {Role.HOT: wrong.signatures, Role.COOL: cool.signatures})
        final(record, item.draft, {Role.HOT: right.signatures, Role.COOL: cool.signatures})

    told(tmp_path, story)


def test_change_to_a_strangers_keys_is_a_payment_nobody_asked_for(tmp_path: Path) -> None:
    """A change output that claims our origins but is not our script refuses the draft."""

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        coins = house.coins(record, 2)
        honest = parse_psbt(psbt(record, coins))
        place = next(at for at, one in enumerate(honest.outputs) if one.keypaths)
        outputs = list(honest.tx.outputs)
        outputs[place] = replace(outputs[place], script=b"\x00\x20" + os.urandom(32))
        forged = encode_psbt(replace(honest, tx=replace(honest.tx, outputs=tuple(outputs))))
        for signer in (KEEPER, COOLER):
            (answer,) = await house.sign(signer, payment(record, forged))
            assert code(answer).startswith("psbt.")
        assert wallets.wallet_of(record).own()(outputs[place].script, ()) is None
        await house.both_sign(record, payment(record, psbt(record, coins)))

    told(tmp_path, story)
