"""While the purse waits for disk, peer and keystore the world may change: it looks again before it signs.

Keeper and Cooler are whole, on real files and real envelopes; only their keystore is a shelf in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.adapters.system.faults import NoFaults
from keepcool.chains.evm.transaction import Transaction
from keepcool.core.errors import Conflict, Refused, Unavailable
from keepcool.core.parties import Peer, Service
from keepcool.core.registry import Role
from keepcool.cosigner import freezes
from keepcool.cosigner.attest import attest
from keepcool.cosigner.foundation import Foundation, Part
from keepcool.cosigner.journal import Asked
from keepcool.cosigner.keyring import own_key_of
from keepcool.cosigner.service import Signer
from keepcool.hazmat.innerseal import InnerKey
from keepcool.keeper.main import POINTS
from keepcool.keeper.paying import Purses
from keepcool.keeper.purse import Purse
from keepcool.keeper.purse_memory import PurseMemory
from keepcool.local.plan import AssetPlan, EvmPlan
from keepcool.local.policies import first_policy
from keepcool.policy.document import parse_policy
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import Change, RecordRow
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import Declined, PurseAnswer, PurseItem, PurseRequest, PurseSigned
from tests.unit.app.books.loopback import FixedClock, Lines, LoopbackBus
from tests.unit.cosigner.house import Shelf
from tests.unit.keeper.test_purse_judge import ETH, NETWORK, PROFILE, deploy, record

PLAN = EvmPlan(NETWORK, "local", PROFILE.name, ("http://127.0.0.1:1",), (AssetPlan(ETH, "ETH", 18, 1, 1, 1),))
WALLETS = ("w-1", "w-2")


@dataclass
class SlowShelf(Shelf):
    """A keystore that opens nothing until it is let."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    let: asyncio.Event = field(default_factory=asyncio.Event)

    async def unseal(self, items: Sequence[tuple[Bound, bytes]], reference: str) -> list[bytes]:
        self.asked.set()
        await self.let.wait()
        return await super().unseal(items, reference)


@dataclass
class House:
    """Keeper with its purse, Cooler as its witness, and the lines between them."""

    lines: Lines
    keeper: Signer
    purse: Purses
    store: SqliteSignerStore
    shelf: SlowShelf

    async def sign(self, tx: Transaction, wallet: str) -> PurseSigned | Declined:
        item = PurseItem(purpose="deploy", network=NETWORK, transaction=tx.unsigned_payload(), wallet=wallet)
        opened = Opened(
            Service.APP, os.urandom(8).hex(), "purse.sign.v1", 2**50, PurseRequest(items=[item]), ""
        )
        answer = await self.purse.sign(opened)
        assert isinstance(answer, PurseAnswer)
        (told,) = answer.items
        assert isinstance(told, PurseSigned | Declined)
        return told

    async def freeze(self, wallet: str) -> None:
        asked = Asked(os.urandom(8).hex(), 2**50, Service.WATCHTOWER)
        place = {"level": "wallet", "target": wallet, "reason": "drill"}
        await freezes.freeze(self.keeper.journal, self.keeper.freezes, **place, asked=asked, clock_ms=1)

    def rows(self) -> int:
        return sum(b'"kind":"purse"' in row.body for row in self.store.entries())


async def opened_house(folder: Path) -> House:
    identities = {
        one: FileIdentity(one, *(os.urandom(32) for _ in range(4)))
        for one in (Service.KEEPER, Service.COOLER)
    }
    lines, shelf = Lines(), SlowShelf()
    shelf.let.set()
    peers = {one: identity.peer() for one, identity in identities.items()}
    keeper, memory = await _signer(identities[Service.KEEPER], peers, folder, lines, shelf)
    cooler, _ = await _signer(identities[Service.COOLER], peers, folder, lines, Shelf())
    for signer in (keeper, cooler):
        await signer.serve({})
    for wallet in WALLETS:
        made = record(wallet)
        signatures = {one: attest(identity, made) for one, identity in identities.items()}
        row = RecordRow(made.wallet, 1, made.encoded(), signatures)
        await keeper.foundation.store.commit(Change(records=(row,)))
    await keeper.witness.start()
    store = keeper.foundation.store
    assert isinstance(store, SqliteSignerStore)
    purses = Purses(keeper, [await Purse.opened(keeper, memory)])
    return House(lines, keeper, purses, store, shelf)


async def _signer(
    identity: FileIdentity, peers: dict[Service, Peer], folder: Path, lines: Lines, shelf: Shelf
) -> tuple[Signer, PurseMemory]:  # fmt: skip
    service, clock, entropy, memory = identity.service, FixedClock(), SystemEntropy(), PurseMemory()
    others = {one: peer for one, peer in peers.items() if one is not service}
    foundation = Foundation(
        identity=identity, own=identity.peer(), peers=others, store=open_store(folder / f"{service}.sqlite"),
        keystore=shelf, inner=InnerKey(bytearray(os.urandom(32))),
        exchange=Exchange(identity, others.values(), LoopbackBus(service, lines), clock, entropy),
        clock=clock, entropy=entropy, faults=NoFaults(),
        policy=parse_policy(first_policy(Service.KEEPER, PLAN)),
    )  # fmt: skip
    role = Role.HOT if service is Service.KEEPER else Role.COOL
    (peer,) = others
    part = Part(role=role, place=own_key_of(service, role), peer=peer, points=POINTS, memories=(memory,))
    return await Signer.opened(foundation, part), memory


def told(folder: Path, story: Callable[[House], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story(await opened_house(folder))

    asyncio.run(whole())


FIRST = deploy("w-1")


@pytest.fixture(params=[True, False], ids=["guarded", "twin"])
def guarded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """The twin looks at nothing anew: the attack succeeds."""
    if not request.param:
        monkeypatch.setattr(Purse, "_look_again", lambda *_: None)
    return bool(request.param)


def test_a_freeze_that_comes_while_the_keystore_is_asked_holds(tmp_path: Path, guarded: bool) -> None:
    """Between the last wait and the signature there is no pause: a freeze that was confirmed is kept."""

    async def story(house: House) -> None:
        house.shelf.let.clear()
        signing = asyncio.create_task(house.sign(FIRST, "w-1"))
        await house.shelf.asked.wait()
        await house.freeze("w-1")
        house.shelf.let.set()
        if guarded:
            with pytest.raises(Refused, match=r"freeze\.frozen"):
                await signing
        else:
            assert isinstance(await signing, PurseSigned)

    told(tmp_path, story)


@pytest.mark.parametrize("named", ["", "w-2"])
def test_a_frozen_wallets_transaction_is_not_signed_under_another_name(tmp_path: Path, named: str) -> None:
    """Remembered but never released, then frozen: asked for again with no wallet or another one named, it
    stays unsigned; it is the remembered wallet that is frozen."""

    async def story(house: House) -> None:
        house.lines.down.add("cooler")
        with pytest.raises(Unavailable):
            await house.sign(FIRST, "w-1")
        house.lines.down.clear()
        await house.freeze("w-1")
        assert isinstance(await house.sign(FIRST, named), Declined)
        assert house.rows() == 1

    told(tmp_path, story)


def test_nothing_is_signed_whose_row_never_reached_the_disk(
    tmp_path: Path, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for again while its row was staged, and the row then fails: when another row has taken its place
    in the journal, the transaction nobody remembers is not signed on that row's strength."""

    async def story(house: House) -> None:
        await house.sign(replace(FIRST, nonce=0), "w-1")
        lost, late = replace(deploy("w-2"), nonce=1), replace(deploy("w-2"), nonce=1, gas=500_000)
        first, written, real = asyncio.Event(), asyncio.Event(), house.store.commit
        turns = iter(("fails", "waits"))

        async def commit(change: Change) -> None:
            turn = next(turns, "")
            if turn == "fails":
                await first.wait()
                raise Unavailable("journal.unwritable", "the disk is full")
            if turn == "waits":
                await written.wait()
            await real(change)

        monkeypatch.setattr(house.store, "commit", commit)
        failing = asyncio.create_task(house.sign(lost, "w-2"))
        await asyncio.sleep(0)
        again = asyncio.create_task(house.sign(lost, "w-2"))
        await asyncio.sleep(0)
        first.set()
        with pytest.raises(Unavailable):
            await failing
        assert isinstance(await house.sign(late, "w-2"), PurseSigned)
        written.set()
        if guarded:
            with pytest.raises(Conflict, match=r"journal\.head_moved"):
                await again
        else:
            assert isinstance(await again, PurseSigned)
        payloads = b"".join(row.body for row in house.store.entries())
        assert lost.unsigned_payload().hex().encode() not in payloads

    told(tmp_path, story)
