"""Wallets made ahead on the simulator, with a whole Keeper: stock, gaps, fee money handed round, and books.

App's side is real to the database; a round is `step`, so that each test says when a block comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.app.books import accounts, ledger
from keepcool.app.payouts import notes
from keepcool.app.spares import rows
from keepcool.app.spares.lane import Lane, Plan
from keepcool.app.spares.making import FULL_CREATES, create_cost
from keepcool.app.spares.rows import Errand, Purpose, Sent, Spare, Stage
from keepcool.app.spares.running import step
from keepcool.app.spares.sending import RESEND_AFTER_MS
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.core.errors import Unavailable
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.local.minterchain import DevMinter
from keepcool.wire.messages import Head, Reserved
from tests.fixtures.minterchain import running_minter
from tests.unit.keeper.minter_house import BIP, COIN, NETWORK, House, told, wanted

pytestmark = pytest.mark.live
RICH = 1_000_000 * BIP
T = TypeVar("T")


class Yard:
    """One App's wallet making: its lane, its Keeper, and the simulator."""

    def __init__(self, house: House, chain: DevMinter, lane: Lane) -> None:
        self.house, self.chain, self.lane = house, chain, lane

    def do(self, work: Callable[[Connection], T]) -> T:
        return self.lane.store.transact(work)

    async def round(self) -> bool:
        """One round of App."""
        return await step(self.lane, asyncio.Event())

    async def rounds(self, blocks: int) -> None:
        """So many times: App works until it has nothing to do, then a block comes; and once more."""
        for _ in range(blocks):
            await self.settled()
            self.chain.mine()
        await self.settled()

    async def settled(self) -> None:
        for _ in range(20):
            if not await self.round():
                return
        raise AssertionError("App has always more to do")

    def making(self, spares: int) -> Yard:
        """The same App with another stock in its settings."""
        return Yard(self.house, self.chain, replace(self.lane, plan=replace(self.lane.plan, spares=spares)))

    def later(self) -> Yard:
        """The same App, when it is time to send again."""
        return Yard(self.house, self.chain, replace(self.lane, clock=SystemClock(2 * RESEND_AFTER_MS)))

    async def creators(self) -> list[str]:
        return await self.house.creators()

    async def cost(self) -> int:
        return await create_cost(self.lane)

    def spares(self, stage: Stage) -> list[Spare]:
        return self.do(lambda tx: rows.in_stage(tx, NETWORK, stage, 100))

    def errands(self, *stages: Sent) -> list[Errand]:
        return self.do(lambda tx: rows.errands(tx, NETWORK, *(stages or tuple(Sent))))

    def purse(self) -> int:
        return self.do(lambda tx: ledger.balance(tx, accounts.purse(NETWORK), COIN))

    def fees(self) -> int:
        return self.do(lambda tx: ledger.balance(tx, accounts.fees(NETWORK), COIN))

    def told(self, kind: str) -> list[str]:
        return [one.text for one in self.do(lambda tx: notes.list_notes(tx, limit=100, kind=kind))]

    def is_balanced(self) -> bool:
        return not self.do(ledger.check_books)


Story = Callable[[Yard], Awaitable[None]]


async def head_seen(service: Service, head: Head) -> None:
    """Heads are another test's."""
    del service, head


def on(chain: DevMinter, folder: Path, story: Story, spares: int = 3) -> None:
    async def whole(house: House) -> None:
        node = HttpMinterNode(NETWORK, chain.url, SystemClock())
        peers = [signer.foundation.own for signer in (house.keeper, house.cooler)]
        with closing(Store(open_books(folder / "app.sqlite"))) as store:
            store.create_tables()
            lane = Lane(
                plan=Plan(NETWORK, COIN, spares, gas_price=1, gas_price_max=10),
                node=node,
                store=store,
                exchange=house.app,
                attesters=Attesters(peers),
                clock=SystemClock(),
                entropy=SystemEntropy(),
                head_seen=head_seen,
                timeout_s=60,
            )
            try:
                await story(Yard(house, chain, lane))
            finally:
                await node.close()

    told(folder, whole)


@pytest.fixture(scope="module")
def chain() -> Iterator[DevMinter]:
    with running_minter() as simulator:
        yield simulator


def test_the_stock_is_made_and_filled_again(chain: DevMinter, tmp_path: Path) -> None:
    """Each creator makes one a block until the stock is whole; one that is given away is replaced; what was
    made stands on the chain with a threshold of two."""

    async def story(yard: Yard) -> None:
        for one in await yard.creators():
            chain.fund(one, RICH)
        await yard.rounds(1)
        made = yard.spares(Stage.MADE)
        assert len(made) == 3
        assert all(chain.multisig(one.address or "")[0] == 2 for one in made)
        assert len({one.account for one in yard.errands(Sent.DONE)}) == 3
        given = yard.do(lambda tx: rows.given(tx, NETWORK, WalletId("ask-1"), 1))
        assert given.id == made[0].id
        await yard.rounds(1)
        assert len(yard.spares(Stage.MADE)) == 4
        assert yard.do(lambda tx: rows.free_count(tx, NETWORK)) == 3

    on(chain, tmp_path, story)


def test_without_money_nothing_is_asked_of_keeper(chain: DevMinter, tmp_path: Path) -> None:
    """Creators that cannot pay make nothing and use no nonce; the operator is told once whom to top up."""

    async def story(yard: Yard) -> None:
        await yard.rounds(2)
        assert yard.errands() == []
        first = (await yard.creators())[0]
        assert yard.told("purse.low") == [f"0 pip left: top up {first}"]

    on(chain, tmp_path, story)


def test_the_purse_hands_fee_money_to_the_others(chain: DevMinter, tmp_path: Path) -> None:
    """Only the purse was topped up: one transaction brings each other creator to what twenty creations cost,
    and then all of them make wallets."""

    async def story(yard: Yard) -> None:
        first, *others = await yard.creators()
        chain.fund(first, RICH)
        full = FULL_CREATES * await yard.cost()
        await yard.round()
        (spread,) = [one for one in yard.errands() if one.purpose is Purpose.SPREAD]
        assert spread.account == first
        chain.mine()
        assert [chain.balance(one) for one in others] == [full, full]
        await yard.rounds(1)
        assert {one.account for one in yard.errands() if one.purpose is Purpose.CREATE} >= set(others)
        assert len([one for one in yard.errands() if one.purpose is Purpose.SPREAD]) == 1

    on(chain, tmp_path, story)


def test_a_purse_keeps_enough_for_itself(chain: DevMinter, tmp_path: Path) -> None:
    """Where the money is for one creator alone, it is not handed round: the purse makes wallets itself."""

    async def story(yard: Yard) -> None:
        first = (await yard.creators())[0]
        chain.fund(first, (FULL_CREATES + 1) * await yard.cost())
        await yard.rounds(1)
        assert [(one.purpose, one.account) for one in yard.errands()][:1] == [(Purpose.CREATE, first)]
        assert all(one.purpose is Purpose.CREATE for one in yard.errands())

    on(chain, tmp_path, story)


def test_a_nonce_keeper_signed_elsewhere_is_used_up(chain: DevMinter, tmp_path: Path) -> None:
    """Keeper has reserved a wallet that App does not know: App uses that nonce up before it makes another
    with this creator, so the stranger's create can never be taken."""

    async def story(yard: Yard) -> None:
        creators = await yard.creators()
        for one in creators:
            chain.fund(one, RICH)
        (lost,) = await yard.house.reserve(wanted("lost", creators[1], 1))
        assert isinstance(lost, Reserved), lost
        await yard.rounds(2)
        mine = [(one.nonce, one.purpose) for one in yard.errands() if one.account == creators[1]]
        assert mine[:1] == [(1, Purpose.CANCEL)]
        assert len(yard.told("purse.nonce_gap")) == 1
        assert chain.send(lost.transaction)[0] == 400
        assert len(yard.spares(Stage.MADE)) == 3

    on(chain, tmp_path, story)


def test_books_explain_top_ups_and_fees(chain: DevMinter, tmp_path: Path) -> None:
    """What was funded is a top-up, what creations cost is a fee, and the purse's account is to the pip what
    the creators hold together; another top-up adds to it."""

    async def story(yard: Yard) -> None:
        creators = await yard.creators()
        for one in creators:
            chain.fund(one, RICH)
        await yard.rounds(2)
        held = sum(chain.balance(one) for one in creators)
        assert (yard.purse(), yard.fees()) == (held, 3 * RICH - held)
        assert yard.fees() == 3 * await yard.cost()
        chain.fund(creators[0], BIP)
        await yard.settled()
        assert yard.purse() == held + BIP
        assert yard.is_balanced()
        assert yard.told("purse.missing") == []

    on(chain, tmp_path, story)


def test_what_is_missing_is_told_and_not_booked(chain: DevMinter, tmp_path: Path) -> None:
    """The books say more than the creators hold: an operator is told how much, and the ledger stays."""

    async def story(yard: Yard) -> None:
        first = (await yard.creators())[0]
        chain.fund(first, RICH)
        yard.do(
            lambda tx: ledger.purse_topup(
                tx, network=NETWORK, asset=COIN, units=RICH + 7, source="a wrong hand", at_ms=1
            )
        )
        await yard.settled()
        (text,) = yard.told("purse.missing")
        assert text.startswith("the creators hold 7 pip less than their books explain")
        assert yard.purse() == RICH + 7

    on(chain, tmp_path, story, spares=0)


def test_what_a_key_did_elsewhere_is_told(chain: DevMinter, tmp_path: Path) -> None:
    """A creator makes a wallet that App never asked for. Its books wait while a nonce is unexplained, and
    with the creator's next transaction they tell what is missing: exactly that creation's price."""

    async def story(yard: Yard) -> None:
        first = (await yard.creators())[0]
        enough = (FULL_CREATES + 1) * await yard.cost()
        chain.fund(first, enough)
        await yard.settled()
        assert yard.purse() == enough
        (foreign,) = await yard.house.reserve(wanted("foreign", first, 1))
        assert isinstance(foreign, Reserved), foreign
        assert chain.send(foreign.transaction)[0] == 200
        chain.mine()
        await yard.settled()
        assert yard.told("purse.missing") == []
        await yard.making(spares=1).rounds(2)
        (text,) = yard.told("purse.missing")
        assert text.startswith(f"the creators hold {await yard.cost()} pip less")
        assert yard.is_balanced()

    on(chain, tmp_path, story, spares=0)


def test_an_answer_that_was_lost_is_asked_for_again(chain: DevMinter, tmp_path: Path) -> None:
    """Keeper is away after App has stored what it wants: the rows stay, and when Keeper is back each nonce is
    asked for once, under the same row, and gets one wallet."""

    async def story(yard: Yard) -> None:
        for one in await yard.creators():
            chain.fund(one, RICH)
        lines = yard.house.lines
        lines.down = {"wallets.reserve.v1"}
        with pytest.raises(Unavailable):
            await yard.settled()
        before = yard.errands(Sent.STORED)
        assert len(before) == 3
        lines.down = set()
        await yard.rounds(1)
        after = yard.errands(Sent.DONE)[:3]
        same = [(one.number, one.account, one.nonce, one.wallet) for one in before]
        assert [(one.number, one.account, one.nonce, one.wallet) for one in after] == same
        assert len(yard.spares(Stage.MADE)) == 3

    on(chain, tmp_path, story)


def test_a_send_without_an_answer_makes_one_wallet(chain: DevMinter, tmp_path: Path) -> None:
    """A node takes transactions and answers with an error: they are sent again byte for byte, and what is in
    the block counts, once."""

    async def story(yard: Yard) -> None:
        for one in await yard.creators():
            chain.fund(one, RICH)
        chain.faults(hidden_sends=True)
        try:
            for _ in range(3):
                with suppress(Unavailable):
                    await yard.round()
        finally:
            chain.mend()
        await yard.rounds(1)
        assert len(yard.spares(Stage.MADE)) == 3
        assert len(yard.errands()) == 3
        assert yard.is_balanced()

    on(chain, tmp_path, story)


def test_what_a_pool_forgot_is_sent_again(chain: DevMinter, tmp_path: Path) -> None:
    """A node says "accepted" and forgets: it is believed for a while, then the same bytes are sent again."""

    async def story(yard: Yard) -> None:
        for one in await yard.creators():
            chain.fund(one, RICH)
        chain.faults(silent_sends=True)
        try:
            await yard.settled()
        finally:
            chain.mend()
        before = yard.errands(Sent.SIGNED)
        await yard.rounds(1)
        assert yard.spares(Stage.MADE) == []
        await yard.later().rounds(1)
        assert len(yard.spares(Stage.MADE)) == 3
        assert [one.hashes for one in yard.errands(Sent.DONE)] == [one.hashes for one in before]

    on(chain, tmp_path, story)
