"""Whatever happens on a Bitcoin chain, App's books end up as a fresh reading of the best chain has them.

The chain is random: payments, dust, rewards, own spendings with change, replaced transactions, blocks
replaced by empty and other ones, followers that start anew.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.pool import StaticPool

from keepcool.app.books import accounts, ledger, postings
from keepcool.app.coins import addresses, drafts
from keepcool.app.coins.addresses import Address
from keepcool.app.coins.tables import coin
from keepcool.app.deposits import events
from keepcool.app.deposits.bitcoin.follower import Follower, Plan
from keepcool.app.deposits.bitcoin.recording import Terms
from keepcool.app.store import Store
from keepcool.chains.bitcoin.scanning import body_of, txid_of
from keepcool.chains.bitcoin.transaction import Transaction, parse_transaction, shown
from keepcool.core.errors import Unavailable
from keepcool.core.ids import WalletId
from tests.fixtures.effort import examples
from tests.unit.app.deposits.bitcoin_office import ASSET, DUST, NETWORK, ROW, script_of
from tests.unit.app.deposits.office import TestClock
from tests.unit.app.deposits.paperbitcoin import NOBODY, PaperBitcoin, coinbase, payment

pytestmark = pytest.mark.slow

WALLETS = ("alice", "bob")
CHANGE = {script_of(name, 1): name for name in WALLETS}
OURS = {script_of(name): name for name in WALLETS}
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("pay"), st.sampled_from(WALLETS), st.sampled_from([500, 999, 1_000, 70_000, 600_000])
        ),
        st.tuples(st.just("mine"), st.integers(1, 3), st.booleans()),
        st.tuples(st.just("reward"), st.sampled_from(WALLETS)),
        st.tuples(st.just("lose"), st.integers(1, 5), st.booleans()),
        st.tuples(st.just("spend"), st.sampled_from(WALLETS), st.booleans()),
        st.tuples(st.just("replace"), st.integers(0, 5)),
        st.tuples(st.just("follow"), st.booleans()),
    ),
    min_size=4,
    max_size=22,
)
SCRIPTS = {**OURS, **CHANGE}


class Recorded(PaperBitcoin):
    """Remembers each block's transactions, and gives lost ones back to the pool."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[bytes, tuple[bytes, ...]] = {}

    def mine(self, *transactions: bytes, blocks: int = 1, reward: bytes = NOBODY) -> str:
        before = len(self.blocks)
        last = super().mine(*transactions, blocks=blocks, reward=reward)
        for number, block in enumerate(self.blocks[before:]):
            salt = self._salt - blocks + 1 + number
            minted = coinbase(salt, reward, 5_000)
            self.held[block[:80]] = (minted, *(transactions if number == 0 else ()))
        return last

    def lose(self, depth: int, *, forget: bool) -> None:
        depth = min(depth, len(self.blocks) - 1)
        for block in self.blocks[len(self.blocks) - depth :]:
            if not forget:
                self.relay(*self.held[block[:80]][1:])
        self.give_up(depth)
        self.drop_orphans()

    def spent(self) -> set[tuple[str, int]]:
        """Outpoints that the chain or the pool spends."""
        known = [raw for block in self.blocks for raw in self.held.get(block[:80], ())]
        return {
            (shown(one.outpoint.txid), one.outpoint.position)
            for raw in (*known, *self.pool.values())
            for one in parse_transaction(raw).inputs
        }

    def drop_orphans(self) -> None:
        """A pool holds nothing whose inputs are in no block and not in it."""
        while True:
            known = {txid_of(raw) for block in self.blocks for raw in self.held.get(block[:80], ())}
            known |= set(self.pool)
            gone = [
                name
                for name, raw in self.pool.items()
                for one in parse_transaction(raw).inputs
                if one.witness == (b"ours",) and shown(one.outpoint.txid) not in known
            ]
            if not gone:
                return
            for name in set(gone):
                del self.pool[name]

    def pooled(self) -> list[bytes]:
        """Parents first."""
        ids = {txid_of(raw): raw for raw in self.pool.values()}
        above = {
            name: {shown(one.outpoint.txid) for one in parse_transaction(raw).inputs} & ids.keys()
            for name, raw in ids.items()
        }
        return [ids[name] for name in TopologicalSorter(above).static_order()]


@dataclass
class World:
    """The node, App beside it, and what was ever drafted."""

    node: Recorded = field(default_factory=Recorded)
    salt: int = 0

    def __post_init__(self) -> None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self.store, self.clock = Store(engine), TestClock()
        self.store.create_tables()
        some = [_address(script, name, script in CHANGE) for script, name in SCRIPTS.items()]
        self.store.transact(lambda tx: addresses.add_addresses(tx, some))
        self.follower = self.started()

    def started(self) -> Follower:
        return Follower(Plan(Terms(ROW, DUST), 1), self.node, self.store, self.clock)

    def follow(self) -> None:
        """Until nothing is left to do, or the node has fewer blocks than App has read."""
        with suppress(Unavailable):
            while asyncio.run(self.follower.step()).busy:
                pass

    def unspent(self) -> list[tuple[str, int, bytes, int, int, bool]]:
        """(txid, vout, script, amount, height, minted) of our coins, read from nothing but the chain."""
        found: dict[tuple[str, int], tuple[bytes, int, int, bool]] = {}
        for height, tx in self.transactions():
            for one in tx.inputs:
                found.pop((shown(one.outpoint.txid), one.outpoint.position), None)
            minted = tx.inputs[0].outpoint.txid == bytes(32)
            for vout, output in enumerate(tx.outputs):
                if output.script in SCRIPTS:
                    found[shown(tx.txid), vout] = (output.script, output.amount_sat, height, minted)
        return [(*where, *what) for where, what in sorted(found.items())]

    def transactions(self) -> list[tuple[int, Transaction]]:
        return [
            (height, parse_transaction(raw))
            for height, block in enumerate(self.node.blocks)
            for raw in self.node.held.get(block[:80], ())
        ]

    def paid(self) -> dict[str, int]:
        """What came to each wallet from outside, for ever; its own change is not."""
        total = dict.fromkeys(WALLETS, 0)
        for _, tx in self.transactions():
            for output in tx.outputs:
                if output.script in OURS:
                    total[OURS[output.script]] += output.amount_sat
        return total

    def settle(self) -> None:
        """Everything in the pool is mined, and buried deeper than anything waits for."""
        self.follow()
        self.node.mine(*self.node.pooled(), blocks=8)
        self.follow()

    def do(self, step: tuple[object, ...]) -> None:
        match step:
            case "pay", str(name), int(amount):
                self.salt += 1
                self.node.relay(payment([(script_of(name), amount)], salt=self.salt))
            case "mine", int(blocks), bool(with_pool):
                self.node.mine(*(self.node.pooled() if with_pool else ()), blocks=blocks)
            case "reward", str(name):
                self.node.mine(reward=script_of(name))
            case "lose", int(depth), bool(forget):
                self.node.lose(depth, forget=forget)
            case "spend", str(name), bool(dearly):
                self.spend(name, 3 if dearly else 2)
            case "replace", int(number) if self.node.pool:
                del self.node.pool[sorted(self.node.pool)[number % len(self.node.pool)]]
                self.node.drop_orphans()
            case "follow", bool(anew):
                self.follower = self.started() if anew else self.follower
                self.follow()

    def spend(self, name: str, part: int) -> None:
        """A draft of ours, noted before anybody sees it, of the first two coins that nothing spends."""
        taken, mine = self.node.spent(), (script_of(name), script_of(name, 1))
        free = [one for one in self.unspent() if one[2] in mine and one[:2] not in taken and not one[5]][:2]
        held = sum(one[3] for one in free)
        if held < 10:
            return
        outputs = [(NOBODY, held // part), (script_of(name, 1), held - held // part)]
        sent = payment(outputs, [one[:2] for one in free], witness=(b"ours",))
        self.salt += 1
        self.store.transact(
            lambda tx: drafts.note_draft(tx, NETWORK, body_of(sent), WalletId(name), f"batch {self.salt}")
        )
        self.node.relay(sent)


def _address(script: bytes, name: str, change: bool) -> Address:
    wallet = None if change else WalletId(name)
    return Address(
        network=NETWORK,
        script=script,
        source=WalletId(name),
        wallet=wallet,
        cosigner=0,
        change=int(change),
        index=0,
    )


@settings(max_examples=examples(25), deadline=None)
@given(STEPS)
def test_the_books_are_what_the_chain_says(steps: list[tuple[object, ...]]) -> None:
    """Coins, balances and dust equal those of a reader who has seen nothing but the best chain; nothing of it
    raises an alarm about spendings of our own."""
    world = World()
    for step in steps:
        world.do(step)
    world.settle()

    def work(tx: Connection) -> None:
        lying = (coin.c.gone.is_(False), coin.c.height.is_not(None), coin.c.spent_by.is_(None))
        rows = tx.execute(select(coin.c.txid, coin.c.vout, coin.c.amount_sat, coin.c.height).where(*lying))
        expected = [(txid, vout, amount, height) for txid, vout, _, amount, height, _ in world.unspent()]
        assert sorted(map(tuple, rows)) == expected
        for name, paid in world.paid().items():
            kinds = (accounts.coins, accounts.owed, accounts.dust, accounts.short)
            coins, owed, dusty, short = (ledger.balance(tx, kind(WalletId(name)), ASSET) for kind in kinds)
            assert coins == paid == owed + dusty - short
        assert postings.check_books(tx) == []
        codes = {one.code for one in events.list_events(tx, limit=1_000)}
        assert codes <= {"deposit.reversed", "chain.reorganised_deep"}

    world.store.transact(work)
    world.store.close()
