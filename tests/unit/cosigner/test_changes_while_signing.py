"""A freeze or another policy that comes while a request is under way: no signature leaves after it, whichever
await it came in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepcool.core.errors import Conflict, Refused
from keepcool.core.parties import Service
from keepcool.cosigner import freezes as freezing
from keepcool.cosigner.freezes import Said, place_of
from keepcool.cosigner.judge import Rulebook
from keepcool.cosigner.signing import CoSigner
from keepcool.ports.keystore import Bound
from keepcool.wire.messages import SignAnswer, Signed, SignRequest
from tests.unit.cosigner.house import BOOK, ETH, NETWORK, NOW_S, Pair, Signer, item, register

NEVER = 10_000
Deed = Callable[[Signer, list[Rulebook]], None]


class Interrupted:
    """Awaits a coroutine and does something in its pause number `place`. `pauses` counts them."""

    def __init__(self, story: Coroutine[Any, Any, SignAnswer], place: int, deed: Callable[[], None]) -> None:
        self._story, self._place, self._deed = story, place, deed
        self.pauses = 0

    def __await__(self) -> Generator[Any, Any, SignAnswer]:
        steps = self._story.__await__()
        while True:
            try:
                waited = next(steps)
            except StopIteration as stop:
                answer: SignAnswer = stop.value
                return answer
            if self.pauses == self._place:
                self._deed()
            self.pauses += 1
            yield waited


def freeze(level: str, target: str) -> Deed:
    def deed(signer: Signer, _: list[Rulebook]) -> None:
        with signer.journal.batch() as batch:
            freezing.frozen(batch, signer.freezes, place_of(level, target), Said("", "watchtower", NOW_S))

    return deed


def another_policy(_: Signer, books: list[Rulebook]) -> None:
    books[0] = replace(BOOK, policy="cd" * 32)


def nothing(_: Signer, __: list[Rulebook]) -> None:
    return None


DEEDS: dict[str, Deed] = {
    "all": freeze("all", ""),
    "harbor": freeze("harbor", ""),
    "network": freeze("network", NETWORK),
    "asset": freeze("asset", ETH),
    "wallet": freeze("wallet", "a"),
    "policy": another_policy,
}


async def asked(folder: Path, place: int, deed: Deed) -> tuple[int, bool]:
    """One request of a Keeper whose peer is there: its pauses, and whether it was signed."""
    pair, books = Pair(folder), [BOOK]
    for service in (Service.KEEPER, Service.COOLER):
        await register(pair.open(service), "a", 1)
    signer = pair.signers[Service.KEEPER]
    opening = signer.shelf.unseal

    async def slowly(items: Sequence[tuple[Bound, bytes]], reference: str) -> list[bytes]:
        await asyncio.sleep(0)
        return await opening(items, reference)

    vars(signer.shelf)["unseal"] = slowly  # a keystore takes its time
    await signer.witness.start()
    cosigner: CoSigner = replace(signer.cosigner, rulebook=lambda: books[0])
    request = SignRequest(items=[item("a", 0, {"x": 1})])
    story = Interrupted(cosigner.sign(request, signer.new_envelope()), place, lambda: deed(signer, books))
    try:
        answer = await story
        return story.pauses, isinstance(answer.items[0], Signed)
    except (Refused, Conflict):
        return story.pauses, False
    finally:
        pair.close_all()


@pytest.mark.parametrize("what", DEEDS)
def test_nothing_is_signed_after_a_change_in_any_pause(tmp_path: Path, what: str) -> None:
    """Every pause of the signing path is tried; the twin is the same request, undisturbed in each of them."""

    async def story() -> None:
        pauses, signed = await asked(_folder(tmp_path, "whole"), NEVER, nothing)
        assert signed
        assert pauses >= 3  # commit, witness, keystore
        for place in range(pauses):
            _, signed = await asked(_folder(tmp_path, f"{place}"), place, DEEDS[what])
            assert not signed, f"signed although it came in pause {place}"
            if what == "all":
                _, signed = await asked(_folder(tmp_path, f"{place}-twin"), place, nothing)
                assert signed

    asyncio.run(story())


@pytest.mark.parametrize(
    ("level", "target"), [("asset", f"{NETWORK}/slip44:61"), ("wallet", "b"), ("network", "eip155:1")]
)
def test_what_is_frozen_elsewhere_holds_up_nothing(tmp_path: Path, level: str, target: str) -> None:
    """Another asset, another wallet, another network."""

    async def story() -> None:
        _, signed = await asked(tmp_path, 0, freeze(level, target))
        assert signed

    asyncio.run(story())


def _folder(above: Path, name: str) -> Path:
    made = above / name
    made.mkdir()
    return made
