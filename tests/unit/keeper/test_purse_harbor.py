"""While only the way to the harbor is open the purse pays for that way, and for nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.errors import Conflict
from keepcool.core.ids import IntentId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.cosigner.freezes import place_of
from keepcool.keeper.purse import Purse
from keepcool.keeper.purse_memory import CANCEL, DEPLOY, EXECUTE
from keepcool.wire.messages import Declined, PurseSigned
from tests.unit.keeper.test_purse_judge import ETH, NETWORK
from tests.unit.keeper.test_purse_waits import FIRST, House, told

HARBOR, ELSEWHERE = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25", "0x69467D2A9D49aFDfef63185Ac6e4F4F5B83eDF56"


def paying(*recipients: str) -> Intent:
    outputs = tuple(Output(one, Amount(ETH, 1)) for one in recipients)
    purpose = Purpose.PAY if outputs else Purpose.VOID
    return Intent(IntentId("i"), purpose, NETWORK, WalletId("w-1"), outputs, Amount(ETH, 0), 2_000_000_000)


def with_harbor(house: House) -> Purse:
    policy, in_force = house.keeper.policy, house.keeper.in_force
    rules = replace(policy.networks[NETWORK], harbor=HARBOR)
    in_force._known[policy.hash] = (replace(policy, networks={NETWORK: rules}), in_force.book)
    (purse,) = house.purse._books
    assert isinstance(purse, Purse)
    return purse


@pytest.mark.parametrize(
    ("deed", "recipients", "held"),
    [
        (EXECUTE, (HARBOR,), False),
        (EXECUTE, (HARBOR, HARBOR), False),
        (EXECUTE, (HARBOR, ELSEWHERE), True),
        (EXECUTE, (ELSEWHERE,), True),
        (EXECUTE, (), True),
        (DEPLOY, (), False),
        (CANCEL, (), False),
    ],
)
def test_only_the_way_to_the_harbor_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str, recipients: tuple[str, ...], held: bool
) -> None:
    """Whatever else is frozen; and without the level harbor everything but a cancellation is held."""

    async def story(house: House) -> None:
        purse = with_harbor(house)
        monkeypatch.setattr(Purse, "_remembered", lambda *_: (paying(*recipients), ()))
        await house.keeper.ordering.freeze(place_of("all", ""), "", "app")
        assert bool(purse._frozen(deed, "w-1", NETWORK, "i")) is (deed != CANCEL)
        await house.keeper.ordering.freeze(place_of("harbor", ""), "", "app")
        assert bool(purse._frozen(deed, "w-1", NETWORK, "i")) is held

    told(tmp_path, story)


@pytest.mark.parametrize(("asset", "held"), [(ETH, True), (f"{NETWORK}/slip44:61", False)])
def test_a_frozen_asset_is_not_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asset: str, held: bool
) -> None:
    """What was signed before the freeze and moves the asset, if only as the fee, is not paid for; what moves
    another is, and a cancellation always."""

    async def story(house: House) -> None:
        purse = with_harbor(house)
        monkeypatch.setattr(Purse, "_remembered", lambda *_: (paying(ELSEWHERE), ()))
        await house.keeper.ordering.freeze(place_of("asset", asset), "", "app")
        for deed in (EXECUTE, DEPLOY):
            assert bool(purse._frozen(deed, "w-1", NETWORK, "i")) is held
        assert not purse._frozen(CANCEL, "w-1", NETWORK, "i")

    told(tmp_path, story)


@pytest.mark.parametrize(("level", "signed"), [("all", False), ("harbor", True)])
def test_wallets_are_made_on_the_way_to_the_harbor(tmp_path: Path, level: str, signed: bool) -> None:
    """An evacuation needs the wallet's contract; a freeze of all makes none."""

    async def story(house: House) -> None:
        await house.keeper.ordering.freeze(place_of(level, ""), "", "app")
        told = await house.sign(FIRST, "w-1")
        assert isinstance(told, PurseSigned if signed else Declined)

    told(tmp_path, story)


def test_a_policy_that_changes_while_the_keystore_is_asked_is_asked_again(tmp_path: Path) -> None:
    """Nothing is signed by yesterday's limits; asked again it is judged by today's."""

    async def story(house: House) -> None:
        house.shelf.let.clear()
        signing = asyncio.create_task(house.sign(FIRST, "w-1"))
        await house.shelf.asked.wait()
        in_force, policy = house.keeper.in_force, house.keeper.policy
        in_force._known[policy.hash] = (replace(policy, hash="cd" * 32), in_force.book)
        house.shelf.let.set()
        with pytest.raises(Conflict, match=r"policy\.changed"):
            await signing
        assert isinstance(await house.sign(FIRST, "w-1"), PurseSigned)

    told(tmp_path, story)
