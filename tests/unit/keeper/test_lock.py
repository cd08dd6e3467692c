"""Keeper's lock: without the operator a pool is not signed for, whoever has the machine."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from nacl.pwhash import argon2id

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Breach, Malformed, Refused
from keepcool.core.secret import Secret
from keepcool.cosigner.keyring import as_it_lies
from keepcool.hazmat.passphrase import Stretching, checked, new_stretching
from keepcool.keeper import control
from keepcool.keeper.control import Verb
from keepcool.keeper.lock import WINDOW_S_MAX, LockTerms, encode_terms, new_terms, parse_terms
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
    entropy = SystemEntropy()
    return new_terms(new_stretching(entropy), key(), entropy)


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
    """Unlock, state, lock; a wrong key and an unknown verb come back as errors."""

    async def story(house: House) -> None:
        def said(frame: Secret) -> str:
            with frame, frame.opened() as raw:
                return control.understood(control.answer(house.lock, raw))

        assert said(control.frame(Verb.STATE)) == "locked"
        assert said(control.frame(Verb.UNLOCK, 60, key())).startswith("unlocked until ")
        assert said(control.frame(Verb.LOCK)) == "locked"
        with pytest.raises(Refused, match=r"keeper\.passphrase"):
            said(control.frame(Verb.UNLOCK, 60, key(os.urandom(32))))
        with pytest.raises(Malformed, match=r"control\.verb"):
            said(Secret(bytearray(b"\x09" + bytes(36))))

    told(tmp_path, story, locked_ground(tmp_path))


def test_the_locks_file_survives_and_cannot_be_made_cheap() -> None:
    """What is written is read again; a lowered cost, another salt length, an unknown field or version is
    refused."""
    made = terms()
    raw = encode_terms(made)
    assert parse_terms(raw) == made
    plain = msgspec.json.decode(raw)
    for change, refused in (
        ({"operations": 1}, "lock.cost"),
        ({"memory_bytes": argon2id.MEMLIMIT_MIN}, "lock.cost"),
        ({"salt": "00"}, "lock.salt"),
        ({"salt": "zz"}, "lock.file"),
        ({"version": 2}, "lock.version"),
        ({"more": 1}, "lock.file"),
    ):
        with pytest.raises(Malformed, match=refused.replace(".", r"\.")):
            parse_terms(msgspec.json.encode(plain | change))


def test_a_short_passphrase_is_refused() -> None:
    """Eleven characters are too few, twelve will do; what is no text is none."""
    with pytest.raises(Refused, match=r"lock\.passphrase"):
        checked(bytearray(b"elevenchars"))
    checked(bytearray(b"twelve chars")).wipe()
    with pytest.raises(Malformed, match=r"lock\.passphrase"):
        checked(bytearray(b"\xff" * 20))
    with pytest.raises(Malformed, match=r"lock\.cost"):
        Stretching(bytes(16), 2, 2**28)
