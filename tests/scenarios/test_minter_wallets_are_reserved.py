"""Keeper and Cooler as processes beside the Minter simulator: reserved, made, proven, through deaths."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from keepcool.chains.minter.payouts import pay
from keepcool.chains.minter.transaction import parse_signed
from keepcool.core.ids import NetworkId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import Role, parse_record
from keepcool.local import plan, start
from keepcool.local.minterchain import DevMinter, Pace
from keepcool.local.running import Installation
from keepcool.wire.messages import (
    Attested,
    AttestWallets,
    Failure,
    Message,
    ProveItem,
    ProveWallets,
    RegisterWallets,
    ReserveAnswer,
    Reserved,
    ReserveItem,
    ReserveWallets,
    Signed,
    WalletsAnswer,
)
from tests.fixtures.installation import refuse_missing
from tests.fixtures.minterchain import BIP, running_minter
from tests.fixtures.processes import own_folder
from tests.fixtures.red_app import PARTS, RedApp, taken_over
from tests.unit.keeper.minter_house import COIN, HARBOR, payment

pytestmark = pytest.mark.live
KEEPER, COOLER = Service.KEEPER, Service.COOLER
NETWORK = "minter:2"
CREATORS = 3
WAIT_S = 90


@dataclass(frozen=True, slots=True)
class Scene:
    installation: Installation
    chain: DevMinter


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    refuse_missing()
    with running_minter(Pace(block_ms=500)) as chain, own_folder("minter-signers") as folder:
        network = replace(plan.minter_plan(NETWORK, [chain.url]), creators=CREATORS)
        whole = plan.Plan(folder / "installation", (network,), plan.Ports.following(0))
        installation = Installation(start.install_here(whole, lambda _: None))
        try:
            for name in PARTS:
                installation.start(name)
            yield Scene(installation, chain)
        finally:
            installation.stop_all()


def played(installation: Installation, play: Callable[[RedApp], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with taken_over(installation) as app:
            await app.ready()
            await play(app)

    asyncio.run(whole())


async def creators(app: RedApp) -> dict[str, int]:
    return {one.address: one.next_nonce for one in (await app.status(KEEPER)).purses}


async def reserve(app: RedApp, wallet: str, creator: str, nonce: int) -> Reserved | Failure:
    item = ReserveItem(wallet=wallet, network=NETWORK, creator=creator, nonce=nonce, gas_price=1, gas_coin=0)
    answer = await app.exchange.ask(KEEPER, "wallets.reserve.v1", ReserveWallets(items=[item]), 20)
    assert isinstance(answer, ReserveAnswer)
    return answer.items[0]


async def wallets(app: RedApp, to: Service, typ: str, body: Message) -> Attested | Failure:
    answer = await app.exchange.ask(to, typ, body, 30)
    assert isinstance(answer, WalletsAnswer)
    return answer.items[0]


def test_a_reservation_outlives_kill_9(scene: Scene) -> None:
    """Killed and started, Keeper has the same creators and gives the same wallet the same record and
    transaction; its place is no other's, and its number none's."""

    async def play(app: RedApp) -> None:
        pool = await creators(app)
        assert len(pool) == CREATORS
        first = [one for one, nonce in pool.items() if nonce == 1][-1]
        made = await reserve(app, "w-kept", first, 1)
        assert isinstance(made, Reserved), made
        assert parse_signed(made.transaction).sender() == first
        scene.installation.children["keeper"].kill9()
        scene.installation.start("keeper")
        await app.ready()
        assert await creators(app) == {**pool, first: 2}
        assert await reserve(app, "w-kept", first, 1) == made
        other = await reserve(app, "w-other", first, 1)
        assert isinstance(other, Failure)
        assert other.problem.code == "reserve.slot"
        later = await reserve(app, "w-later", first, 2)
        assert isinstance(later, Reserved)
        keys = [parse_record(one.record.record).key(Role.COOL) for one in (made, later)]
        assert keys[0] != keys[1]

    played(scene.installation, play)


async def attested(app: RedApp, proven: Attested) -> Attested:
    """Asked again until the chain has made it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            said = await wallets(app, COOLER, "wallets.attest.v1", AttestWallets(records=[proven]))
            if isinstance(said, Attested):
                return said
            assert said.problem.kind == "unavailable", said
            await asyncio.sleep(0.5)


async def sent(app: RedApp, chain: DevMinter, wallet: str) -> Attested:
    """Reserved by a creator whose nonces are all used, in a block, and given to an owner."""
    for creator, nonce in (await creators(app)).items():
        if int(chain.ask(f"/address/{creator}")["transaction_count"]) + 1 == nonce:
            break
    chain.fund(creator, 1000 * BIP)
    made = await reserve(app, wallet, creator, nonce)
    assert isinstance(made, Reserved), made
    status, answer = chain.send(made.transaction)
    assert status == 200, answer
    chain.mine()
    proving = ProveWallets(items=[ProveItem(wallet=wallet, owner="u-1")])
    proven = await wallets(app, KEEPER, "wallets.prove.v1", proving)
    assert isinstance(proven, Attested), proven
    return proven


def test_a_wallet_is_issued_by_processes(scene: Scene) -> None:
    """Cooler reads the owners from its node and attests; once registered, both sign a payment."""

    async def play(app: RedApp) -> None:
        both = await attested(app, await sent(app, scene.chain, "w-issued"))
        registered = await wallets(app, KEEPER, "wallets.register.v1", RegisterWallets(records=[both]))
        assert registered == both
        record = parse_record(both.record)
        draft = pay(network=NetworkId(NETWORK), nonce=1, outputs=[Output(HARBOR, Amount(COIN, 5))]).preimage()
        for signer in (KEEPER, COOLER):
            (said,) = await app.sign(signer, [payment(record, draft, HARBOR, 5, app.now_s())])
            assert isinstance(said, Signed), said

    played(scene.installation, play)


def test_while_the_node_is_away_nothing_is_proven(scene: Scene) -> None:
    """Cooler cannot reach its node: it says so and attests nothing, also after it was killed and started;
    when the node is back, the wallet is proven."""

    async def play(app: RedApp) -> None:
        proven = await sent(app, scene.chain, "w-blind")
        scene.chain.stop()
        for name in ("", "cooler"):
            if name:
                scene.installation.children[name].kill9()
                scene.installation.start(name)
                await app.ready()
            said = await wallets(app, COOLER, "wallets.attest.v1", AttestWallets(records=[proven]))
            assert isinstance(said, Failure), said
            assert said.problem.kind == "unavailable"
            assert said.problem.code.startswith("node.")
        scene.chain.start()
        assert isinstance(await attested(app, proven), Attested)

    played(scene.installation, play)
