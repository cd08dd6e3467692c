"""A loop with nothing to do asks the books one question; whatever it could act on makes the answer yes."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from keepcool.app.deposits import position
from keepcool.app.deposits.tables import lying
from keepcool.app.payouts import purses
from keepcool.app.payouts.engine import PayoutEngine, Work
from keepcool.app.payouts.evm import works
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Purpose, Stage
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.pools.tables import pool
from keepcool.core import withdrawal_states as lives
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal_states import State, name_of
from keepcool.ports.evmnode import EvmNode
from tests.unit.app.deposits.paperchain import PaperChain, PaperNode
from tests.unit.app.payouts.workshop import ETHER, NATIVE, NETWORK, RECIPIENT, Workshop

pytestmark = pytest.mark.usefixtures("both_engines")
SIGN, SEND, WATCH = "sign", "send", "watch"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    yield made
    made.close()


def awake(shop: Workshop) -> set[str]:
    """The loops that have something to look at."""

    async def look() -> set[str]:
        office = await shop.office(cast(EvmNode, PaperNode(PaperChain())))
        lane = cast(EvmLane, office.lanes[NETWORK])
        found = {one.name: await one.rest() for one in works.works(lane) if one.rest is not None}
        assert set(found) == {SIGN, SEND, WATCH}
        return {name for name, rest in found.items() if rest is None}

    return asyncio.run(look())


def is_in(shop: Workshop, name: str, kind: type[State]) -> None:
    values = {"state": name_of(kind), "open": kind is not lives.Confirmed}
    shop.store.transact(
        lambda tx: tx.execute(withdrawal.update().where(withdrawal.c.id == name).values(**values))
    )


def test_every_open_state_keeps_a_loop_awake(shop: Workshop) -> None:
    """Each loop looks where one of its steps could act; what has ended keeps nobody awake."""
    expected: dict[type[State], set[str]] = {
        lives.Requested: {SIGN},
        lives.Drafted: {SIGN},
        lives.PartlySigned: {SIGN},
        lives.NeedsReview: {SIGN},
        lives.Signed: {SEND},
        lives.Broadcast: {SEND, WATCH},
        lives.Uncertain: {WATCH},
        lives.Frozen: set(),
        lives.Confirmed: set(),
    }
    shop.issue("w")
    assert awake(shop) == set()
    shop.credit(WalletId("w"), ETHER)
    shop.order("p", WalletId("w"), 1)
    for kind, loops in expected.items():
        is_in(shop, "p", kind)
        assert awake(shop) == loops, kind


def test_what_a_batch_carries_is_watched(shop: Workshop) -> None:
    """Thawed after its batch had ended it is settled, so it is looked at whatever its state is."""
    shop.issue("w")
    shop.credit(WalletId("w"), ETHER)
    shop.order("p", WalletId("w"), 1)
    is_in(shop, "p", lives.Frozen)
    shop.store.transact(lambda tx: tx.execute(withdrawal.update().values(batch="b")))
    assert awake(shop) == {WATCH}


def test_every_transaction_of_the_purse_is_watched_to_its_end(shop: Workshop) -> None:
    """Until it is final, and sent until a block has it; what is final or declined keeps nobody awake."""
    expected = {
        Stage.STORED: {SEND, WATCH},
        Stage.SIGNED: {SEND, WATCH},
        Stage.SENT: {SEND, WATCH},
        Stage.SEEN: {WATCH},
        Stage.FINAL: set[str](),
        Stage.SUPERSEDED: set[str](),
        Stage.DECLINED: set[str](),
    }
    assert set(expected) == set(Stage)
    made = shop.store.transact(_attempt)
    for stage, loops in expected.items():
        shop.store.transact(partial(purses.update, number=made, stage=stage.value))
        assert awake(shop) == loops, stage


def _attempt(tx: Connection) -> int:
    return purses.add(
        tx,
        network=NETWORK,
        account=RECIPIENT,
        nonce=0,
        purpose=Purpose.EXECUTE,
        wallet="w",
        withdrawal=None,
        unsigned=b"u",
        fee_max=1,
        now_ms=1,
    ).number


def test_what_lies_at_addresses_of_a_pool_is_sent_for(shop: Workshop) -> None:
    """A sweep may be due at any time while something lies there."""
    shop.issue("w")
    marks = {"high": 0, "low": 0, "target": 0, "created_at_ms": 1}
    lot = {"units": 1, "since_ms": 1, "tries": 0, "tried_at_ms": 0}

    def work(tx: Connection) -> None:
        tx.execute(pool.insert().values(id="w", network=NETWORK, **marks))
        tx.execute(lying.insert().values(wallet="u", asset=NATIVE, pool="w", **lot))

    shop.store.transact(work)
    assert awake(shop) == {SEND}
    shop.store.transact(lambda tx: tx.execute(lying.update().values(wallet="w")))
    assert awake(shop) == set()  # the pool's own, that is looked for by the clock


def test_a_new_pool_is_looked_at(shop: Workshop) -> None:
    """Made while the loop rests, it has one round look where coins of its own lie."""
    shop.issue("w")
    marks = {"high": 0, "low": 0, "target": 0, "created_at_ms": 1}
    row = pool.insert().values(id="w", network=NETWORK, **marks)

    async def story() -> None:
        office = await shop.office(cast(EvmNode, PaperNode(PaperChain())))
        lane = cast(EvmLane, office.lanes[NETWORK])
        _, send, _ = (one.rest for one in works.works(lane))
        assert send is not None
        before = await send()
        assert await send() == before
        shop.store.transact(lambda tx: tx.execute(row))
        after = await send()
        assert None not in (before, after)
        assert after != before

    asyncio.run(story())


def test_a_block_wakes_what_reads_the_purse(shop: Workshop) -> None:
    """The watching loop depends on the block that was read last; the others do not."""

    async def story() -> None:
        office = await shop.office(cast(EvmNode, PaperNode(PaperChain())))
        _, send, watch = (one.rest for one in works.works(cast(EvmLane, office.lanes[NETWORK])))
        assert send is not None
        assert watch is not None
        before = await send()
        shop.store.transact(lambda tx: position.begin(tx, NETWORK, 1, b"1" * 32))
        assert (b"1" * 32).hex() in cast(tuple[object, ...], await watch())
        shop.store.transact(lambda tx: position.advance(tx, NETWORK, 2, b"2" * 32))
        for _ in range(1800):
            found = cast(tuple[object, ...], await watch())
            if (b"2" * 32).hex() in found:
                break
            await asyncio.sleep(0.05)
        assert (b"2" * 32).hex() in found
        assert await send() == before

    asyncio.run(story())


def test_a_loop_rests_only_after_a_round_that_moved_nothing(shop: Workshop) -> None:
    """Something new, a round that moved something, and one that failed each make it look again."""
    answers: list[Hashable | None] = [None, "a", "a", "b", "b", "b"]
    outcomes: list[bool | Exception] = [False, True, ValueError("never seen"), False, False]
    rounds = list[Hashable | None]()

    async def rest() -> Hashable | None:
        return answers[0]

    async def work() -> bool:
        rounds.append(answers[0])
        outcome = outcomes[len(rounds) - 1]
        answers.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def story() -> None:
        office = await shop.office(cast(EvmNode, PaperNode(PaperChain())))
        engine = PayoutEngine([Work("one", office.lanes[NETWORK], work, rest)])
        running = asyncio.ensure_future(engine.run())
        async with asyncio.timeout(90):
            while len(rounds) < 4:
                engine.wake()
                await asyncio.sleep(0.01)
        for _ in range(20):
            engine.wake()
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
    assert rounds == [None, "a", "a", "b"]
    assert answers[0] == "b"
