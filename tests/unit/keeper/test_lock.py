"""Keeper's lock: without the operator a pool is not signed for, whoever has the machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from nacl.pwhash import argon2id

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Breach, Conflict, Malformed, Refused
from keepcool.core.secret import Secret
from keepcool.cosigner import control as commands
from keepcool.cosigner.keyring import as_it_lies
from keepcool.hazmat import passphrase
from keepcool.hazmat.passphrase import Stretching, checked, stretched
from keepcool.keeper import control
from keepcool.keeper.control import Verb
from keepcool.keeper.lock import WINDOW_S_MAX
from keepcool.keeper.lock_terms import LockTerms, encode_terms, lock_of, new_lock, parse_terms
from keepcool.wire.messages import Attested, Signed, StatusAnswer, StatusRequest
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

KEY = bytes(range(32))


def key(raw: bytes = KEY) -> Secret:
    return Secret(bytearray(raw))


def terms() -> LockTerms:
    return lock_of(key(), SystemEntropy())


def locked_ground(folder: Path) -> Ground:
    return replace(Ground.new(folder), terms=terms())


def test_a_locked_pool_is_signed_for_in_the_window_alone(tmp_path: Path) -> None:
    """Locked: refused by name, nothing remembered, and the wallet of an owner beside it is signed for.
    Unlocked: signed. Locked again: even the same request gets no signature."""

    async def story(house: House) -> None:
        house.lock.unlock(key(), 600)
        pool, own = await house.wallet("p", POOL), await house.wallet("w")
        item = payment(pool, psbt(pool, house.coins(pool, 2)))
        other = payment(own, psbt(own, house.coins(own, 1)))
        house.lock.lock()
        refused, signed = await house.sign(KEEPER, item, other)
        assert (code(refused), type(signed)) == ("keeper.locked", Signed)
        assert len(house.keeper.drafts) == 1
        house.lock.unlock(key(), 600)
        await house.both_sign(pool, item)
        house.lock.lock()
        (again,) = await house.sign(KEEPER, item)
        assert code(again) == "keeper.locked"

    told(tmp_path, story, locked_ground(tmp_path))


def test_a_locked_pool_is_made_in_the_window_alone(tmp_path: Path) -> None:
    """Without the key there is nothing to seal with: no pool, and no pool that is sealed less; wallets of
    owners are made all the time."""

    async def story(house: House) -> None:
        refused, own = await house.create(wanted("p", POOL), wanted("w"))
        assert (code(refused), type(own)) == ("keeper.locked", Attested)
        assert house.keeper.foundation.store.record_count() == 1
        house.lock.unlock(key(), 600)
        (pool,) = await house.create(wanted("p", POOL))
        assert isinstance(pool, Attested)

    told(tmp_path, story, locked_ground(tmp_path))


def test_the_rows_say_what_is_locked_not_the_settings(tmp_path: Path) -> None:
    """A pool made before the lock is signed for as before; one made under it stays locked when the setting is
    taken back. The twin: a keyring that leaves the third seal alone gets no key from it."""
    ground = Ground.new(tmp_path)

    async def story() -> None:
        house = await opened_house(ground)
        with closed(house):
            before = await house.wallet("before", POOL)
        under = replace(ground, terms=terms())
        house = await opened_house(under)
        with closed(house):
            house.lock.unlock(key(), 600)
            locked = await house.wallet("locked", POOL)
            house.lock.lock()
            await house.both_sign(before, payment(before, psbt(before, house.coins(before, 1))))
        house = await opened_house(under)
        with closed(house):
            house.lock.networks = frozenset()
            item = payment(locked, psbt(locked, house.coins(locked, 1)))
            (refused,) = await house.sign(KEEPER, item)
            assert code(refused) == "keeper.locked"
            house.keeper.keyring._unlocked = as_it_lies
            with pytest.raises(Breach, match=r"hazmat\.seed"):
                await house.keeper.keyring.unseal([locked], "test")

    asyncio.run(story())


def test_a_row_renamed_to_look_unlocked_opens_nothing(tmp_path: Path) -> None:
    """Whoever writes into Keeper's database and calls the locked row an ordinary one gets a breach; called as
    it was, and unlocked, it signs."""

    def rename(purpose: str) -> None:
        with sqlite3.connect(tmp_path / "keeper.sqlite") as connection:
            connection.execute("UPDATE sealed_key SET purpose = ? WHERE wallet = 'p'", (purpose,))
        connection.close()

    async def story(house: House) -> None:
        house.lock.unlock(key(), 600)
        pool = await house.wallet("p", POOL)
        house.lock.lock()
        item = payment(pool, psbt(pool, house.coins(pool, 1)))
        rename("hot")
        with pytest.raises(Breach, match=r"keystore\.binding"):
            await house.sign(KEEPER, item)
        rename("hot-locked")
        house.lock.unlock(key(), 600)
        await house.both_sign(pool, item)

    told(tmp_path, story, locked_ground(tmp_path))


def test_a_window_ends_by_itself(tmp_path: Path) -> None:
    """After its time the key is wiped, by the loop's timer even when the wall clock stands still."""

    async def story(house: House) -> None:
        house.lock.unlock(key(), 1)
        window = house.lock._window
        assert window is not None
        for _ in range(1800):
            if house.lock.until_ms is None:
                break
            await asyncio.sleep(0.05)
        assert house.lock.stated == "locked"
        with pytest.raises(ValueError, match="wiped"):
            window.key.unseal(b"\x01" + bytes(60), house.lock.place(await house.wallet("w")))

    told(tmp_path, story, locked_ground(tmp_path))


def test_a_wrong_key_and_an_endless_window_open_nothing(tmp_path: Path) -> None:
    """Neither changes how the lock stands, locked or open."""

    async def story(house: House) -> None:
        for raw, for_s, refused in (
            (os.urandom(32), 60, "keeper.passphrase"),
            (KEY, 0, "keeper.window"),
            (KEY, WINDOW_S_MAX + 1, "keeper.window"),
        ):
            with pytest.raises(Refused, match=refused.replace(".", r"\.")):
                house.lock.unlock(key(raw), for_s)
            assert house.lock.stated == "locked"
        until_ms = house.lock.unlock(key(), 60)
        with pytest.raises(Refused):
            house.lock.unlock(key(os.urandom(32)), 600)
        assert house.lock.until_ms == until_ms

    told(tmp_path, story, locked_ground(tmp_path))


async def _status(house: House) -> str:
    answer = await house.ask(KEEPER, "status.v1", StatusRequest())
    assert isinstance(answer, StatusAnswer)
    assert house.keeper.health().get("pools", "") == answer.lock
    return answer.lock


def test_status_tells_how_the_lock_stands(tmp_path: Path) -> None:
    """Over the bus and in the health file."""

    async def story(house: House) -> None:
        assert await _status(house) == "locked"
        until_ms = house.lock.unlock(key(), 60)
        assert await _status(house) == f"unlocked until {until_ms // 1000}"

    told(tmp_path, story, locked_ground(tmp_path))


def test_a_keeper_without_a_lock_says_nothing_of_it(tmp_path: Path) -> None:
    """No passphrase was set: its status and health name no lock, and there is nothing to open."""

    async def story(house: House) -> None:
        assert not await _status(house)
        with pytest.raises(Refused, match=r"keeper\.no_lock"):
            house.lock.unlock(key(), 60)

    told(tmp_path, story)


def test_the_hosts_frames_do_what_they_say(tmp_path: Path) -> None:
    """Unlock, state, lock; a wrong key, another length and an unknown command come back as errors."""

    async def story(house: House) -> None:
        async def said(frame: Secret) -> str:
            with frame, frame.opened() as raw:
                return commands.understood(await commands.answer(control.deeds(house.lock), raw))

        assert await said(control.frame(Verb.STATE)) == "locked"
        assert (await said(control.frame(Verb.UNLOCK, 60, key()))).startswith("unlocked until ")
        assert await said(control.frame(Verb.LOCK)) == "locked"
        with pytest.raises(Refused, match=r"keeper\.passphrase"):
            await said(control.frame(Verb.UNLOCK, 60, key(os.urandom(32))))
        for raw, wrong in ((bytes([Verb.UNLOCK]) + bytes(67), "body"), (b"\x09" + bytes(68), "verb")):
            with pytest.raises(Malformed, match=f"control.{wrong}"):
                await said(Secret(bytearray(raw)))
        assert await said(control.frame(Verb.STATE)) == "locked"

    told(tmp_path, story, locked_ground(tmp_path))


def words(text: str) -> Secret:
    return checked(bytearray(text.encode()))


ANNA, BORIS, NEW = "anna's passphrase", "boris' passphrase", "anna's new passphrase"


def same(left: Secret, right: Secret) -> bool:
    with left.opened() as one, right.opened() as other:
        return one == other


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase becomes a key by one hash: what is tested is what becomes of the key."""

    def stretched(given: Secret, by: Stretching) -> Secret:
        with given.opened() as raw:
            return Secret(bytearray(hashlib.sha256(by.salt + raw).digest()))

    monkeypatch.setattr(passphrase, "stretched", stretched)


@pytest.mark.slow
def test_a_key_is_argon2s_over_passphrase_and_salt() -> None:
    """The same by another implementation of RFC 9106, at the cost that is written down."""
    by = Stretching(bytes(range(16)), 3, 2**28)
    other = Argon2id(salt=by.salt, length=32, iterations=3, lanes=1, memory_cost=2**18)
    assert same(stretched(words(ANNA), by), key(other.derive(ANNA.encode())))


@pytest.mark.usefixtures("quick")
def test_every_operator_has_a_passphrase_of_his_own() -> None:
    """The lock's key opens with either, not with one in the other's name; after a change with the new one
    alone, and no longer for one who was removed. The key is the same all along."""
    entropy = SystemEntropy()
    first = new_lock("anna", words(ANNA), entropy)
    opened = first.key("anna", words(ANNA))
    both = first.with_operator("boris", words(BORIS), opened, entropy)
    assert same(both.key("boris", words(BORIS)), opened)
    changed = both.with_operator("anna", words(NEW), opened, entropy).without_operator("boris")
    assert same(changed.key("anna", words(NEW)), opened)
    for terms_, operator, given in (
        (both, "anna", BORIS),
        (changed, "anna", ANNA),
        (changed, "boris", BORIS),
    ):
        with pytest.raises(Refused, match=r"keeper\.(passphrase|operator)"):
            terms_.key(operator, words(given))
    exchanged = replace(both, slots={"anna": both.slots["boris"], "boris": both.slots["anna"]})
    with pytest.raises(Refused, match=r"keeper\.passphrase"):
        exchanged.key("anna", words(BORIS))


@pytest.mark.usefixtures("quick")
def test_the_last_operator_stays_and_names_are_plain() -> None:
    """A lock nobody opens would be worse than none."""
    lock = new_lock("anna", words(ANNA), SystemEntropy())
    with pytest.raises(Conflict, match=r"keeper\.operators"):
        lock.without_operator("anna")
    with pytest.raises(Refused, match=r"keeper\.operator"):
        lock.without_operator("boris")
    with pytest.raises(Malformed, match=r"keeper\.operator"):
        lock.with_operator("An na", words(ANNA), key(), SystemEntropy())


@pytest.mark.usefixtures("quick")
def test_the_locks_file_survives_and_cannot_be_made_cheap() -> None:
    """What is written is read again; a lowered cost, another salt length, an unknown field or version is
    refused."""
    made = new_lock("anna", words(ANNA), SystemEntropy())
    raw = encode_terms(made)
    assert parse_terms(raw) == made
    plain = msgspec.json.decode(raw)
    slot = plain["operators"]["anna"]
    for change, refused in (
        ({"operators": {"anna": slot | {"operations": 1}}}, "lock.cost"),
        ({"operators": {"anna": slot | {"memory_bytes": argon2id.MEMLIMIT_MIN}}}, "lock.cost"),
        ({"operators": {"anna": slot | {"salt": "00"}}}, "lock.salt"),
        ({"operators": {"anna": slot | {"salt": "zz"}}}, "lock.file"),
        ({"version": 2}, "lock.version"),
        ({"more": 1}, "lock.file"),
    ):
        with pytest.raises(Malformed, match=refused.replace(".", r"\.")):
            parse_terms(msgspec.json.encode(plain | change))


async def _locking_cover(house: House) -> None:
    house.lock.lock()


def test_a_window_that_ends_while_a_request_waits_gives_no_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged and remembered, then locked before the key is opened: refused; asked again in a window it is
    signed under the same row."""

    async def story(house: House) -> None:
        house.lock.unlock(key(), 600)
        pool = await house.wallet("p", POOL)
        item = payment(pool, psbt(pool, house.coins(pool, 1)))
        with monkeypatch.context() as patched:
            patched.setattr(house.keeper.witness, "cover", lambda _: _locking_cover(house))
            with pytest.raises(Refused, match=r"keeper\.locked"):
                await house.sign(KEEPER, item)
        assert len(house.keeper.drafts) == 1
        house.lock.unlock(key(), 600)
        await house.both_sign(pool, item)
        assert len(house.keeper.drafts) == 1

    told(tmp_path, story, locked_ground(tmp_path))


def test_a_short_passphrase_is_refused() -> None:
    """Eleven characters are too few, twelve will do; what is no text is none."""
    with pytest.raises(Refused, match=r"lock\.passphrase"):
        checked(bytearray(b"elevenchars"))
    checked(bytearray(b"twelve chars")).wipe()
    with pytest.raises(Malformed, match=r"lock\.passphrase"):
        checked(bytearray(b"\xff" * 20))
    with pytest.raises(Malformed, match=r"lock\.cost"):
        Stretching(bytes(16), 2, 2**28)
