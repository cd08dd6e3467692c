"""Batches that were given up: their withdrawals are paid by another one or, where a given-up transaction
confirms after all, by that one; never by both, and the books say which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import ColumnElement, Connection, select

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import book
from keepcool.app.coins.tables import coin
from keepcool.app.deposits import events
from keepcool.app.payouts import store
from keepcool.app.payouts.bitcoin import batches, by_hand, drafting, groups, said, settling
from keepcool.app.payouts.bitcoin.batches import Batch, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.withdrawal import Thawed, Undrafted
from keepcool.core.withdrawal_states import Confirmed, Frozen, PartlySigned
from tests.fixtures.bitcoinoffice import crashed
from tests.fixtures.bitcoinrecords import NETWORK, POOL
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow

Make: TypeAlias = Callable[..., House]
USERS = ("alice", "bob")


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


def died_at(house: House, point: FaultPoint) -> None:
    """A life that ends there."""
    house.office.faults.at = point
    with pytest.raises(BaseException) as died:  # noqa: PT011 - whatever the loops make of it
        house.live(lambda: False)
    assert crashed(died.value)


def given_up(house: House) -> tuple[Batch, bytes]:
    """Two of a pool were drafted together and both have signed; the batch was given up before App had put the
    signatures together, and somebody has done so since: the batch, and what he may send."""
    pool = house.office.issue("pool", 0, profile=POOL)
    for number, name in enumerate(USERS, start=1):
        house.fund(pool, name, COIN, address=house.office.member(pool, name, number))
    for number, name in enumerate(USERS, start=1):
        house.office.order(f"of-{name}", name, COIN // 4, house.outside(number))
    whole = False
    while not whole:
        died_at(house, FaultPoint.APP_PARTLY_SIGNED)
        (one,) = house.office.store.transact(lambda tx: batches.of_withdrawal(tx, "of-alice"))
        whole = house.office.store.transact(partial(said.is_whole, batch=one.id))
    house.office.store.transact(partial(_end, name=one.id))
    house.office.keeper.away = house.office.cooler.away = True  # nobody burns its coins meanwhile
    return one, house.office.final(one.id)


def _end(tx: Connection, name: str) -> None:
    row = {"stage": Stage.ENDED.value, "tainted": True}
    tx.execute(batch.update().where(batch.c.id == name).values(**row))
    for each in batches.members(tx, name):
        if isinstance(store.get(tx, each).state, PartlySigned):
            store.step(tx, each, Undrafted(), 1, digest=None)


def agrees(house: House) -> None:
    booked = sum(house.office.account(accounts.coins(WalletId(one))) for one in ("pool", *USERS))
    lying = house.office.store.transact(lambda tx: book.held_sat(tx, WalletId("pool")))
    assert booked == lying, house.office.told()
    assert not house.office.store.transact(ledger.check_books)


def paid_by(house: House, name: str) -> str | None:
    state = house.office.state(name)
    return state.inclusion.transaction if isinstance(state, Confirmed) else None


def paid(house: House) -> None:
    """Blocks come until both are."""

    def done() -> bool:
        house.paper.mine_pool()
        return all(paid_by(house, f"of-{name}") for name in USERS)

    house.live(done)


def codes(house: House) -> list[str]:
    found = house.office.store.transact(lambda tx: events.list_events(tx, limit=20))
    return [each.code for each in found]


def is_confirmed(house: House, name: str) -> bool:
    return house.office.store.transact(lambda tx: batches.get(tx, name)).stage is Stage.CONFIRMED


def test_what_a_given_up_transaction_has_paid_is_booked_as_paid(make: Make) -> None:
    """It is mined while its withdrawals wait to be drafted anew: both are confirmed by it, nothing is held
    any more, nothing is drafted again, and it is told."""
    house = make(confirmations=2)
    one, raw = given_up(house)
    house.paper.refusal = Unavailable("node.unreachable", "away")
    house.paper.mine(raw, blocks=3)
    house.live(lambda: is_confirmed(house, one.id))
    house.paper.refusal, house.office.keeper.away, house.office.cooler.away = None, False, False
    house.linger()
    assert {paid_by(house, f"of-{name}") for name in USERS} == {one_of(house, one.id)}
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2
    assert [house.office.account(accounts.held(WalletId(name))) for name in USERS] == [0, 0]
    assert codes(house) == ["payout.paid_by_given_up"] * 2
    assert house.paper.sent == []
    agrees(house)


def one_of(house: House, name: str) -> str | None:
    return house.office.store.transact(lambda tx: batches.get(tx, name)).seen_as


def test_what_a_given_up_transaction_may_be_paying_is_not_drafted_anew(make: Make) -> None:
    """It stands in a block that is not yet deep enough: nothing is drafted for its withdrawals; the block is
    orphaned and the pool does not have it: they are, and are paid once."""
    house = make(confirmations=4)
    one, raw = given_up(house)
    house.paper.mine(raw, blocks=1 + drafting.BEHIND_MAX)  # it is read before anything is drafted
    house.live(lambda: one_of(house, one.id) is not None)
    house.office.keeper.away = house.office.cooler.away = False
    house.linger()
    assert drafts_of_bob(house) == 1
    house.paper.give_up(1 + drafting.BEHIND_MAX)
    house.paper.mine(blocks=2 + drafting.BEHIND_MAX)
    paid(house)
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2
    agrees(house)


def test_who_does_not_wait_for_it_pays_twice(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: where drafting looks at final transactions only, the same block leads to a second payment."""
    house = make(confirmations=4)
    one, raw = given_up(house)
    monkeypatch.setattr(batches, "seen_paying", lambda *_, **__: {})
    house.paper.mine(raw)
    house.live(lambda: one_of(house, one.id) is not None)
    house.office.keeper.away = house.office.cooler.away = False
    house.live(lambda: bool(house.paper.pool))
    house.paper.mine_pool()
    assert COIN // 2 in [house.paper.paid(house.script(number)) for number in (1, 2)]


def test_what_was_drafted_too_early_is_not_sent(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafting overlooked the block: the second transaction is made and signed, and still not handed out
    while the first may be final soon. (The twin above shows it handed out.)"""
    house = make(confirmations=4)
    one, raw = given_up(house)
    asked = batches.seen_paying

    def by_senders_alone(tx: Connection, names: Sequence[str], but: str = "") -> dict[str, str]:
        return asked(tx, names, but) if but else {}

    monkeypatch.setattr(batches, "seen_paying", by_senders_alone)
    house.paper.mine(raw)
    house.live(lambda: one_of(house, one.id) is not None)
    house.office.keeper.away = house.office.cooler.away = False
    house.live(lambda: drafts_of_bob(house) == 2)
    house.linger()
    assert not house.paper.pool
    house.paper.mine(blocks=4)
    paid(house)
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2
    agrees(house)


def drafts_of_bob(house: House) -> int:
    return len(house.office.store.transact(lambda tx: batches.of_withdrawal(tx, "of-bob")))


def read_meanwhile(house: House, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block is mined and read after the withdrawals were chosen and before they are drafted; then the
    drafting has come to its end."""
    before = drafting._caught_up
    chosen: list[BitcoinLane] = []

    async def late(lane: BitcoinLane) -> None:
        if not chosen:
            house.paper.mine(raw)
        chosen.append(lane)
        seen: dict[str, str] = {}
        while not seen:
            await asyncio.sleep(0.01)
            seen = await lane.store.run(lambda tx: batches.seen_paying(tx, ["of-bob"]))
        await before(lane)

    monkeypatch.setattr(drafting, "_caught_up", late)
    house.live(lambda: house.office.read("of-bob").tries > 0 or drafts_of_bob(house) > 1)


def test_what_is_read_between_choosing_and_drafting_counts(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block that pays them is read while their draft is being made: none is made."""
    house = make(confirmations=4)
    _one, raw = given_up(house)
    read_meanwhile(house, raw, monkeypatch)
    assert drafts_of_bob(house) == 1


def test_who_looks_before_choosing_only_drafts_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: where nobody looks again as the draft is made, there is a second one."""
    house = make(confirmations=4)
    _one, raw = given_up(house)
    monkeypatch.setattr(groups, "paid_already", lambda *_: frozenset())
    read_meanwhile(house, raw, monkeypatch)
    assert drafts_of_bob(house) == 2


def test_what_would_pay_a_second_time_is_stopped(make: Make) -> None:
    """The withdrawals were drafted anew from other coins and nobody has signed that yet: the given-up
    transaction becomes final, and the new draft is never signed."""
    house = make(confirmations=2)
    one, raw = given_up(house)
    pool = house.office.records["pool"]
    address = house.office.member(pool, "carol", 3)
    house.fund(pool, "carol", 3 * COIN, address=address)
    house.live(lambda: drafts_of_bob(house) > 1)
    house.paper.mine(raw, blocks=3)
    house.live(lambda: is_confirmed(house, one.id))
    house.office.keeper.away = house.office.cooler.away = False
    house.linger()
    if house.paper.pool:  # what was asked for once is burnt
        house.paper.mine_pool(blocks=3)
        house.linger()
    assert {paid_by(house, f"of-{name}") for name in USERS} == {one_of(house, one.id)}
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2
    assert not house.office.store.transact(ledger.check_books)


def test_one_that_a_person_holds_up_is_booked_once_it_is_let_go(make: Make) -> None:
    """A person has stopped one of the two when the given-up transaction becomes final: nothing is drafted for
    either meanwhile, and once it is let go both are booked as paid."""
    house = make(confirmations=2)
    one, raw = given_up(house)
    house.paper.refusal = Unavailable("node.unreachable", "away")
    house.office.store.transact(lambda tx: house.office.desk.freeze(tx, "of-bob", "wait"))
    house.paper.mine(raw, blocks=4)
    house.linger()
    assert isinstance(house.office.state("of-bob"), Frozen)
    house.office.store.transact(lambda tx: store.step(tx, "of-bob", Thawed(), 1))
    house.paper.refusal, house.office.keeper.away, house.office.cooler.away = None, False, False
    house.live(lambda: is_confirmed(house, one.id))
    assert {paid_by(house, f"of-{name}") for name in USERS} == {one_of(house, one.id)}
    assert house.paper.sent == []
    agrees(house)


def test_one_that_pays_something_else_is_for_a_person_to_look_at(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A given-up transaction whose own bytes do not pay a withdrawal what it asked for settles nothing: it is
    frozen, and nothing is drafted for it."""
    house = make(confirmations=2)
    one, raw = given_up(house)
    monkeypatch.setattr(settling, "_pays_exactly", lambda *_: False)
    house.paper.refusal = Unavailable("node.unreachable", "away")
    house.paper.mine(raw, blocks=3)
    house.live(lambda: is_confirmed(house, one.id))
    house.paper.refusal = None
    house.linger(10)
    assert all(isinstance(house.office.state(f"of-{name}"), Frozen) for name in USERS)
    assert house.office.account(accounts.held(WalletId("bob"))) > 0


def settle(house: House, name: str, txid: str) -> by_hand.Settled:
    """As a person orders it."""
    work = by_hand.settle(house.office.store, house.paper, house.row, (name, txid), 1)
    return asyncio.run(work)


def stopped(make: Make, monkeypatch: pytest.MonkeyPatch) -> tuple[House, str]:
    """Two withdrawals that a final transaction has paid and that are frozen all the same; its id."""
    house = make(confirmations=2)
    one, raw = given_up(house)
    monkeypatch.setattr(settling, "_pays_exactly", lambda *_: False)
    house.paper.mine(raw, blocks=3)
    house.live(lambda: is_confirmed(house, one.id))
    return house, one_of(house, one.id) or ""


def test_what_a_person_settles_is_paid_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two is booked as paid by the transaction that paid it, asked twice once; then the books are the
    chain, nothing is held, and it is told."""
    house, txid = stopped(make, monkeypatch)
    for name in USERS:
        told = [settle(house, f"of-{name}", txid).again for _ in range(2)]
        assert (told, paid_by(house, f"of-{name}")) == ([False, True], txid)
    assert [house.office.account(accounts.held(WalletId(name))) for name in USERS] == [0, 0]
    assert codes(house) == ["payout.settled_by_hand"] * 2
    agrees(house)


def test_what_is_not_so_is_not_settled(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that is not its own, that the node has in another block or not at all, that is not deep
    enough, or that pays it otherwise: refused, and nothing has changed."""
    house, txid = stopped(make, monkeypatch)
    pool = house.office.records["pool"]
    house.fund(pool, "carol", COIN, address=house.office.member(pool, "carol", 3))
    foreign = house.office.store.transact(lambda tx: book.get_coins(tx, NETWORK, _coins(tx)))[0].txid
    before = [house.office.read(f"of-{name}") for name in USERS]
    for wrong in (foreign, "00" * 32):
        with pytest.raises(Refused, match="no draft that was made for"):
            settle(house, "of-bob", wrong)
    with monkeypatch.context() as changed:
        changed.setattr(house.row.__class__, "depth_blocks", lambda *_: 99)
        with pytest.raises(Refused, match="99 are needed"):
            settle(house, "of-bob", txid)
    blocks, mined = house.paper.blocks[:], dict(house.paper.mined)
    house.paper.give_up(6)
    with pytest.raises(Refused, match="another block"):
        settle(house, "of-bob", txid)
    house.paper.blocks, house.paper.mined = blocks, {}
    with pytest.raises(Unavailable, match="does not show"):
        settle(house, "of-bob", txid)
    house.paper.mined = mined
    row = {"units": COIN // 4 + 1}
    house.office.store.transact(lambda tx: tx.execute(withdrawal.update().where(_is("of-bob")).values(**row)))
    with pytest.raises(Refused, match="does not pay"):
        settle(house, "of-bob", txid)
    row = {"units": COIN // 4}
    house.office.store.transact(lambda tx: tx.execute(withdrawal.update().where(_is("of-bob")).values(**row)))
    assert [house.office.read(f"of-{name}") for name in USERS] == before


def _coins(tx: Connection) -> list[tuple[str, int]]:
    return [(row.txid, row.vout) for row in tx.execute(select(coin).where(coin.c.amount_sat == COIN))][-1:]


def _is(name: str) -> ColumnElement[bool]:
    return withdrawal.c.id == name


def test_one_output_settles_one_withdrawal(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ask for the same to the same address, and the transaction pays that once: one is settled."""
    house, txid = stopped(make, monkeypatch)
    row = {"recipient": house.outside(1)}
    house.office.store.transact(lambda tx: tx.execute(withdrawal.update().where(_is("of-bob")).values(**row)))
    settle(house, "of-alice", txid)
    with pytest.raises(Refused, match="does not pay"):
        settle(house, "of-bob", txid)
