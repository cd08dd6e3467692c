"""The keystore's key is renewed in bounded batches, while rows are used, and whatever dies is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.localkeystore.form import FLOOR
from keepcool.adapters.localkeystore.keystore import LocalKeystore, create
from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Conflict, Refused
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.cosigner import control
from keepcool.cosigner.opening import by_command, frame
from keepcool.cosigner.rewrapping import BATCH, Rewrapping, rewrap_frame, standing_frame
from keepcool.cosigner.underway import Underway
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import Change, Resealed, SealedKey

COUNT = 2 * BATCH + 7
WORDS = b"correct horse battery staple"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Rewrapping]:
    words = Secret(bytearray(WORDS))
    create(tmp_path / "k", words, SystemEntropy(), FLOOR)
    keystore = LocalKeystore.opened(tmp_path / "k", words, SystemEntropy(), 0)
    store = open_store(tmp_path / "keeper.sqlite")
    asyncio.run(filled(store, keystore))
    yield Rewrapping(Service.KEEPER, store, keystore, Underway())
    store.close()


def bound(number: int) -> Bound:
    return Bound("keeper", f"w-{number:04}", "eip155:1", "hot")


async def filled(store: SqliteSignerStore, keystore: LocalKeystore) -> None:
    sealed = await keystore.seal([(bound(n), f"secret {n}".encode()) for n in range(COUNT)])
    rows = [SealedKey(f"w-{n:04}", "eip155:1", "hot", "02", one) for n, one in enumerate(sealed)]
    await store.commit(Change(keys=tuple(rows)))


async def through(kept: Rewrapping, after: list[str] | None = None) -> list[int]:
    """All batches from a place on; how many rows each sealed anew."""
    done, place = [], after or []
    while True:
        at = (place[0], place[1], place[2]) if place else ("", "", "")
        progress = await kept.batch(at)
        done.append(progress.rewrapped)
        place = progress.after
        if not place:
            return done


def test_every_row_is_sealed_anew_in_bounded_batches_and_the_old_key_is_retired(kept: Rewrapping) -> None:
    """After rotation all rows come under the new version, a hundred at a time; then the old one goes."""

    async def story() -> None:
        await kept.keystore.rotate()
        assert (await kept.standing()).rows == {1: COUNT}
        with pytest.raises(Conflict, match=r"keystore\.needed"):
            await kept.retire(2)
        assert await through(kept) == [BATCH, BATCH, 7]
        assert (await kept.retire(2)).rows == {2: COUNT}
        page = kept.store.sealed_keys(("", "", ""), COUNT)
        opened = await kept.keystore.unseal([(bound(n), row.sealed) for n, row in enumerate(page)], "r")
        assert opened == [f"secret {n}".encode() for n in range(COUNT)]

    asyncio.run(story())


def test_what_was_interrupted_is_asked_again_from_anywhere(kept: Rewrapping) -> None:
    """A batch that was done is not done again, whoever died in between; the rest is."""

    async def story() -> None:
        await kept.keystore.rotate()
        first = await kept.batch()
        assert (first.rewrapped, first.looked) == (BATCH, BATCH)
        assert await through(kept) == [0, BATCH, 7]
        assert await through(kept) == [0, 0, 0]

    asyncio.run(story())


def test_refuses_to_replace_a_row_that_changed_meanwhile(kept: Rewrapping) -> None:
    """A row that another change sealed anew stays as that left it, and the whole batch with it."""

    async def story() -> None:
        old, *_ = kept.store.sealed_keys(("", "", ""), 2)
        meanwhile = replace(old, sealed=b"\x4cmeanwhile")
        await kept.store.commit(Change(resealed=(Resealed(meanwhile, old.sealed),)))
        late = Resealed(replace(old, sealed=b"late"), old.sealed)
        other_key = Resealed(replace(meanwhile, public_key="03"), meanwhile.sealed)
        for refused in (late, other_key):
            with pytest.raises(Conflict, match=r"keys\.changed"):
                await kept.store.commit(Change(resealed=(refused,)))
        assert kept.store.sealed_keys(("", "", ""), 1)[0] == meanwhile

    asyncio.run(story())


@pytest.mark.parametrize("below", [0, 2, 99])
def test_refuses_to_retire_what_seals_now(kept: Rewrapping, below: int) -> None:
    """The newest version stays, whatever is asked, and every row opens still."""

    async def story() -> None:
        with pytest.raises((Refused, Conflict)):
            await kept.retire(below)
        assert (await kept.standing()).newest == 1

    asyncio.run(story())


def test_the_host_asks_for_it_over_the_control_socket(kept: Rewrapping) -> None:
    """A batch and the standing are commands of the signer's host; a place of another form is refused."""

    async def told(secret: Secret) -> str:
        with secret, secret.opened() as raw:
            return control.understood(await control.answer(kept.deeds(), raw))

    async def story() -> None:
        assert '"rows": {"1": ' in await told(standing_frame())
        assert '"rewrapped": 0' in await told(rewrap_frame([]))
        with pytest.raises(Exception, match=r"control\.body"):
            await told(rewrap_frame(["a"]))

    asyncio.run(story())


def test_a_passphrase_is_said_over_the_control_socket_before_anything_is_served() -> None:
    """A wrong one is told and waited on; the right one opens, and whoever said it hears so."""
    said: list[bytes] = []
    wrong = Refused("keystore.passphrase", "this is not it")

    def open_with(passphrase: Secret) -> str:
        with passphrase.opened() as raw:
            if raw != WORDS:
                raise wrong
        return "the keystore"

    async def serve(answer: control.Answer) -> None:
        for text in (b"no", WORDS):
            with frame(Secret(bytearray(text))) as one, one.opened() as raw:
                said.append(await answer(raw))
        await asyncio.Event().wait()

    async def story() -> str:
        return await by_command(serve, open_with, asyncio.Event())

    assert asyncio.run(story()) == "the keystore"
    with pytest.raises(Refused, match=r"keystore\.passphrase"):
        control.understood(said[0])
    assert "open" in control.understood(said[1])


def test_a_service_that_waits_for_its_passphrase_can_be_stopped() -> None:
    """Asked to stop, it ends with a word instead of waiting for ever."""

    async def story() -> None:
        stop = asyncio.Event()
        stop.set()

        async def serve(_: control.Answer) -> None:
            await asyncio.Event().wait()

        await by_command(serve, lambda _: None, stop)

    with pytest.raises(Refused, match=r"keystore\.waiting"):
        asyncio.run(story())


def test_a_row_whose_writer_was_cut_off_counts(kept: Rewrapping) -> None:
    """Queued for the disk by somebody who waits for it no more: who asks how things stand finds it."""

    async def story() -> None:
        late = Bound("keeper", "w-late", "eip155:1", "hot")
        with kept.underway.one():
            (sealed,) = await kept.keystore.seal([(late, b"secret")])
            stored = kept.store.commit(Change(keys=(SealedKey("w-late", "eip155:1", "hot", "02", sealed),)))
        assert (await kept.standing()).rows == {1: COUNT + 1}
        await stored

    asyncio.run(story())
