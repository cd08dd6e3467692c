"""Final payments of the Bitcoin family whose blocks are replaced, and in whose place another transaction of
ours confirms: the books follow the chain, to the unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import select

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import book
from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.deposits import events, position
from keepcool.app.payouts import wallet_fees
from keepcool.app.payouts.bitcoin import batches, watching
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Rung, Stage
from keepcool.app.pools import books, rows, watermark
from keepcool.app.pools.tables import sweep
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.chains.bitcoin.transaction import parse_transaction
from keepcool.core.errors import Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal_states import Confirmed
from tests.fixtures.bitcoinoffice import ASSET, crashed
from tests.fixtures.bitcoinrecords import NETWORK, POOL
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow

Make: TypeAlias = Callable[..., House]
Look: TypeAlias = Callable[..., None]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[House] = []

    def house(**more: Any) -> House:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(House(folder, **more))
        return made[-1]

    yield house
    for one in made:
        one.close()


def batches_of(house: House, name: str) -> list[Batch]:
    return house.office.store.transact(lambda tx: batches.of_withdrawal(tx, name))


def rungs_of(house: House, name: str) -> list[Rung]:
    return house.office.store.transact(lambda tx: batches.rungs(tx, batches.of_withdrawal(tx, name)[0].id))


def raw_of(rung: Rung) -> bytes:
    assert rung.raw is not None
    return rung.raw


def replaced(house: House, raw: bytes) -> None:
    """The blocks are given up from the first one on that spends a coin of this; another holds it instead, as
    deep as is final."""
    wanted = {one.outpoint for one in parse_transaction(raw).inputs}
    heights = [
        number
        for number, some in house.paper.mined.items()
        if any(wanted & {one.outpoint for one in parse_transaction(each).inputs} for each in some)
    ]
    depth = max((len(house.paper.blocks) - number for number in heights), default=0)
    house.paper.give_up(depth)
    house.paper.mine(raw)
    house.paper.mine(blocks=depth + 3)


def paid_in(house: House, name: str) -> str | None:
    state = house.office.state(name)
    return state.inclusion.transaction if isinstance(state, Confirmed) else None


def agrees(house: House, source: str, *wallets: str) -> None:
    """The ledger's coins are those that lie in blocks, and the books balance."""
    booked = sum(
        house.office.account(accounts.coins(WalletId(one))) - house.office.account(f"absent:{one}")
        for one in wallets or (source,)
    )
    lying = house.office.store.transact(lambda tx: book.held_sat(tx, WalletId(source)))
    assert booked == lying, house.office.told()
    assert not house.office.store.transact(ledger.check_books)


def is_paid_in(house: House, name: str, transaction: str | None) -> bool:
    return paid_in(house, name) == transaction


def final(house: House, *names: str) -> None:
    """They are sent, a block has them, and it is deep enough."""
    house.live(lambda: all(house.office.reached(one, "broadcast", "confirmed")() for one in names))
    house.live(lambda: bool(house.paper.pool))
    house.paper.mine_pool()
    house.paper.mine(blocks=3)
    house.live(lambda: all(house.office.reached(one, "confirmed")() for one in names))


def opened(make: Make, *amounts: int, **more: Any) -> House:
    """A house with one wallet, whose deposits lie deep."""
    house = make(confirmations=2, **more)
    house.fund(house.office.issue("w", 0), "w", *amounts)
    house.paper.mine(blocks=20)
    return house


def test_the_books_follow_the_rung_that_is_in_the_chain(make: Make) -> None:
    """A payment is final by its cheapest rung, its blocks are replaced, and its dearest is mined: the dearer
    fee is on the books and the cheaper one is not, the amount was paid once, and it is told where."""
    house = opened(make, COIN)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    final(house, "a")
    first, *_, last = rungs_of(house, "a")
    agrees(house, "w")
    replaced(house, raw_of(last))
    house.live(partial(is_paid_in, house, "a", last.txid))
    agrees(house, "w")
    assert house.office.read("a").transaction == last.txid
    assert house.paper.paid(house.script(1)) == COIN // 4
    assert house.office.balance("w") == COIN - COIN // 4 - last.fee_sat
    assert house.office.store.transact(lambda tx: wallet_fees.total(tx, "a")) == last.fee_sat > first.fee_sat
    assert "payout.rebooked" in house.office.notes()


async def _blind(lane: object) -> bool:
    return False


def test_who_does_not_follow_keeps_the_wrong_fee(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: with nothing that compares what was booked with the chain, the books keep the first fee for
    ever, and are wrong by the difference."""
    house = opened(make, COIN)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    final(house, "a")
    first, *_, last = rungs_of(house, "a")
    monkeypatch.setattr(watching, "follow_chain", _blind)
    replaced(house, raw_of(last))
    house.linger()
    booked = house.office.account(accounts.coins(WalletId("w")))
    lying = house.office.store.transact(lambda tx: book.held_sat(tx, WalletId("w")))
    assert (is_paid_in(house, "a", first.txid), booked - lying) == (True, last.fee_sat - first.fee_sat)


def test_the_books_follow_there_and_back(make: Make) -> None:
    """The chain changes its mind four times: each time the books say what it says."""
    house = opened(make, COIN)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    final(house, "a")
    rungs = rungs_of(house, "a")
    for rung in (rungs[-1], rungs[0], rungs[1], rungs[0]):
        replaced(house, raw_of(rung))
        house.live(partial(is_paid_in, house, "a", rung.txid))
        agrees(house, "w")
        assert house.office.balance("w") == COIN - COIN // 4 - rung.fee_sat
    assert house.paper.paid(house.script(1)) == COIN // 4


def test_a_pools_users_pay_the_fee_that_is_in_the_chain(make: Make) -> None:
    """A batch of three is replaced by its dearest rung: each bears its share of that, and the pool's coins
    are what its users' books say."""
    house = make(confirmations=2)
    record, users = house.office.issue("pool", 0, profile=POOL), ["u1", "u2", "u3"]
    for number, name in enumerate(users, start=1):
        house.fund(record, name, COIN, address=house.office.member(record, name, number))
    house.paper.mine(blocks=20)
    for number, name in enumerate(users, start=1):
        house.office.order(f"of-{name}", name, COIN // 4, house.outside(number))
    names = [f"of-{name}" for name in users]
    final(house, *names)
    last = rungs_of(house, names[0])[-1]
    replaced(house, raw_of(last))
    for name in names:
        house.live(partial(is_paid_in, house, name, last.txid))
    agrees(house, "pool", "pool", *users)
    left = sum(house.office.balance(name) for name in users)
    assert left == 3 * COIN - 3 * (COIN // 4) - last.fee_sat


def test_what_spent_the_change_of_a_replaced_payment_was_not_paid(make: Make) -> None:
    """A second payment spent the first one's change and was final; the first confirms by another rung: the
    second can never be, its amount is the owner's again, and it is told."""
    house = opened(make, COIN)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    final(house, "a")
    house.office.order("b", "w", COIN // 4, house.outside(2))
    final(house, "b")
    last = rungs_of(house, "a")[-1]
    replaced(house, raw_of(last))
    house.live(house.office.reached("b", "replaced"))
    house.live(partial(is_paid_in, house, "a", last.txid))
    agrees(house, "w")
    assert house.office.balance("w") == COIN - COIN // 4 - last.fee_sat
    found = house.office.store.transact(lambda tx: events.list_events(tx, limit=9))
    assert [each.code for each in found] == ["payout.undone"]
    house.office.order("c", "w", COIN // 4, house.outside(2))
    final(house, "c")
    agrees(house, "w")
    assert house.paper.paid(house.script(2)) == COIN // 4


def burnt_or_paid(house: House) -> tuple[bytes, bytes]:
    """A payment both have signed is cancelled, and the void of it is in the pool: both transactions."""
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.office.faults.at = FaultPoint.APP_SIGNED
    with pytest.raises(BaseException) as died:  # noqa: PT011 - whatever the loops make of it
        house.live(lambda: False)
    assert crashed(died.value)
    house.office.store.transact(lambda tx: house.office.desk.cancel(tx, "a"))
    house.live(lambda: bool(house.paper.pool))
    (void,) = house.paper.pool.values()
    return raw_of(rungs_of(house, "a")[0]), void


@pytest.mark.parametrize("first", ["paid", "burnt"])
def test_payment_and_void_change_places(make: Make, first: str) -> None:
    """Whichever of the two was final, the other takes its place: books and chain agree each time, the fee is
    the one that was paid, and the owner has what was not paid out."""
    house = opened(make, COIN)
    paying, void = burnt_or_paid(house)
    order = [paying, void] if first == "paid" else [void, paying]
    for raw in (*order, order[0]):
        replaced(house, raw)
        fee = COIN - sum(out.amount_sat for out in parse_transaction(raw).outputs)
        paid = COIN // 4 if raw is paying else 0
        house.live(lambda: house.office.balance("w") == COIN - paid - fee)  # noqa: B023 - called here
        house.linger(10)
        agrees(house, "w")
        assert house.paper.paid(house.script(1)) == paid


def test_a_child_that_lifted_a_replaced_payment_cost_nothing(make: Make) -> None:
    """A stuck payment and the child that lifted it were final; another rung of the payment takes their place:
    the child's fee was never paid, and is not on the books."""
    fees = BitcoinFeeSettings(bump_after_s=1, fee_rate_fallback=5_000)
    house = opened(make, COIN, replacement=Replacement.NONE, fees=fees)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(lambda: len(house.paper.pool) > 1)
    final(house, "a")
    (one,) = batches_of(house, "a")

    def lifted(stage: Stage) -> bool:
        found = house.office.store.transact(lambda tx: batches.children(tx, one.id, Purpose.LIFT))
        return {each.stage for each in found} == {stage}

    house.live(lambda: lifted(Stage.CONFIRMED))
    agrees(house, "w")
    last = rungs_of(house, "a")[-1]
    replaced(house, raw_of(last))
    house.live(lambda: lifted(Stage.ENDED) and is_paid_in(house, "a", last.txid))
    agrees(house, "w")
    assert house.office.balance("w") == COIN - COIN // 4 - last.fee_sat


def swept(house: House, fill: int) -> Look:
    """A pool whose surplus above `fill` goes to the harbor; what looks after its level."""
    pool, network = WalletId("pool"), house.row.id
    marks = rows.Marks(high=fill, target=fill, harbor=house.outside(9))
    house.office.store.transact(lambda tx: rows.insert_pool(tx, pool, network, marks, 1))
    house.office.store.transact(lambda tx: rows.add_member(tx, WalletId("u1"), pool))
    water = watermark.Water(house.office.table, ASSET, house.office.desk)

    def look(later_ms: int = 0) -> None:
        now_ms = house.office.clock.now_ms() + later_ms
        house.office.store.transact(lambda tx: watermark.step(tx, water, rows.get_pool(tx, pool), now_ms))

    return look


def standing(house: House) -> books.Standing:
    return house.office.store.transact(lambda tx: books.standing(tx, WalletId("pool"), ASSET))


def sweep_named(house: House, number: int) -> str:
    query = select(sweep.c.withdrawal).where(sweep.c.withdrawal.startswith(f"pool.s{number}."))
    return str(house.office.store.transact(lambda tx: tx.execute(query).scalar_one()))


def pool_agrees(house: House) -> None:
    """All that users and the pool have is on chain, in the harbor, or was spent on fees."""
    now = standing(house)
    assert now.booked == now.on_chain, house.office.told()
    assert now.users + now.own == now.on_chain + now.cold + now.fees, now
    assert not house.office.store.transact(ledger.check_books)


def pool_with_surplus(make: Make) -> tuple[House, Look]:
    """Its one user has paid somebody, and its surplus was swept with the change of that: all final."""
    house = make(confirmations=2)
    record = house.office.issue("pool", 0, profile=POOL)
    address = house.office.member(record, "u1", 1)
    look = swept(house, COIN // 2)
    house.fund(record, "u1", COIN, address=address)
    house.paper.mine(blocks=20)
    house.office.order("a", "u1", COIN // 8, house.outside(1))
    final(house, "a")
    look()
    final(house, sweep_named(house, 1))
    look()
    pool_agrees(house)
    assert standing(house).cold == house.paper.paid(house.script(9)) > 0
    return house, look


def test_a_sweep_by_a_dearer_rung_costs_what_the_chain_says(make: Make) -> None:
    """The sweep's dearest rung takes its place: the harbor has the same, the fee is the dearer one, and the
    next sweep is not held up by it."""
    house, look = pool_with_surplus(make)
    last = rungs_of(house, sweep_named(house, 1))[-1]
    replaced(house, raw_of(last))
    house.live(partial(is_paid_in, house, sweep_named(house, 1), last.txid))
    look()
    pool_agrees(house)
    assert (standing(house).cold, standing(house).own) == (house.paper.paid(house.script(9)), 0)
    assert standing(house).fees == last.fee_sat
    address = house.office.member(house.office.records["pool"], "u2", 2)
    house.office.store.transact(lambda tx: rows.add_member(tx, WalletId("u2"), WalletId("pool")))
    house.fund(house.office.records["pool"], "u2", COIN, address=address)
    look()
    final(house, sweep_named(house, 2))
    look()
    pool_agrees(house)


def test_a_sweep_that_has_left_the_chain_lies_in_no_harbor(make: Make) -> None:
    """What it spent was change of a payment that another rung has replaced: nothing lies in the harbor, the
    books say so once, and the surplus is swept again."""
    house, look = pool_with_surplus(make)
    replaced(house, raw_of(rungs_of(house, "a")[-1]))
    house.live(house.office.reached(sweep_named(house, 1), "replaced"))
    for _ in range(2):
        look()
    now = standing(house)
    assert (now.cold, now.own, now.fees, house.paper.paid(house.script(9))) == (0, 0, 0, 0)
    look(watermark.AGAIN_MS)
    final(house, sweep_named(house, 2))
    look()
    pool_agrees(house)
    assert standing(house).cold == house.paper.paid(house.script(9)) > 0


def sent_together(house: House) -> list[bytes]:
    """The deposit and the payment of its coin, as blocks have them."""
    found = [raw for some in house.paper.mined.values() for raw in some]
    assert len(found) == 2
    return found


@pytest.mark.parametrize("again", ["neither", "the deposit", "both"])
def test_a_deposit_leaves_the_chain_together_with_the_payment_of_it(make: Make, again: str) -> None:
    """Credited, paid out and final; then both leave the chain. The follower goes on, the wallet is short and
    frozen, and whatever of the two comes back the books say what the chain says."""
    house = make(confirmations=2)
    record = house.office.issue("w", 0)
    house.paper.mine(blocks=5)
    house.fund(record, "w", COIN)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    final(house, "a")
    fee, (deposit, payment) = rungs_of(house, "a")[0].fee_sat, sent_together(house)
    depth = len(house.paper.blocks) - 5
    house.paper.give_up(depth)
    house.paper.refusal = Unavailable("node.unreachable", "away")
    house.paper.mine(blocks=depth + 1)
    house.live(lambda: scanned(house) == len(house.paper.blocks) - 1)
    assert (house.office.balance("w"), house.office.account("short:w")) == (0, COIN // 4 + fee)
    assert not house.office.store.transact(ledger.check_books)
    back = {"neither": [], "the deposit": [deposit], "both": [deposit, payment]}[again]
    house.paper.mine(*back, blocks=6)
    left = 0 if not back else COIN - COIN // 4 - fee
    house.live(lambda: scanned(house) == len(house.paper.blocks) - 1 and house.office.balance("w") == left)
    if again != "the deposit":
        lying = house.office.store.transact(lambda tx: book.held_sat(tx, WalletId("w")))
        assert lying == left
    if back:
        assert (house.office.account("short:w"), house.office.account("absent:w")) == (0, 0)
    assert not house.office.store.transact(ledger.check_books)


def scanned(house: House) -> int:
    stands = house.office.store.transact(lambda tx: position.read(tx, NETWORK))
    return -1 if stands is None else stands.scanned
