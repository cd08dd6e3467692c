"""When an EVM pool's addresses are swept, and which withdrawals wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from keepcool.app.books import ledger, registry
from keepcool.app.config import AssetSettings, EvmSettings
from keepcool.app.deposits import passages, position
from keepcool.app.deposits.tables import lying
from keepcool.app.network_settings import SweepSettings
from keepcool.app.payouts import holding, purses, store, turns
from keepcool.app.payouts.evm import sweeping
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.purses import Purpose, Stage
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.app.pools import covering, rows
from keepcool.app.pools.rows import Marks
from keepcool.chains.evm.forwarders import forwarder_address
from keepcool.core.errors import Refused
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.withdrawal import Event
from keepcool.core.withdrawal_states import Failed
from tests.unit.app.deposits.office import NATIVE, NETWORK, Office

TOKEN = AssetId(f"{NETWORK}/erc20:0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67")
POOL, TREASURY = WalletId("pool"), "0x41675C099F32341bf84BFc5382aF534df5C7461a"
WAIT_S = 600


@dataclass
class PaperLane:
    """Of a lane what deciding needs."""

    office: Office
    now: int = 1_800_000_000_000
    batch_max: int = 3

    @property
    def network(self) -> str:
        return NETWORK

    @property
    def clock(self) -> PaperLane:
        return self

    def now_ms(self) -> int:
        return self.now

    @property
    def settings(self) -> EvmSettings:
        assets = [AssetSettings(id=NATIVE, symbol="ETH", decimals=18)]
        assets.append(AssetSettings(id=TOKEN, symbol="COIN", decimals=6, sweep_min="100"))
        sweep = SweepSettings(batch_max=self.batch_max, wait_s=WAIT_S)
        return EvmSettings(name="local", node_urls=[], assets=assets, profile="safe-1.5.0-l1", sweep=sweep)

    async def step(self, name: str, event: Event) -> Withdrawal:
        return self.office.store.transact(lambda tx: store.step(tx, name, event, self.now))

    def member(self, name: str) -> WalletId:
        wallet = self.office.issue(name, None)
        self.office.store.transact(lambda tx: rows.add_member(tx, wallet, POOL))
        address = forwarder_address(TREASURY, len(name))
        self.office.store.transact(lambda tx: registry.give_address(tx, wallet, address, 1))
        return wallet

    def lies(self, wallet: WalletId, asset: AssetId, units: int) -> None:
        def work(tx: Connection) -> None:
            passages.note_lying(tx, wallet, asset, units, self.now)
            if units:
                name = f"{wallet}{asset}{self.now}"
                ledger.credit_deposit(tx, deposit=name, wallet=wallet, asset=asset, units=units, at_ms=1)

        self.office.store.transact(work)

    def due(self) -> set[tuple[str, str]]:
        def work(tx: Connection) -> set[tuple[str, str]]:
            found = sweeping.due(tx, cast(EvmLane, self), rows.get_pool(tx, POOL))
            return {(one.wallet, one.asset) for one in found}

        return self.office.store.transact(work)

    def asks(self, wallet: WalletId, units: int, name: str = "wd") -> str | None:
        """Why this withdrawal waits."""
        new = NewWithdrawal(name, Kind.WITHDRAWAL, wallet, NETWORK, NATIVE, units, "0x", 1)

        def work(tx: Connection) -> str | None:
            return covering.uncovered(tx, store.insert(tx, new, 1))

        return self.office.store.transact(work)


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[PaperLane]:
    office = Office(tmp_path)
    pool = office.issue("pool", TREASURY)
    office.store.transact(lambda tx: rows.insert_pool(tx, pool, NETWORK, Marks(), 1))
    yield PaperLane(office)
    office.close()


def test_the_first_waits_for_others_and_not_for_ever(lane: PaperLane) -> None:
    """One address is swept when it has waited long enough, a full batch at once."""
    first = lane.member("a")
    lane.lies(first, NATIVE, 5)
    assert lane.due() == set()
    lane.now += WAIT_S * 1000
    assert lane.due() == {(first, NATIVE)}
    lane.now -= WAIT_S * 1000
    others = [lane.member(name) for name in ("bb", "ccc")]
    for one in others:
        lane.lies(one, NATIVE, 5)
    assert lane.due() == {(one, NATIVE) for one in (first, *others)}


def test_a_pools_own_takes_no_place_of_its_members(lane: PaperLane) -> None:
    """What lies at addresses of nobody is looked for by itself: members' payments fetch other coins."""
    wallet = lane.member("a")
    lane.lies(wallet, NATIVE, 5)
    lane.office.store.transact(lambda tx: passages.note_strays(tx, POOL, NATIVE, 50, 1))
    assert lane.asks(wallet, 4) is not None
    assert lane.due() == {(wallet, NATIVE)}


def test_what_is_not_worth_it_stays(lane: PaperLane) -> None:
    """Less than an asset's `sweep_min` waits for more."""
    wallet = lane.member("a")
    lane.lies(wallet, TOKEN, 99)
    lane.now += 10 * WAIT_S * 1000
    assert lane.due() == set()
    lane.lies(wallet, TOKEN, 100)
    assert lane.due() == {(wallet, TOKEN)}


def test_what_a_sweep_left_behind_waits_longer_each_time(lane: PaperLane) -> None:
    """Twice the time after each try; more coins begin anew."""
    wallet = lane.member("a")
    lane.lies(wallet, NATIVE, 5)
    for tries in (1, 2):
        lane.office.store.transact(lambda tx: passages.tried(tx, [(wallet, NATIVE)], lane.now))
        lane.now += WAIT_S * 1000 * 2**tries - 1
        assert lane.due() == set()
        lane.now += 1
        assert lane.due() == {(wallet, NATIVE)}
    lane.office.store.transact(lambda tx: passages.tried(tx, [(wallet, NATIVE)], lane.now))
    lane.lies(wallet, NATIVE, 6)
    assert lane.due() == {(wallet, NATIVE)}
    lane.lies(wallet, NATIVE, 0)
    assert lane.due() == set()


def test_payments_that_want_more_than_the_treasury_has_sweep_at_once(lane: PaperLane) -> None:
    """The withdrawal waits instead of failing, and what is missing is fetched without waiting for others."""
    wallet = lane.member("a")
    lane.lies(wallet, NATIVE, 5)
    assert "brought to the pool's treasury" in (lane.asks(wallet, 4) or "")
    assert lane.due() == {(wallet, NATIVE)}
    settled = {"number": 7, "units": 4}
    lane.office.store.transact(lambda tx: position.settle(tx, NETWORK, POOL, NATIVE, **settled))
    assert lane.due() == set()
    assert lane.office.store.transact(lambda tx: covering.uncovered(tx, store.get(tx, "wd"))) is None


def test_dust_fills_no_batch_that_a_payment_has_ordered(lane: PaperLane) -> None:
    """What payments lack is fetched, the largest first, and no address more; dust is among it only where
    nothing else brings enough."""
    large, small, dust = (lane.member(name) for name in ("a", "bb", "ccc"))
    for wallet, units in ((large, 150), (small, 120), (dust, 3)):
        lane.lies(wallet, TOKEN, units)

    def wants(units: int) -> set[tuple[str, str]]:
        new = NewWithdrawal(f"wd{units}", Kind.WITHDRAWAL, large, NETWORK, TOKEN, units, "0x", 1)
        lane.office.store.transact(lambda tx: store.insert(tx, new, 1))
        return lane.due()

    assert wants(140) == {(large, TOKEN), (small, TOKEN)}  # the other is worth it by itself
    lane.office.store.transact(lambda tx: passages.tried(tx, [(small, TOKEN)], lane.now))
    assert lane.due() == {(large, TOKEN)}
    lane.now += 60_000
    lane.office.store.transact(
        lambda tx: ledger.credit_deposit(tx, deposit="x", wallet=large, asset=TOKEN, units=999, at_ms=1)
    )
    assert wants(131) == {(large, TOKEN), (small, TOKEN), (dust, TOKEN)}


def test_less_than_may_be_deposited_is_not_swept() -> None:
    """Unless a network's table says more, or less, the least that is swept is the least that is credited."""
    listed = AssetSettings(id=TOKEN, symbol="COIN", decimals=6, deposit_min="1000")
    assert listed.least_swept == "1000"
    assert replace(listed, sweep_min="7").least_swept == "7"


def test_dust_at_a_thousand_addresses_hides_no_coins(lane: PaperLane) -> None:
    """What is never worth sweeping keeps nothing that is from being found, and is not what is fetched first
    where payments wait."""
    stranger = lane.member("dust")

    def sprinkle(tx: Connection) -> None:
        for number in range(1_001):
            row = {"wallet": f"{stranger}{number}", "asset": TOKEN, "pool": POOL, "units": 1, "since_ms": 1}
            tx.execute(lying.insert().values(**row, tries=0, tried_at_ms=0))

    lane.office.store.transact(sprinkle)
    lane.lies(wallet := lane.member("a"), TOKEN, 100)
    lane.now += WAIT_S * 1000
    assert lane.due() == {(wallet, TOKEN)}
    new = NewWithdrawal("wd", Kind.WITHDRAWAL, wallet, NETWORK, TOKEN, 90, "0x", 1)
    lane.office.store.transact(lambda tx: store.insert(tx, new, 1))
    assert (wallet, TOKEN) in lane.due()


def test_a_crowd_that_waits_keeps_nobody_from_being_looked_at(lane: PaperLane) -> None:
    """Many requests of one wallet, held or ready, and a later one of another: the later one is among the
    first that are read."""
    crowd, late = lane.member("a"), lane.member("bb")
    for wallet in (crowd, late):
        lane.lies(wallet, NATIVE, 100)

    def order(tx: Connection) -> None:
        for name, wallet in [*((f"wd{number}", crowd) for number in range(20)), ("late", late)]:
            store.insert(tx, NewWithdrawal(name, Kind.WITHDRAWAL, wallet, NETWORK, NATIVE, 1, "0x", 1), 1)

    def read(tx: Connection, each: int) -> list[str]:
        return [one.id for one in holding.ready(tx, NetworkId(NETWORK), lane.now, each=each, limit=10)]

    lane.office.store.transact(order)
    assert lane.office.store.transact(lambda tx: read(tx, 3)) == ["wd0", "wd1", "wd2", "late"]
    assert lane.office.store.transact(lambda tx: read(tx, 99))[-2:] == ["wd8", "late"]

    def hold(tx: Connection) -> None:
        for number in range(20):
            holding.hold_back(tx, store.get(tx, f"wd{number}"), now_ms=lane.now, problem="suspended")

    lane.office.store.transact(hold)
    assert lane.office.store.transact(lambda tx: read(tx, 99)) == ["late"]


def test_two_that_want_what_is_there_for_one_do_not_both_go_on(lane: PaperLane) -> None:
    """What is ahead of a withdrawal counts: it waits for a sweep, and is not tried until it is given up."""
    wallet = lane.member("a")
    lane.lies(wallet, NATIVE, 15)
    settled = {"number": 7, "units": 10}
    lane.office.store.transact(lambda tx: position.settle(tx, NETWORK, POOL, NATIVE, **settled))
    assert lane.asks(wallet, 7) is None
    asked = lane.office.store.transact(lambda tx: store.get(tx, "wd"))
    assert lane.office.store.transact(lambda tx: covering.uncovered(tx, asked, 3)) is None
    assert lane.office.store.transact(lambda tx: covering.uncovered(tx, asked, 4)) is not None


@pytest.mark.parametrize("held", [True, False])
def test_who_waited_for_others_is_not_given_up_at_his_first_failure(lane: PaperLane, held: bool) -> None:
    """However often it was held back, a withdrawal has as much patience left as a new one; the twin, whose
    waiting counts as tries, fails at once."""
    lane.lies(wallet := lane.member("a"), NATIVE, 5)
    lane.asks(wallet, 4)

    def wait(tx: Connection) -> None:
        if held:
            holding.hold_back(tx, store.get(tx, "wd"), now_ms=lane.now, problem="suspended")
        else:
            store.postpone(tx, "wd", now_ms=lane.now, wait_ms=1, problem="suspended")

    for _ in range(10):
        lane.office.store.transact(wait)
    one = lane.office.store.transact(lambda tx: store.get(tx, "wd"))
    assert not store.is_due(one, lane.now)
    refused = Refused("payout.reverts", "a node that lags says so")
    failing = turns.hopeless(cast(EvmLane, lane), one, refused)
    if held:
        with pytest.raises(Refused, match="a node that lags"):
            asyncio.run(failing)
    else:
        ended = asyncio.run(failing)
        assert ended is not None
        assert isinstance(ended.state, Failed)


def test_a_sweep_at_a_time_and_none_right_after_a_refusal(lane: PaperLane) -> None:
    """While one is on its way, and for a minute after Keeper has declined one, no other is planned."""
    wallet = lane.member("a")
    lane.lies(wallet, NATIVE, 5)
    lane.now += WAIT_S * 1000

    def sweep(tx: Connection) -> int:
        return purses.add(
            tx, network=NETWORK, account="0x", nonce=0, purpose=Purpose.SWEEP, wallet=POOL, withdrawal=None,
            unsigned=b"x", fee_max=1, now_ms=lane.now,
        ).number  # fmt: skip

    number = lane.office.store.transact(sweep)
    assert lane.due() == set()
    lane.office.store.transact(lambda tx: purses.update(tx, number, stage=Stage.DECLINED.value))
    assert lane.due() == set()
    lane.now += 60_000
    assert lane.due() == {(wallet, NATIVE)}


def test_a_wallet_of_ones_own_never_waits_for_a_sweep(lane: PaperLane) -> None:
    """Whatever lies in pools beside it."""
    own = lane.office.issue("own", forwarder_address(TREASURY, 99))
    lane.office.store.transact(
        lambda tx: ledger.credit_deposit(tx, deposit="d", wallet=own, asset=NATIVE, units=9, at_ms=1)
    )
    lane.lies(lane.member("a"), NATIVE, 5)
    assert lane.asks(own, 9) is None
    assert lane.due() == set()


def test_payments_do_not_wait_out_a_long_pause(lane: PaperLane) -> None:
    """What sweeps have left behind again and again is tried every minute while somebody waits for it."""
    wallet = lane.member("a")
    lane.lies(wallet, NATIVE, 5)
    for _ in range(4):
        lane.office.store.transact(lambda tx: passages.tried(tx, [(wallet, NATIVE)], lane.now))
    lane.now += 60_000
    assert lane.due() == set()
    assert lane.asks(wallet, 5) is not None
    assert lane.due() == {(wallet, NATIVE)}


def test_gas_is_enough_for_what_refunds_hide() -> None:
    """An estimate may be a fifth below what is used before refunds, and a tight limit would skip items."""
    used = 3_000_000
    assert sweeping.gas_limit(used - used // 5) >= used * 64 // 63 + 100_000
