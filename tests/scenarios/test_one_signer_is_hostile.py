"""App and one signer in the attacker's hands: he signs with that signer's key himself, whatever he likes, and
besieges the other. What can be executed bears both signatures, so it is what the honest one signed: no more
than its tiers and caps allow. Its twin: with both signers' keys he takes all he wants."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from keepcool.adapters.identity.files import FileIdentity
from keepcool.chains import publickeys
from keepcool.chains.evm import address
from keepcool.chains.evm.safe import SafeTx, parse_draft, safe_tx_hash
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local.running import Installation
from keepcool.wire import envelope
from keepcool.wire.envelope import AnswerTo
from keepcool.wire.messages import ErrorAnswer, Signed, SignRequest
from tests.fixtures.attacks import ATTACKS, told
from tests.fixtures.chain import NATIVE
from tests.fixtures.red_app import TOKEN, RedApp, draft_of, payment, signers_alone, taken_over
from tests.fixtures.red_people import CAPS, COIN, HOUR_CAP, PEOPLE, Taken, guarded
from tests.fixtures.red_siege import THIEF, Siege, besieged, draft, policies_of
from tests.fixtures.stolen import Loot, settings_of, stolen

pytestmark = [pytest.mark.live, pytest.mark.timeout(ATTACKS.timeout_s)]
REQUESTS, WALLETS = ATTACKS.requests // 2, ATTACKS.wallets // 2
PEER = {Service.KEEPER: Service.COOLER, Service.COOLER: Service.KEEPER}


@pytest.fixture(scope="module")
def house() -> Iterator[Installation]:
    with signers_alone(CAPS, PEOPLE, guarded()) as made:
        yield made


def owners_of(record: WalletRecord, tx: SafeTx, *signatures: bytes) -> set[str]:
    """Which of a wallet's owners these signatures are of: a Safe of two of three executes with two."""
    owners = {address.of_public_key(publickeys.parse_public_key(one.public_key)) for one in record.owners}
    return owners & {address.signer_of(safe_tx_hash(tx), one) for one in signatures}


@pytest.mark.parametrize("hostile", [Service.KEEPER, Service.COOLER])
def test_the_honest_ones_word_bounds_what_can_be_executed(
    house: Installation, hostile: Service, tmp_path: Path
) -> None:
    """The thief's own signature is good for every draft there is, and alone moves nothing; two signatures
    stand under what the honest signer signed, and that no tier forbids, nor its caps, to the unit."""

    async def storm() -> None:
        async with taken_over(house) as red:
            await red.ready()
            siege = Siege(
                red,
                PEER[hostile],
                await policies_of(red),
                await besieged(red, WALLETS),
                Random(7),  # noqa: S311
            )
            await siege.fire(REQUESTS)
            taken = list(siege.taken.values())
            told(
                f"{hostile.value} hostile, {siege.signer.value} honest",
                siege.fired,
                siege.denied,
                len(taken),
                siege.waiting,
            )
            async with stolen(house, hostile, tmp_path) as loot:
                executable = [one for one in taken if await _executable(red, siege, loot, one)]
                assert executable == taken
                assert await _alone(loot, siege) == 1
            assert siege.witnesses.unlawful(taken) == []
            assert siege.conflicts() == []
            assert all(siege.sum_of(asset) <= HOUR_CAP for asset in (NATIVE, TOKEN))

    asyncio.run(storm())


async def _executable(red: RedApp, siege: Siege, loot: Loot, one: Taken) -> bool:
    """The thief adds his signature to the honest one's, asked for again."""
    [honest] = await red.sign(siege.signer, [one.item])
    if not isinstance(honest, Signed):
        return False
    record, tx = one.held.record, draft_of(one.item)
    return len(owners_of(record, tx, *honest.signatures, await loot.signature(record, tx))) == 2


async def _alone(loot: Loot, siege: Siege) -> int:
    """How many owners stand behind a theft that the honest signer was never asked for."""
    held = siege.wallets[0]
    tx = parse_draft(draft(held, NATIVE, 1000 * COIN, THIEF, 0))
    return len(owners_of(held.record, tx, await loot.signature(held.record, tx)))


def test_twin_with_both_keys_the_thief_takes_what_he_wants(house: Installation, tmp_path: Path) -> None:
    """Control off: nobody honest is left; a thousand times the cap bears two good signatures."""

    async def theft() -> None:
        async with taken_over(house) as red:
            await red.ready()
            [record] = await red.wallets(1)
            async with (
                stolen(house, Service.KEEPER, tmp_path) as hot,
                stolen(house, Service.COOLER, tmp_path) as cool,
            ):
                tx = draft_of(payment(red, record, 0, 1000 * HOUR_CAP, THIEF))
                both = [await one.signature(record, tx) for one in (hot, cool)]
                assert len(owners_of(record, tx, *both)) == 2

    asyncio.run(theft())


@pytest.mark.parametrize("hostile", [Service.KEEPER, Service.COOLER])
def test_a_signers_own_voice_asks_the_other_for_nothing(house: Installation, hostile: Service) -> None:
    """With a signer's identity as well: the other signs nothing that a signer asks for, orderly or not."""

    async def asking() -> None:
        async with taken_over(house) as red:
            await red.ready()
            [record] = await red.wallets(1)
            identity = FileIdentity.load(
                Path(settings_of(house, hostile).identity), hostile, one_machine=True
            )
            peer = next(one for one in red.peers if one.service is PEER[hostile])
            body = SignRequest(items=[payment(red, record, 0, 1000)])
            now_ms = red.clock.now_ms()
            frame = envelope.make(identity, peer, "sign.v1", body, now_ms=now_ms, entropy=red.entropy)
            answer = await red.bus.request(PEER[hostile], "sign.v1", frame, 20)
            known = envelope.directory(red.peers)
            expected = AnswerTo(PEER[hostile], "sign.v1", envelope.frame_hash(frame))
            said = envelope.open_frame(identity, known, answer, red.clock.now_ms(), expected).body
            assert isinstance(said, ErrorAnswer)
            assert said.problem.code == "wire.sender"

    asyncio.run(asking())
