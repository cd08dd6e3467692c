"""Versions of the keystore's key are retired beside the making of hot keys: none of them is lost by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import pytest

from keepcool.adapters.localkeystore.form import FLOOR
from keepcool.adapters.localkeystore.keystore import LocalKeystore, create
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.core.errors import Breach, Conflict
from keepcool.core.secret import Secret
from keepcool.cosigner.foundation import Foundation
from keepcool.cosigner.rewrapping import Rewrapping
from keepcool.cosigner.underway import Underway
from keepcool.ports.keystore import CHECK, Bound
from keepcool.wire.messages import Attested, Failure, Reserved
from keepcool.wire.requestkeys import Keys
from keepcool.wire.resealing import ResealAnswer, ResealItem, ResealWallets
from tests.unit.keeper import bitcoin_house, minter_house
from tests.unit.keeper.bitcoin_house import KEEPER, Ground

WORDS = b"correct horse battery staple"
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


@dataclass
class Slow:
    """A keystore in a file whose next answer is on its way once `holding`: sealed, and not yet heard of."""

    real: LocalKeystore
    holding: bool = False
    sealed: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    counted: asyncio.Event = field(default_factory=asyncio.Event)

    async def seal(self, items: Sequence[tuple[Bound, bytes]]) -> list[bytes]:
        made = await self.real.seal(items)
        if self.holding:
            self.holding = False
            self.sealed.set()
            await self.heard.wait()
        return made

    async def unseal(self, items: Sequence[tuple[Bound, bytes]], reference: str) -> list[bytes]:
        return await self.real.unseal(items, reference)

    async def check(self) -> None:
        await self.real.check()

    async def rewrap(self, items: Sequence[tuple[Bound, bytes]]) -> list[bytes]:
        return await self.real.rewrap(items)

    def version_of(self, sealed: bytes) -> int:
        return self.real.version_of(sealed)

    async def newest(self) -> int:
        self.counted.set()
        return await self.real.newest()

    async def rotate(self) -> int:
        return await self.real.rotate()

    async def retire(self, below: int) -> None:
        await self.real.retire(below)

    async def close(self) -> None:
        await self.real.close()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    words = Secret(bytearray(WORDS))
    create(tmp_path / "k", words, SystemEntropy(), FLOOR)
    made = Slow(LocalKeystore.opened(tmp_path / "k", words, SystemEntropy(), 0))
    yield made
    asyncio.run(made.close())


@dataclass
class Renewed:
    """What a host does with the key of a Keeper that goes on working."""

    found: Foundation
    slow: Slow
    underway: Underway

    @property
    def rewrapping(self) -> Rewrapping:
        return Rewrapping(KEEPER, self.found.store, self.slow, self.underway)

    async def rewrapped(self) -> None:
        after = ["", "", ""]
        while after:
            after = (await self.rewrapping.batch((after[0], after[1], after[2]))).after

    async def opens(self) -> int:
        """How many hot keys open, which must be all."""
        rows = [one for one in self.found.store.sealed_keys(("", "", ""), 100) if CHECK not in one.purpose]
        items = [(Bound(KEEPER.value, one.wallet, one.network, one.purpose), one.sealed) for one in rows]
        return len(await self.slow.unseal(items, "all"))

    async def beside(self, making: Awaitable[object], *, waits: bool) -> object:
        """Rotated, rewrapped and retired between the seal and the row of what is being made. `waits`: who
        retires has begun when the row comes, else he is through by then."""
        self.slow.holding = True
        made = asyncio.ensure_future(making)
        await self.slow.sealed.wait()
        await self.slow.rotate()
        await self.rewrapped()
        self.slow.counted.clear()
        retiring = asyncio.create_task(self.rewrapping.retire(2))
        await (self.slow.counted.wait() if waits else retiring)
        self.slow.heard.set()
        done = await made
        await retiring
        return done


async def issued(house: bitcoin_house.House) -> Attested | Failure:
    return (await house.create(bitcoin_house.wanted("late")))[0]


async def reserved(house: minter_house.House) -> Reserved | Failure:
    creator = (await house.creators())[0]
    return (await house.reserve(minter_house.wanted("late", creator, 1)))[0]


Fate: TypeAlias = Callable[["Renewed", Awaitable[object]], Awaitable[None]]


async def kept(renewed: Renewed, making: Awaitable[object]) -> None:
    """Who retires waits for it, finds it, and is refused; rewrapped once more the version goes."""
    before = await renewed.opens()
    with pytest.raises(Conflict, match=r"keystore\.needed: 1 "):
        await renewed.beside(making, waits=True)
    await renewed.rewrapped()
    assert set((await renewed.rewrapping.retire(2)).rows) == {2}
    assert await renewed.opens() == before + 1


async def lost(renewed: Renewed, making: Awaitable[object]) -> None:
    """Who retires does not know of it: its row comes under a version that is gone."""
    deaf = replace(renewed, underway=Underway())
    assert not isinstance(await deaf.beside(making, waits=False), Failure)
    with pytest.raises(Breach, match=r"keystore\.binding"):
        await renewed.opens()


@pytest.mark.parametrize("fate", [kept, lost])
def test_a_wallet_that_is_issued_meanwhile_keeps_its_hot_key(tmp_path: Path, slow: Slow, fate: Fate) -> None:
    """Sealed under the old version and not stored when that is retired; its twin, in which nobody tells who
    retires of it, loses the hot key."""

    async def story(house: bitcoin_house.House) -> None:
        await house.wallet("early")
        renewed = Renewed(house.keeper.foundation, slow, house.keeper.foundation.underway)
        await fate(renewed, issued(house))

    bitcoin_house.told(tmp_path, story, replace(Ground.new(tmp_path), keystore=slow))


@pytest.mark.parametrize("fate", [kept, lost])
def test_a_wallet_that_is_reserved_meanwhile_keeps_its_hot_key(
    tmp_path: Path, slow: Slow, fate: Fate
) -> None:
    """The same of Minter's, whose hot keys are made when they are reserved."""

    async def story(house: minter_house.House) -> None:
        renewed = Renewed(house.keeper.foundation, slow, house.keeper.foundation.underway)
        await fate(renewed, reserved(house))

    minter_house.told(tmp_path, story, keystore=slow)


def test_a_hot_key_that_is_sealed_anew_meanwhile_opens_still(tmp_path: Path, slow: Slow) -> None:
    """Its row was renewed before the change of its own key came: that one is refused and nothing changed, the
    old version goes, and asked for again it is changed."""

    async def story(house: bitcoin_house.House) -> None:
        await house.wallet("w", keys=Keys({"w": KEY}))
        renewed = Renewed(house.keeper.foundation, slow, house.keeper.foundation.underway)
        items = [ResealItem(wallet="w", before=KEY, after=OTHER)]

        async def changed() -> str:
            said = await house.ask(KEEPER, "wallets.reseal.v1", ResealWallets(items=items))
            assert isinstance(said, ResealAnswer)
            return bitcoin_house.code(said.items[0])

        assert await renewed.beside(changed(), waits=True) == "keys.changed"
        assert (await renewed.opens(), (await renewed.rewrapping.standing()).rows) == (1, {2: 1})
        assert await changed() == "Resealed"
        assert await renewed.opens() == 1

    bitcoin_house.told(tmp_path, story, replace(Ground.new(tmp_path), keystore=slow, request_keys=True))
