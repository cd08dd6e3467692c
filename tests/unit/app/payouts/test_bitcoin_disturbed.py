"""Payouts of the Bitcoin family where something is wrong beside them: nobody is paid twice, nobody waits for
a stranger's trouble, and nothing goes round for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Connection, select

from keepcool.app.books import accounts, ledger
from keepcool.app.coins import book, drafts
from keepcool.app.config import BitcoinFeeSettings
from keepcool.app.deposits import events
from keepcool.app.deposits.events import Freezes
from keepcool.app.payouts.bitcoin import batches, said
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose
from keepcool.app.payouts.bitcoin.tables import batch
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import WalletId
from keepcool.core.intent import Purpose as IntentPurpose
from keepcool.core.intent import parse_intent
from keepcool.ports.bitcoinnode import Why
from keepcool.wire import messages
from keepcool.wire.envelope import Opened
from tests.fixtures.bitcoinoffice import ASSET, crashed
from tests.fixtures.bitcoinrecords import NETWORK, POOL
from tests.fixtures.paperpayouts import COIN, House

pytestmark = pytest.mark.slow

Make: TypeAlias = Callable[..., House]


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


def pooled(house: House, *names: str) -> None:
    """A pool with members, each with a coin."""
    record = house.office.issue("pool", 0, profile=POOL)
    for number, name in enumerate(names, start=1):
        house.fund(record, name, COIN, address=house.office.member(record, name, number))


def test_one_that_the_pool_cannot_pay_now_holds_up_nobody(make: Make) -> None:
    """The first in line asks for more than lies in the pool; the others behind it are paid."""
    house = make()
    pooled(house, "alice", "bob")
    house.office.store.transact(
        lambda tx: ledger.credit_deposit(
            tx, deposit="lies elsewhere", wallet=WalletId("alice"), asset=ASSET, units=10 * COIN, at_ms=1
        )
    )
    house.office.order("big", "alice", 9 * COIN, house.outside(1))
    house.office.order("small", "bob", COIN // 4, house.outside(2))
    house.confirmed("small")
    assert house.office.read("big").state.__class__.__name__ == "Requested"


@pytest.mark.parametrize("frozen", ["alice", "bob"])
def test_frozen_while_it_is_signed_it_is_sent_once_it_is_thawed(
    make: Make, monkeypatch: pytest.MonkeyPatch, frozen: str
) -> None:
    """Both signers have signed for two, and one of them is frozen by hand before the first has answered:
    nothing is sent; thawed, the same transaction pays both."""
    house, asked = make(), list[object]()
    pooled(house, "alice", "bob")
    for number, name in enumerate(("alice", "bob"), start=1):
        house.office.order(f"of-{name}", name, COIN // 4, house.outside(number))
    desk, transact, signs = house.office.desk, house.office.store.transact, house.office.keeper.sign

    async def meanwhile(opened: Opened) -> messages.Message:
        if not asked:
            freeze = partial(desk.freeze, withdrawal_id=f"of-{frozen}", reason="a call")
            asked.append(await asyncio.to_thread(transact, freeze))
        return await signs(opened)

    monkeypatch.setattr(house.office.keeper, "sign", meanwhile)

    def drafted() -> Batch:
        return transact(lambda tx: batches.of_withdrawal(tx, f"of-{frozen}"))[-1]

    house.live(lambda: bool(asked) and "frozen" in (drafted().problem or ""))
    whole = drafted().id
    assert transact(partial(said.is_whole, batch=whole))
    assert (house.paper.sent, house.office.reached(f"of-{frozen}", "frozen")()) == ([], True)
    transact(lambda tx: desk.thaw(tx, f"of-{frozen}"))
    transact(lambda tx: batches.at_once(tx, whole))
    house.confirmed("of-alice", "of-bob")
    assert drafted().id == whole
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2


def test_a_frozen_wallet_holds_up_no_other_of_its_pool(make: Make) -> None:
    """One user's wallet is frozen after the request; the others of the pool are paid, it is not."""
    house = make()
    pooled(house, "alice", "bob")

    def freeze(tx: Any) -> None:
        events.record(
            tx, key="t", at_ms=1, network=NETWORK, wallet=WalletId("alice"), code="deposit.reversed",
            text="gone", freezes=Freezes.WALLET,
        )  # fmt: skip

    house.office.store.transact(freeze)
    house.office.order("a", "alice", COIN // 4, house.outside(1))
    house.office.order("b", "bob", COIN // 4, house.outside(2))
    house.confirmed("b")
    assert (house.paper.paid(house.script(1)), house.paper.paid(house.script(2))) == (0, COIN // 4)


def test_another_chains_node_abandons_no_payment(make: Make) -> None:
    """While the URL leads to a node of another chain nothing is sent, and nothing given up for it."""
    house = make()
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.paper.refusal = Refused("node.wrong_chain", "serves another chain")
    house.office.order("a", "w", COIN // 4, house.outside(1))

    def tried() -> bool:
        (one,) = house.office.store.transact(lambda tx: batches.of_withdrawal(tx, "a")) or (None,)
        if one is not None:
            house.office.store.transact(lambda tx: batches.at_once(tx, one.id))
        return (one is not None and one.tries > 7) or house.office.reached("a", "uncertain", "failed")()

    house.live(tried)
    assert house.office.reached("a", "signed")(), house.office.told()
    house.paper.refusal = None
    house.confirmed("a")
    assert house.paper.paid(house.script(1)) == COIN // 4


def count(house: House, purpose: Purpose) -> int:
    query = select(batch.c.id).where(batch.c.purpose == purpose.value)
    return len(house.office.store.transact(lambda tx: tx.execute(query).all()))


def no_voids(item: messages.SignItem) -> str:
    return "deny" if parse_intent(item.intent).purpose is IntentPurpose.VOID else ""


def test_a_burn_that_is_refused_is_not_asked_for_without_end(make: Make) -> None:
    """Coins that one signer signed for wait to be burnt, and the burn is refused: it is asked for once, and
    after a long while again."""
    house = make()
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.office.cooler.objects = lambda _: "deny"
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(house.office.reached("a", "refused"))
    house.office.order("b", "w", COIN // 4, house.outside(2))
    house.live(lambda: count(house, Purpose.BURN) > 0)
    house.linger()
    assert count(house, Purpose.BURN) == 1


def test_gathering_that_is_refused_takes_no_further_coins(make: Make) -> None:
    """A signer refuses to gather: what was to be gathered waits, the rest goes on paying."""
    house = make(fees=BitcoinFeeSettings(gather_coins=4, fee_rate_long_term=400_000))
    record = house.office.issue("w", 0)
    house.office.cooler.objects = no_voids
    house.fund(record, "w", *[COIN // 100] * 6)
    house.live(lambda: count(house, Purpose.GATHER) > 0)
    house.fund(record, "w", *[COIN // 100] * 6)
    house.linger()
    assert count(house, Purpose.GATHER) == 1
    house.office.order("a", "w", COIN // 50, house.outside(1))
    house.confirmed("a")


def test_lifting_that_is_refused_is_not_asked_for_without_end(make: Make) -> None:
    """A child is refused: the stuck payment waits, and no draft follows another for ever."""
    house = make(
        replacement=Replacement.NONE, fees=BitcoinFeeSettings(bump_after_s=1, fee_rate_fallback=5_000)
    )
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.office.keeper.objects = house.office.cooler.objects = no_voids
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(lambda: count(house, Purpose.LIFT) > 0)
    house.linger()
    assert count(house, Purpose.LIFT) == 1
    house.confirmed("a")


def half_done(house: House) -> batches.Batch:
    """Both signatures of a batch of two are stored, and App has died before it put them together."""
    pooled(house, "alice", "bob")
    house.office.order("a", "alice", COIN // 4, house.outside(1))
    house.office.order("b", "bob", COIN // 4, house.outside(2))

    def stored(tx: Connection) -> bool:
        return any(said.is_whole(tx, one.id) for one in batches.of_withdrawal(tx, "a"))

    for _ in range(6):
        house.office.faults.at = FaultPoint.APP_PARTLY_SIGNED
        with pytest.raises(BaseException) as died:  # noqa: PT011 - whatever the loops make of it
            house.live(lambda: False)
        assert crashed(died.value)
        if house.office.store.transact(stored):
            break
    (one,) = house.office.store.transact(lambda tx: batches.of_withdrawal(tx, "a"))
    assert one.stage is batches.Stage.DRAFTED
    return one


def test_what_both_have_signed_is_sent_however_late_it_is_put_together(make: Make) -> None:
    """App was away until the intent had expired, and has both signatures: it pays with them, and makes no
    second transaction for the same withdrawals."""
    house = make()
    half_done(house)
    house.office.store.transact(lambda tx: tx.execute(batch.update().values(expires_at_s=1)))
    house.confirmed("a", "b")
    assert count(house, Purpose.PAY) == 1
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2


def given_up(house: House, name: str) -> None:
    """As where it ended before its signatures were put together."""
    row = {"stage": batches.Stage.ENDED.value, "tainted": True}
    house.office.store.transact(lambda tx: tx.execute(batch.update().where(batch.c.id == name).values(**row)))


def test_what_both_have_signed_and_nobody_sends_is_burnt(make: Make) -> None:
    """A transaction that only has to be put together is given up: its withdrawals are paid by another, and it
    can never be sent, whoever copies the database."""
    house = make()
    one = half_done(house)
    given_up(house, one.id)
    house.confirmed("a", "b")

    def burnt() -> bool:
        if house.paper.pool:
            house.paper.mine_pool()
        burns = house.office.store.transact(lambda tx: batches.children(tx, one.id, Purpose.BURN))
        return any(each.stage is batches.Stage.CONFIRMED for each in burns)

    house.live(burnt)
    house.linger()
    assert count(house, Purpose.BURN) == 1
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2


def test_what_both_have_signed_waits_for_whom_a_person_has_stopped(make: Make) -> None:
    """One of two is stopped when their transaction only has to be put together: there is never a second one
    for the other, and both are paid once it is let go."""
    house = make()
    half_done(house)
    house.office.store.transact(lambda tx: house.office.desk.freeze(tx, "a", "wait"))
    house.linger()
    house.office.store.transact(lambda tx: house.office.desk.thaw(tx, "a"))
    house.confirmed("a", "b")
    assert count(house, Purpose.PAY) == 1
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_coins_of_a_final_payment_pay_nobody_else_after_a_reorganisation(make: Make, depth: int) -> None:
    """The block of a final payment is replaced, and no pool has it any more: it is sent again, and its coins
    are nobody else's meanwhile."""
    house = make()
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN, COIN)
    house.paper.mine(blocks=4)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.confirmed("a")
    house.paper.mine(blocks=depth - 1)
    house.linger(5)
    first = house.office.read("a").transaction
    house.paper.give_up(depth)
    house.paper.refusal = Unavailable("node.unreachable", "away")
    house.paper.mine(blocks=depth + 1)

    def lost(tx: Connection) -> bool:
        seen = drafts.find_spending(tx, NETWORK, first or "")
        return seen is not None and seen.gone

    house.live(lambda: house.office.store.transact(lost))
    held = house.office.store.transact(
        lambda tx: book.spendable(
            tx, NETWORK, WalletId("w"), tip=len(house.paper.blocks) - 1, kind=ScriptKind.P2WSH
        )
    )
    assert [one.amount_sat for one in held] == [COIN]
    house.paper.refusal = None
    house.office.order("b", "w", COIN // 4, house.outside(2))
    house.confirmed("a", "b")
    house.live(lambda: first in house.paper.pool or house.paper.paid(house.script(1)) > 0)
    house.paper.mine_pool()
    house.linger(5)
    assert [house.paper.paid(house.script(number)) for number in (1, 2)] == [COIN // 4] * 2


def test_nothing_is_paid_before_all_blocks_are_read(make: Make) -> None:
    """App was away while a stranger spent a coin of the wallet: it reads that first, and pays nobody until a
    person has looked."""
    house = make()
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN, COIN)
    coins = house.office.store.transact(
        lambda tx: book.spendable(tx, NETWORK, WalletId("w"), tip=99, kind=ScriptKind.P2WSH)
    )
    coin = batches.Spent(coins[0].txid, coins[0].vout, coins[0].amount_sat)
    house.paper.mine(blocks=200)
    house.paper.mine(house.office.stolen("w", coin, house.outside(3)))
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(lambda: bool(house.office.store.transact(lambda tx: events.list_events(tx, limit=9))))
    house.linger()
    assert (count(house, Purpose.PAY), house.paper.sent) == (0, [])


def test_a_second_payment_is_told_and_on_the_books(make: Make) -> None:
    """A transaction that was given up confirms although its withdrawals were paid by another: ledger and
    chain stay one, the wallets are frozen, and somebody is told."""
    house = make()
    one = half_done(house)
    sent, pool = house.office.final(one.id), house.office.records["pool"]
    house.office.cooler.objects = house.office.keeper.objects = no_voids
    given_up(house, one.id)
    house.fund(pool, "carol", COIN, address=house.office.member(pool, "carol", 3))
    house.confirmed("a", "b")
    house.paper.mine(sent)
    house.paper.mine(blocks=3)
    house.live(lambda: batch_of(house, one.id).stage is batches.Stage.CONFIRMED)
    assert house.paper.paid(house.script(2)) == COIN // 2
    names = ("pool", "alice", "bob", "carol")
    booked = sum(house.office.account(accounts.coins(WalletId(name))) for name in names)
    lying = house.office.store.transact(lambda tx: book.held_sat(tx, WalletId("pool")))
    assert booked == lying
    found = house.office.store.transact(lambda tx: events.list_events(tx, limit=9))
    assert [each.code for each in found] == ["payout.late"] * 2


def batch_of(house: House, name: str) -> batches.Batch:
    return house.office.store.transact(lambda tx: batches.get(tx, name))


def test_full_pools_delay_a_payment_and_double_nothing(make: Make) -> None:
    """Every rung is refused because pools are full; once they are not, it is paid once, and nothing was
    given up meanwhile."""
    house = make()
    record = house.office.issue("w", 0)
    house.fund(record, "w", COIN)
    house.paper.refusal = Refused("node.rejected", "mempool full", why=Why.POOL_FULL.value)
    house.office.order("a", "w", COIN // 4, house.outside(1))
    house.live(lambda: "payout.fee_low" in house.office.notes())
    house.linger()
    assert house.office.reached("a", "signed")()
    house.paper.refusal = None
    house.confirmed("a")
    assert (house.paper.paid(house.script(1)), count(house, Purpose.PAY)) == (COIN // 4, 1)
