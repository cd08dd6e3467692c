"""The witness: a signer brought back to yesterday recognises it, and signs nothing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from keepcool.core import journal
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.core.parties import Service
from keepcool.cosigner import heads
from keepcool.cosigner.heads import Checked
from keepcool.ports.signer_store import LOST
from keepcool.wire.messages import Head, Signed, SignRequest, WitnessAnswer, WitnessRequest
from tests.unit.cosigner.house import Keys, Pair, Signer, item, open_signer, register, unreachable


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path / "now")
    yield pair
    pair.close_all()


async def both(pair: Pair) -> tuple[Signer, Signer]:
    keeper, cooler = pair.open(Service.KEEPER), pair.open(Service.COOLER)
    for signer in (keeper, cooler):
        await register(signer, "w1", 5)
    return keeper, cooler


def backup(pair: Pair, service: Service) -> Path:
    """A copy of the signer's database as of now."""
    copy = pair.folder.parent / f"{service}-backup.db"
    pair.signers[service].store._reader.execute("PRAGMA query_only=OFF")
    pair.signers[service].store._reader.execute("VACUUM INTO ?", (str(copy),))
    pair.signers[service].store._reader.execute("PRAGMA query_only=ON")
    return copy


def restore(pair: Pair, service: Service, copy: Path) -> Signer:
    pair.close(service)
    for leftover in pair.folder.glob(f"{service}.db*"):
        leftover.unlink()
    shutil.copy(copy, pair.folder / f"{service}.db")
    return pair.open(service)


def test_a_restored_backup_signs_nothing(pair: Pair) -> None:
    """Keeper, restored from before its last signature, learns of it from Cooler and refuses for good."""

    async def story() -> None:
        await both(pair)
        copy = backup(pair, Service.KEEPER)
        await pair.signers[Service.KEEPER].sign(item("w1", 0, {"bob": 1}))
        keeper = restore(pair, Service.KEEPER, copy)
        for _ in range(2):
            with pytest.raises(Breach, match=r"journal\.rolled_back"):
                await keeper.sign(item("w1", 0, {"mallory": 1}, intent="again"))
        assert not keeper.witness.ready
        assert "old copy" in keeper.witness.waiting_for
        assert list(keeper.store.entries()) == []

    asyncio.run(story())


def test_without_a_witness_the_restored_backup_signs_twice(tmp_path: Path) -> None:
    """The twin: with a peer that remembers nothing, the same restore gives two signatures for one nonce."""

    async def story() -> None:
        signatures = []
        for folder in ("first", "restored"):
            keeper, cooler = (open_signer(tmp_path / folder, one) for one in (Service.KEEPER, Service.COOLER))
            await register(keeper, "w1", 5)
            keeper.witness._ask = cooler.witness.answer  # a peer whose memory is as empty as the backup
            [signed] = (await keeper.sign(item("w1", 0, {f"paid-in-{folder}": 1}, intent=folder))).items
            assert isinstance(signed, Signed)
            signatures.append(signed.signatures)
            keeper.close()
            cooler.close()
        assert signatures[0] != signatures[1]

    asyncio.run(story())


def test_both_restored_are_caught_by_the_heads_app_kept(pair: Pair) -> None:
    """When both signers come from old copies, Keeper meets a head it signed and does not hold."""

    async def story() -> None:
        await both(pair)
        copies = {service: backup(pair, service) for service in pair.signers}
        kept = (await pair.signers[Service.KEEPER].sign(item("w1", 0, {"bob": 1}))).head
        for service, copy in copies.items():
            restore(pair, service, copy)
        keeper = pair.signers[Service.KEEPER]
        request = SignRequest(items=[item("w1", 0, {"mallory": 1}, intent="again")], heads=[kept])
        with pytest.raises(Breach, match=r"journal\.rolled_back"):
            await keeper.cosigner.sign(request, keeper.new_envelope())
        with pytest.raises(Breach, match=r"journal\.rolled_back"):
            await keeper.sign(item("w1", 0, {"mallory": 1}, intent="again"))

    asyncio.run(story())


def test_another_history_of_the_same_length_is_caught(pair: Pair) -> None:
    """Not only shorter journals: another entry at a witnessed sequence is a breach too."""

    async def story() -> None:
        await both(pair)
        copy = backup(pair, Service.KEEPER)
        await pair.signers[Service.KEEPER].sign(item("w1", 0, {"bob": 1}))
        keeper = restore(pair, Service.KEEPER, copy)
        with keeper.journal.batch() as batch:  # the rewritten history, as long as the true one
            from keepcool.cosigner.entries import POLICY, PolicyRow

            batch.add(PolicyRow(at_s=1, kind=POLICY, policy="00", policy_version=1))
        await batch.settled()
        with pytest.raises(Breach, match=r"journal\.rolled_back"):
            await keeper.witness.start()

    asyncio.run(story())


def test_both_restarted_at_once_find_each_other(pair: Pair) -> None:
    """Neither waits for the other to be ready: questions are answered before readiness."""

    async def story() -> None:
        keeper, cooler = await both(pair)
        await asyncio.gather(keeper.sign(item("w1", 0, {"bob": 1})), cooler.sign(item("w1", 0, {"bob": 1})))
        pair.close_all()
        keeper, cooler = pair.open(Service.KEEPER), pair.open(Service.COOLER)
        await asyncio.wait_for(asyncio.gather(keeper.witness.start(), cooler.witness.start()), 5)
        assert keeper.witness.ready
        assert cooler.witness.ready

    asyncio.run(story())


def test_a_row_the_peer_never_heard_of_is_no_breach(pair: Pair) -> None:
    """Committed but not yet witnessed when it died: after the restart the journal is merely ahead."""

    async def story() -> None:
        keeper, _ = await both(pair)
        await keeper.sign(item("w1", 0, {"bob": 1}))
        pair.linked = False
        with pytest.raises(Unavailable, match=r"witness\.peer_missing"):
            await keeper.sign(item("w1", 1, {"bob": 1}))
        pair.close(Service.KEEPER)
        pair.linked = True
        keeper = pair.open(Service.KEEPER)
        [signed] = (await keeper.sign(item("w1", 1, {"bob": 1}))).items
        assert isinstance(signed, Signed)
        assert signed.sequence == 2

    asyncio.run(story())


def test_the_peer_keeps_the_newest_head_and_only_signed_ones(pair: Pair) -> None:
    """An older head replaces nothing, a forged or foreign one is refused, and nothing is stored of it."""

    async def story() -> None:
        keeper, cooler = await both(pair)
        old = keeper.witness.stated()
        await keeper.sign(item("w1", 0, {"bob": 1}))
        new = keeper.witness.stated()
        answer = await cooler.witness.answer(WitnessRequest(challenge=bytes(32), head=old))
        assert answer.witnessed == new
        forged = Head(service="keeper", sequence=9, hash=bytes(32), signature=bytes(64))
        for head in (forged, cooler.witness.stated()):
            with pytest.raises(Malformed, match=r"witness\."):
                await cooler.witness.answer(WitnessRequest(challenge=bytes(32), head=head))
        stored = cooler.store.witnessed(Service.KEEPER)
        assert stored is not None
        assert stored.head.sequence == new.sequence

    asyncio.run(story())


def test_forged_heads_shown_by_app_freeze_nothing(pair: Pair) -> None:
    """App cannot stop a signer with a head it made up: it is malformed, and the next request is signed."""

    async def story() -> None:
        keeper, _ = await both(pair)
        forged = Head(service="keeper", sequence=99, hash=bytes(32), signature=bytes(64))
        request = SignRequest(items=[item("w1", 0, {"bob": 1})], heads=[forged])
        with pytest.raises(Malformed, match=r"witness\.head_signature"):
            await keeper.cosigner.sign(request, keeper.new_envelope())
        assert isinstance((await keeper.sign(item("w1", 0, {"bob": 1}))).items[0], Signed)

    asyncio.run(story())


def test_an_answer_to_another_question_is_no_answer(tmp_path: Path) -> None:
    """A recorded answer, played back by the bus, does not stand for the peer."""

    async def story() -> None:
        keeper, cooler = (open_signer(tmp_path, one) for one in (Service.KEEPER, Service.COOLER))
        old = await cooler.witness.answer(WitnessRequest(challenge=bytes(32), head=keeper.witness.stated()))

        async def replayed(_: WitnessRequest) -> WitnessAnswer:
            return old

        keeper.witness._ask = replayed
        with pytest.raises(Unavailable, match=r"witness\.challenge"):
            await keeper.witness.start()

        async def complaining(_: WitnessRequest) -> WitnessAnswer:
            raise Breach(LOST, "the peer's disk is gone")

        keeper.witness._ask = complaining
        with pytest.raises(Unavailable, match=LOST):  # the peer's breach is not ours
            await keeper.witness.start()
        keeper.witness._ask = unreachable
        with pytest.raises(Unavailable, match=r"bus\.timeout"):
            await keeper.witness.start()
        keeper.close()
        cooler.close()

    asyncio.run(story())


def test_a_statement_is_verified_once_and_another_always() -> None:
    """The bytes verified before are taken again; changed in any field, under any signature, they are not."""
    keys = Keys(Service.KEEPER)
    checked = Checked(Service.KEEPER, keys.public("journal"))
    said = heads.stated(keys, journal.Head(7, b"h" * 32))
    assert checked.statement(said) == checked.statement(said)
    for forged in (
        msgspec.structs.replace(said, sequence=8),
        msgspec.structs.replace(said, hash=b"g" * 32),
        msgspec.structs.replace(said, signature=bytes(64)),
        msgspec.structs.replace(said, service=Service.COOLER.value),
        heads.stated(Keys(Service.COOLER), journal.Head(7, b"h" * 32)),
    ):
        with pytest.raises(Malformed):
            checked.statement(forged)
