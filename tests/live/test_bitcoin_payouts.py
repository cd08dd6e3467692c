"""Bitcoin payouts beside a real litecoind: paid once, to the unit, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.payouts.bitcoin import batches
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.core.faults import FaultPoint
from keepcool.core.withdrawal_states import Cancelled, Confirmed, Refused
from keepcool.local.bitcoinchain import COIN, DevBitcoin
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.bitcoinoffice import BitcoinOffice, crashed

pytestmark = pytest.mark.live
Make: TypeAlias = Callable[..., BitcoinOffice]


@pytest.fixture(scope="module")
def chain() -> Iterator[DevBitcoin]:
    with running_litecoin() as node:
        yield node


@pytest.fixture
def make(chain: DevBitcoin, tmp_path: Path) -> Iterator[Make]:
    made: list[BitcoinOffice] = []

    def office(**more: Any) -> BitcoinOffice:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(BitcoinOffice(folder, chain, **more))
        return made[-1]

    yield office
    for one in made:
        one.close()


def credited(office: BitcoinOffice, wallet: str, address: str, *amounts: int) -> None:
    for units in amounts:
        office.chain.pay(address, units)
    office.chain.mine(1)
    asyncio.run(office.live(lambda: office.balance(wallet) >= sum(amounts)))


def lived(office: BitcoinOffice, name: str, *states: str) -> None:
    asyncio.run(office.live(office.reached(name, *states)))


def confirmed(office: BitcoinOffice, *names: str) -> None:
    """Blocks come until all are final."""

    def done() -> bool:
        states = [type(office.state(name)) for name in names]
        if not all(state is Confirmed for state in states) and office.chain.mempool():
            office.chain.mine(1)
        return all(state is Confirmed for state in states)

    asyncio.run(office.live(done))


def rungs_of(office: BitcoinOffice, name: str) -> list[batches.Rung]:
    return office.store.transact(
        lambda tx: [each for one in batches.of_withdrawal(tx, name) for each in batches.rungs(tx, one.id)]
    )


def test_a_withdrawal_arrives_once_and_its_wallet_pays_the_fee(make: Make) -> None:
    """The recipient has the whole amount, the wallet's ledger is what its coins on chain are."""
    office = make()
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, COIN)
    to = office.outside()
    office.order("a", "w1", COIN // 4, to)
    asyncio.run(office.live(office.reached("a", "broadcast")))
    office.chain.mine(1)
    asyncio.run(office.live(office.reached("a", "confirmed")))
    assert isinstance(office.state("a"), Confirmed)
    assert office.chain.balance(to) == COIN // 4
    office.agrees("w1")


def test_a_hundred_recipients_are_paid_by_one_transaction(make: Make) -> None:
    """Each has its own amount, and one transaction paid them all."""
    office = make()
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, 3 * COIN)
    payments = tuple((office.outside(), 10_000 + number) for number in range(100))
    office.order("a", "w1", sum(units for _, units in payments), outputs=payments)
    confirmed(office, "a")
    txid = office.read("a").transaction
    told = office.chain.ask("getrawtransaction", txid, True, office.chain.tip())
    paid = {out["scriptPubKey"]["addresses"][0]: int(out["value"] * COIN) for out in told["vout"]}
    assert all(paid[to] == units for to, units in payments)
    office.agrees("w1")


def test_a_pools_withdrawals_share_a_transaction_and_its_fee(make: Make) -> None:
    """Seven users of a pool are paid by one transaction, each pays its part of the fee, and together their
    books are the pool's coins."""
    office = make(fees=BitcoinFeeSettings(batch_s=0.5))
    pool = office.issue("pool", 0, profile="bip45-pool-p2wsh")
    members = [f"u{number}" for number in range(7)]
    for number, one in enumerate(members):
        office.chain.pay(office.member(pool, one, number + 1), COIN)
    office.chain.mine(1)
    asyncio.run(office.live(lambda: all(office.balance(one) == COIN for one in members)))
    for number, one in enumerate(members):
        office.order(f"a{number}", one, COIN // 3)
    names = [f"a{number}" for number in range(7)]
    confirmed(office, *names)
    assert len({office.read(name).transaction for name in names}) == 1
    office.agrees("pool", "pool", *members)


def test_a_stuck_payment_is_replaced_by_its_next_rung(make: Make) -> None:
    """Where nodes replace, a dearer transaction of the same coins takes the place of the one that waits."""
    office = make(replacement=Replacement.SIGNALLED, fees=BitcoinFeeSettings(bump_after_s=1))
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, COIN)
    to = office.outside()
    office.order("a", "w1", COIN // 4, to)
    waiting = office.chain.mempool  # noted as sent before it is: the node knows
    asyncio.run(office.live(lambda: any(one.txid in waiting() for one in rungs_of(office, "a")[2:])))
    first, second, third = rungs_of(office, "a")
    assert first.fee_sat < second.fee_sat < third.fee_sat
    confirmed(office, "a")
    assert office.read("a").transaction == third.txid
    assert office.chain.balance(to) == COIN // 4
    office.agrees("w1")


def test_a_payment_whose_change_pays_another_is_not_replaced(make: Make) -> None:
    """The second spends the first one's change before any block: the first is not replaced under it, and both
    are paid once."""
    office = make(replacement=Replacement.SIGNALLED, fees=BitcoinFeeSettings(bump_after_s=2))
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, COIN)
    payments = {name: office.outside() for name in ("a", "b")}
    for name, to in payments.items():
        office.order(name, "w1", COIN // 4, to)
        lived(office, name, "broadcast")
    asyncio.run(office.live(lambda: sum(one.sent_at_ms is not None for one in rungs_of(office, "b")) > 1))
    assert [one.sent_at_ms is not None for one in rungs_of(office, "a")] == [True, False, False]
    confirmed(office, "a", "b")
    assert all(office.chain.balance(to) == COIN // 4 for to in payments.values())
    office.agrees("w1")


def test_a_stuck_payment_is_lifted_by_a_child(make: Make) -> None:
    """Where nodes do not replace, its change is spent back to ourselves with a fee for both."""
    office = make(
        replacement=Replacement.NONE, fees=BitcoinFeeSettings(bump_after_s=1, fee_rate_fallback=5_000)
    )
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, COIN)
    to = office.outside()
    office.order("a", "w1", COIN // 4, to)
    asyncio.run(office.live(lambda: len(office.chain.mempool()) > 1))
    assert "payout.lifted" in office.notes()
    confirmed(office, "a")
    asyncio.run(office.live(lambda: not office.chain.mempool() and _settled(office)))
    assert office.chain.balance(to) == COIN // 4
    office.agrees("w1")


def _settled(office: BitcoinOffice) -> bool:
    stages = [batches.Stage.DRAFTED, batches.Stage.SIGNED, batches.Stage.SENT]
    opened = office.store.transact(lambda tx: batches.in_stages(tx, office.row.id, stages, limit=99))
    if opened:
        office.chain.mine(1)
    return not opened


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_reorganisation_pays_nobody_twice(make: Make, depth: int) -> None:
    """Blocks are replaced below and beyond the depth that counts as final (3): one payment stands, and the
    ledger is the chain's."""
    office = make(confirmations=3)
    record = office.issue("w1", 0)
    office.chain.pay(record.address, COIN)
    office.chain.mine(6)
    asyncio.run(office.live(lambda: office.balance("w1") == COIN))
    to = office.outside()
    office.order("a", "w1", COIN // 4, to)
    lived(office, "a", "broadcast")
    office.chain.mine(depth)
    lived(office, "a", "confirmed" if depth >= 3 else "broadcast")
    office.chain.reorganise(depth, empty=True)
    asyncio.run(office.live(lambda: office.read("a").transaction in office.chain.mempool()))
    office.chain.mine(3)
    confirmed(office, "a")
    assert office.chain.balance(to) == COIN // 4
    office.agrees("w1")


PAYING = [
    FaultPoint.APP_REQUESTED,
    FaultPoint.APP_DRAFTED,
    FaultPoint.APP_PARTLY_SIGNED,
    FaultPoint.APP_SIGNED,
    FaultPoint.APP_PURSE_STORED,
    FaultPoint.APP_SENT,
    FaultPoint.APP_CONFIRMED,
]


def test_what_both_refuse_costs_nothing(make: Make) -> None:
    """Over the caps: refused, the amount free again, its coins free for another payment at once."""
    office = make()
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, COIN)
    office.keeper.objects = office.cooler.objects = lambda _: "deny"
    office.order("a", "w1", COIN // 4)
    lived(office, "a", "refused")
    assert isinstance(office.state("a"), Refused)
    assert office.balance("w1") == COIN
    office.keeper.objects = office.cooler.objects = lambda _: ""
    to = office.outside()
    office.order("b", "w1", COIN // 4, to)
    confirmed(office, "b")
    office.agrees("w1")


def test_coins_one_signer_signed_for_are_burnt_before_they_pay_again(make: Make) -> None:
    """Keeper signs, Cooler refuses; the next payment needs the same coin: a void spends it first."""
    office = make()
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, COIN)
    office.cooler.objects = lambda _: "deny"
    office.order("a", "w1", COIN // 4)
    lived(office, "a", "refused")
    office.cooler.objects = lambda _: ""
    to = office.outside()
    office.order("b", "w1", COIN // 4, to)
    confirmed(office, "b")
    assert office.chain.balance(to) == COIN // 4
    office.agrees("w1")


def test_a_cancelled_payment_is_burnt_and_its_amount_released(make: Make) -> None:
    """Half signed and cancelled: its coins are spent by a void, it is never paid."""
    office = make()
    record = office.issue("w1", 0)
    credited(office, "w1", record.address, COIN)
    office.cooler.away = True
    to = office.outside()
    office.order("a", "w1", COIN // 4, to)
    lived(office, "a", "partly_signed")
    office.store.transact(lambda tx: office.desk.cancel(tx, "a"))
    office.cooler.away = False

    def done() -> bool:
        if office.chain.mempool():
            office.chain.mine(1)
        return isinstance(office.state("a"), Cancelled)

    asyncio.run(office.live(done))
    assert office.chain.balance(to) == 0
    office.agrees("w1")


def test_one_that_is_refused_does_not_hold_up_the_others(make: Make) -> None:
    """A batch of five is refused because of one: it is split until the one is found, the others are paid."""
    office = make(fees=BitcoinFeeSettings(batch_s=0.5))
    pool = office.issue("pool", 0, profile="bip45-pool-p2wsh")
    members = [f"u{number}" for number in range(5)]
    for number, one in enumerate(members):
        office.chain.pay(office.member(pool, one, number + 1), COIN)
    office.chain.mine(1)
    asyncio.run(office.live(lambda: all(office.balance(one) == COIN for one in members)))
    bad = office.outside()
    office.keeper.objects = office.cooler.objects = lambda item: "deny" if bad.encode() in item.intent else ""
    for number, one in enumerate(members):
        office.order(f"a{number}", one, COIN // 3, bad if number == 3 else "")
    confirmed(office, "a0", "a1", "a2", "a4")
    assert isinstance(office.state("a3"), Refused)
    office.agrees("pool", "pool", *members)
    assert office.read("a3").transaction is None


def test_many_lives_pay_each_of_a_batch_once(make: Make) -> None:
    """App dies at every point in turn while it pays five of a pool: each is paid once, by one transaction."""
    office = make(fees=BitcoinFeeSettings(batch_s=0.3))
    pool = office.issue("pool", 0, profile="bip45-pool-p2wsh")
    credited(office, "u1", office.member(pool, "u1", 1), COIN)
    payments = {f"a{number}": office.outside() for number in range(5)}
    for name, to in payments.items():
        office.order(name, "u1", COIN // 10, to)
    for point in PAYING:
        office.faults.at = point
        with pytest.raises(BaseException) as died:  # noqa: PT011 - a group that holds the crash
            confirmed(office, *payments)
        assert crashed(died.value)
    confirmed(office, *payments)
    assert [office.chain.balance(to) for to in payments.values()] == [COIN // 10] * 5
    assert len({office.read(name).transaction for name in payments}) == 1
    office.agrees("pool", "pool", "u1")
