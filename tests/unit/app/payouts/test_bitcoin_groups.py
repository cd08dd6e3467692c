"""Which withdrawals of Bitcoin share a transaction, and what is told of their batches; without any node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from keepcool.adapters.bitcoinkernel import scripts
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.app.books import ledger, people, registry
from keepcool.app.books.registry import Asked
from keepcool.app.coins import addresses
from keepcool.app.coins.addresses import Address
from keepcool.app.config import AssetSettings, BitcoinFeeSettings, BitcoinSettings
from keepcool.app.payouts import store
from keepcool.app.payouts.bitcoin import batches, drafting, groups
from keepcool.app.payouts.bitcoin.batches import NewBatch
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.notes import Numbers
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.core.ids import UserId, WalletId
from keepcool.core.parties import Service
from keepcool.core.withdrawal import Thawed
from keepcool.core.withdrawal_states import Frozen
from keepcool.ports.bitcoinnode import BitcoinNode
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import FixedClock, Signers
from tests.unit.app.payouts.workshop import Faults

pytestmark = pytest.mark.usefixtures("both_engines")

ROW = LITECOIN_REGTEST
POOL, OWN = WalletId("pool"), WalletId("own")
NO_NODE = cast(BitcoinNode, None)  # who is paid together is decided without asking anybody


class Bench:
    """A lane on a database of its own; wallets u0, u1, … lie in one pool, `own` by itself."""

    def __init__(self, folder: Path, fees: BitcoinFeeSettings) -> None:
        self.store, self.clock, signers = Store(open_books(folder / "app.db")), FixedClock(), Signers()
        self.store.create_tables()
        assets = [AssetSettings(id=ROW.asset, symbol="LTC", decimals=8)]
        settings = BitcoinSettings(name="l", node_urls=["-"], assets=assets, profile="bip45-p2wsh", fees=fees)
        self.lane = BitcoinLane(
            network=ROW.id,
            native=ROW.asset,
            settings=settings,
            store=self.store,
            exchange=signers.exchange(Service.APP),
            attesters=Attesters(signers.peers),
            clock=self.clock,
            faults=Faults(),
            numbers=Numbers(CollectorRegistry()),
            signer_timeout_s=1.0,
            row=ROW,
            node=NO_NODE,
            entropy=SystemEntropy(),
            checker=scripts.check,
        )
        for number in range(5):
            self.wallet(WalletId(f"u{number}"), POOL, number)
        self.wallet(OWN, OWN, 0)

    def wallet(self, name: WalletId, source: WalletId, index: int) -> None:
        def work(tx: Connection) -> None:
            people.create_user(tx, user=UserId("o"), external_id=None, about={}, now_ms=1)
            registry.ask(tx, Asked(name, UserId("o"), ROW.id, "bip45-p2wsh", None, {}), 1)
            place = {"cosigner": 0, "change": 0, "index": index}
            one = Address(network=ROW.id, script=name.encode(), source=source, wallet=name, **place)
            addresses.add_addresses(tx, [one])
            units, asset = 10**9, ROW.asset
            ledger.credit_deposit(tx, deposit=f"d{name}", wallet=name, asset=asset, units=units, at_ms=1)

        self.store.transact(work)

    def order(self, name: str, wallet: str, **more: Any) -> Withdrawal:
        fields = {"kind": Kind.WITHDRAWAL, "units": 1000, "recipient": "x", "fee_max": 500, **more}
        new = NewWithdrawal(name, wallet=WalletId(wallet), network=ROW.id, asset=ROW.asset, **fields)
        return self.store.transact(lambda tx: store.insert(tx, new, self.clock.now_ms()))

    def due(self) -> list[list[str]]:
        found = self.store.transact(lambda tx: groups.payments(tx, self.lane))
        return [[one.id for one in group.members] for group in found]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, BitcoinFeeSettings(batch_s=60, batch_outputs_max=4))
    yield made
    made.store.close()


def test_a_wallet_of_its_own_waits_for_nobody(bench: Bench) -> None:
    """Each of its withdrawals is a transaction of its own, at once."""
    bench.order("a", OWN)
    bench.order("b", OWN)
    assert bench.due() == [["a"], ["b"]]


def test_a_pool_waits_until_it_is_full_or_it_is_time(bench: Bench) -> None:
    """Three wait for a fourth; a fifth waits again, and after the time it goes alone."""
    for number in range(3):
        bench.order(f"a{number}", f"u{number}")
    assert bench.due() == []
    bench.order("a3", "u3")
    bench.order("a4", "u4")
    assert bench.due() == [["a0", "a1", "a2", "a3"]]
    bench.clock.now += 61_000
    assert bench.due() == [["a0", "a1", "a2", "a3"], ["a4"]]


def test_what_was_split_is_drafted_by_parts_at_once(bench: Bench) -> None:
    """The halves of a batch that was given up are drafted apart and with nothing new beside them."""
    names = [f"a{number}" for number in range(3)]
    for number, name in enumerate(names):
        bench.order(name, f"u{number}")
    bench.store.transact(lambda tx: groups.split(tx, "b-1", names))
    bench.order("new", "u4")
    assert bench.due() == [["a0", "a1"], ["a2"]]
    bench.store.transact(lambda tx: groups.split(tx, "b-2", names[:2]))
    assert bench.due() == [["a0"], ["a1"], ["a2"]]


def test_no_share_of_a_batchs_fee_exceeds_what_its_withdrawal_allows(bench: Bench) -> None:
    """The one that allows least bounds the whole, by its number of outputs."""
    one = bench.order("a", "u0", fee_max=1000)
    two = bench.order("b", "u1", fee_max=300)
    three = bench.order("c", "u2", fee_max=900, outputs=(("x", 400), ("y", 300), ("z", 300)))
    assert drafting.fee_bound([one]) == 1000
    assert drafting.fee_bound([one, two]) == 600
    assert drafting.fee_bound([one, two, three]) == 1500


@pytest.mark.parametrize("stage", [batches.Stage.CONFIRMED, batches.Stage.ENDED])
def test_what_a_transaction_has_paid_is_not_drafted_again_by_thawing(
    bench: Bench, stage: batches.Stage
) -> None:
    """A given-up draft has paid it: however often a person lets it go, it is stopped again. Its twin,
    whose draft never confirmed, is drafted again."""
    bench.order("a", OWN)

    def work(tx: Connection) -> None:
        one = NewBatch("b-1", ROW.id, OWN, batches.Purpose.PAY, b"i", 500, 2**31, (), (), (("a", 1),))
        batches.insert(tx, one, 1)
        batches.change(tx, "b-1", 1, stage=stage.value, transaction="ab" * 32)

    bench.store.transact(work)
    for _ in range(2):
        if stage is batches.Stage.ENDED:
            assert bench.due() == [["a"]]
            continue
        assert bench.due() == []
        assert isinstance(bench.store.transact(lambda tx: store.get(tx, "a")).state, Frozen)
        bench.store.transact(lambda tx: store.step(tx, "a", Thawed(), 1))
