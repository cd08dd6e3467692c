"""A treasury's surplus goes to the harbor, asset by asset, and takes nothing that anybody is to get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from keepcool.app.books import ledger
from keepcool.app.books.postings import check_books
from keepcool.app.config import EvmSettings
from keepcool.app.controls import suspensions
from keepcool.app.controls.suspensions import Kind, Wish
from keepcool.app.deposits import passages, position
from keepcool.app.payouts import notes, states, store
from keepcool.app.payouts.evm import groups
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.requests import Order
from keepcool.app.payouts.store import NewWithdrawal, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.pools import books, covering, exposure, levels, rows, watermark
from keepcool.app.pools.rows import Marks
from keepcool.app.pools.tables import sweep
from keepcool.core.effects import Slot
from keepcool.core.ids import AssetId, NetworkId, WalletId, intent_id
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.withdrawal import Abandoned
from keepcool.core.withdrawal_states import Cancelled, Confirmed, Draft, Failed, Inclusion, name_of
from tests.unit.app.payouts.workshop import NATIVE, NETWORK, RECIPIENT, Workshop

TOKEN = AssetId(f"{NETWORK}/erc20:0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67")
HARBOR = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
POOL, ALICE = WalletId("pool"), WalletId("alice")
MARKS = Marks(high=50, low=10, target=20, harbor=HARBOR)


@dataclass
class Treasury:
    """One with a member, looked after by hand. It stands at block 10, and is settled up to there."""

    shop: Workshop
    now: int = 1_000

    @property
    def settings(self) -> EvmSettings:
        table = self.shop.settings.networks[NETWORK]
        assert isinstance(table, EvmSettings)
        return table

    def has(self, units: int, asset: AssetId = NATIVE, marks: Marks = MARKS) -> None:
        """So much in the treasury, all of it Alice's, and these marks."""

        def work(tx: Connection) -> None:
            ledger.credit_deposit(tx, deposit=f"d{asset}", wallet=ALICE, asset=asset, units=units, at_ms=1)
            position.settle(tx, NETWORK, POOL, asset, number=10, units=units)
            if asset == NATIVE:
                rows.set_marks(tx, POOL, marks)
            else:
                rows.set_asset_marks(tx, POOL, asset, marks)

        self.shop.store.transact(work)

    def asks(self, units: int, name: str = "wd", asset: AssetId = NATIVE) -> Withdrawal:
        order = Order(id=name, wallet=ALICE, asset=asset, units=units, recipient=RECIPIENT)
        return self.shop.store.transact(lambda tx: self.shop.desk.request(tx, order))

    def step(self) -> list[bool]:
        """Each asset looked after once; whether that changed anything."""
        self.now += 1
        waters = watermark.waters(NETWORK, self.settings, self.shop.desk)
        return self.shop.store.transact(
            lambda tx: [watermark.step(tx, one, rows.get_pool(tx, POOL), self.now) for one in waters]
        )

    def sweeps(self) -> list[Withdrawal]:
        query = withdrawal.select().where(withdrawal.c.wallet == POOL).order_by(withdrawal.c.number)
        return self.shop.store.transact(lambda tx: store.rows(tx, query))

    def ends(self, one: Withdrawal, block: int) -> None:
        """As the engine leaves it: final in this block, and settled in the ledger."""

        self.shop.store.transact(
            lambda tx: ledger.settle_payout(
                tx, withdrawal=one.id, wallet=one.wallet, asset=one.asset, units=one.units, at_ms=25
            )
        )
        self.stands(one, block)

    def stands(self, one: Withdrawal, block: int) -> None:
        state = Confirmed(Draft(Slot(NETWORK, "0x", 0), "cd" * 32), Inclusion("0x", block, "0x"))
        row = {"state": name_of(state), "state_json": states.encode(state), "open": False}
        query = withdrawal.update().where(withdrawal.c.id == one.id).values(**row)
        self.shop.store.transact(lambda tx: tx.execute(query))

    def intends(self, one: Withdrawal) -> None:
        """As it is drafted."""
        intent = Intent(
            intent=intent_id(one.id),
            purpose=Purpose.PAY,
            network=one.network,
            source=POOL,
            outputs=(Output(one.recipient, Amount(NATIVE, one.units)),),
            fee_max=Amount(NATIVE, 1),
            expires_at_s=1,
        ).encoded()
        query = withdrawal.update().values(intent=intent)
        self.shop.store.transact(lambda tx: tx.execute(query.where(withdrawal.c.id == one.id)))

    def fails(self, one: Withdrawal) -> None:
        self.shop.store.transact(
            lambda tx: store.step(tx, one.id, Abandoned(Failed("payout.refused", "no"), "no"), 20)
        )

    def standing(self, asset: AssetId = NATIVE) -> books.Standing:
        stands = self.shop.store.transact(lambda tx: books.standing(tx, POOL, asset))
        assert stands.users + stands.own == stands.booked + stands.cold + stands.fees
        assert self.shop.store.transact(check_books) == []
        return stands

    def notes(self, kind: str) -> list[tuple[str, str]]:
        found = self.shop.store.transact(lambda tx: notes.list_notes(tx, limit=99, kind=kind))
        return [(one.subject, one.text) for one in found]


@pytest.fixture
def treasury(tmp_path: Path) -> Iterator[Treasury]:
    shop = Workshop(tmp_path, tokens=(TOKEN,))
    for name in (POOL, ALICE):
        shop.issue(name)

    def work(tx: Connection) -> None:
        rows.insert_pool(tx, POOL, NetworkId(NETWORK), Marks(), 1)
        rows.add_member(tx, ALICE, POOL)
        position.begin(tx, NetworkId(NETWORK), 10, bytes(32))

    shop.store.transact(work)
    yield Treasury(shop)
    shop.close()


def test_what_is_above_the_high_mark_goes_to_the_harbor(treasury: Treasury) -> None:
    """All but the target, as one withdrawal of the treasury's own; what users have stays as it was, and once
    it is final the books have it in the harbor, to the unit and without a fee."""
    treasury.has(100)
    before = treasury.standing()
    assert treasury.step() == [True, False]
    (one,) = treasury.sweeps()
    assert (one.recipient, one.units, one.asset, one.fee_asset) == (HARBOR, 80, NATIVE, None)
    assert treasury.standing().booked == before.booked
    assert treasury.step() == [False, False]
    treasury.ends(one, block=9)
    treasury.shop.store.transact(
        lambda tx: position.settle(tx, NetworkId(NETWORK), POOL, NATIVE, number=10, units=20)
    )
    assert treasury.step() == [True, False]
    stands = treasury.standing()
    assert (stands.users, stands.booked, stands.on_chain, stands.cold, stands.fees) == (100, 20, 20, 80, 0)
    exposed = treasury.shop.store.transact(
        lambda tx: exposure.exposed_thousandths(tx, rows.get_pool(tx, POOL), NATIVE)
    )
    assert exposed == 200
    assert treasury.step() == [False, False]


def test_what_withdrawals_want_is_no_surplus(treasury: Treasury) -> None:
    """Neither what was asked for nor what is on hold is swept, whatever the mark; what nobody wants any more
    is."""
    treasury.has(100)
    treasury.asks(30)
    held = treasury.asks(25, "held")
    treasury.shop.store.transact(lambda tx: treasury.shop.desk.freeze(tx, held.id, "a call"))
    assert treasury.step() == [False, False]
    treasury.shop.store.transact(lambda tx: treasury.shop.desk.thaw(tx, held.id))
    treasury.shop.store.transact(lambda tx: store.step(tx, held.id, Abandoned(Cancelled(), "no"), 20))
    assert treasury.step() == [True, False]
    (one,) = treasury.sweeps()
    assert one.units == 100 - 30 - MARKS.target


def test_what_was_paid_since_the_balance_was_confirmed_is_gone(treasury: Treasury) -> None:
    """A payment final in a later block is in no withdrawal any more, and still in the balance: it is not
    swept. The twin, in a block that is confirmed, is in the balance no more."""
    treasury.has(100)
    treasury.step()
    (one,) = treasury.sweeps()
    treasury.intends(one)
    treasury.ends(one, block=11)
    assert treasury.shop.store.transact(lambda tx: covering.spare(tx, POOL, NATIVE)) == 100 - one.units
    treasury.stands(one, block=10)
    assert treasury.shop.store.transact(lambda tx: covering.spare(tx, POOL, NATIVE)) == 100


def test_what_a_silent_token_has_paid_is_gone(treasury: Treasury) -> None:
    """Its balance stays the one of an older block while the network is confirmed further on: what was paid
    since that block is gone from it. The twin, once it has answered, has it in its balance."""
    treasury.has(100)
    treasury.step()
    (one,) = treasury.sweeps()
    treasury.intends(one)
    treasury.ends(one, block=11)
    treasury.shop.store.transact(lambda tx: position.settled_to(tx, NETWORK, 12))
    assert treasury.shop.store.transact(lambda tx: covering.spare(tx, POOL, NATIVE)) == 100 - one.units
    answered = {"number": 12, "units": 100 - one.units}
    treasury.shop.store.transact(lambda tx: position.settle(tx, NETWORK, POOL, NATIVE, **answered))
    assert treasury.shop.store.transact(lambda tx: covering.spare(tx, POOL, NATIVE)) == 100 - one.units


def test_however_many_were_paid_since_are_gone(treasury: Treasury, monkeypatch: pytest.MonkeyPatch) -> None:
    """While balances are not confirmed payments go on: all of them are gone, of whatever page, and a page of
    older ones ends the looking."""
    monkeypatch.setattr(covering, "_PAGE", 2)
    treasury.has(100)
    for number in range(9):
        new = NewWithdrawal(f"b{number}", store.Kind.BATCH, POOL, NETWORK, NATIVE, 1 + number, "0x", 1)
        one = treasury.shop.store.transact(partial(store.insert, new=new, now_ms=1))
        treasury.intends(one)
        treasury.stands(one, block=10 if number < 4 else 11)
    spare = treasury.shop.store.transact(lambda tx: covering.spare(tx, POOL, NATIVE))
    assert spare == 100 - (5 + 6 + 7 + 8 + 9)


def test_sweeps_of_lost_books_are_not_asked_for_again(treasury: Treasury) -> None:
    """Signers remember every name they were asked for: that of a sweep is another one where the books begin
    anew, and fits beside a void's ending."""
    treasury.has(100)
    treasury.step()
    (lost,) = treasury.sweeps()
    treasury.fails(lost)

    def forget(tx: Connection) -> None:
        tx.execute(sweep.delete())
        tx.execute(withdrawal.update().values(id="x"))

    treasury.shop.store.transact(forget)
    treasury.step()
    (_, again) = treasury.sweeps()
    assert again.id != lost.id
    assert len(again.id) + len(".v99") <= 64 - (len("pool_") + 32 - len(POOL))


def gift(treasury: Treasury) -> None:
    """A unit to an address of nobody: the confirmed balance has it, the treasury does not."""
    treasury.shop.store.transact(lambda tx: passages.note_strays(tx, POOL, NATIVE, 1, 1))
    treasury.has(101, marks=Marks(high=50, harbor=HARBOR))


def test_a_gift_to_an_address_of_nobody_holds_up_no_sweep(treasury: Treasury) -> None:
    """Whoever sends a pool a unit has it ask for no more than its treasury has."""
    gift(treasury)
    assert treasury.shop.store.transact(lambda tx: levels.on_chain(tx, POOL, NATIVE)) == 101
    treasury.step()
    assert [one.units for one in treasury.sweeps()] == [100]


def test_twin_a_gift_that_counts_is_asked_for_again_and_again(
    treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With strays in what is spare each sweep asks for a unit that cannot be spent, fails, and is asked for
    the same way after its pause."""
    monkeypatch.setattr(levels, "strays", lambda *_: 0)
    gift(treasury)
    for _ in range(3):
        treasury.step()
        treasury.fails(treasury.sweeps()[-1])
        treasury.step()
        treasury.now += watermark.AGAIN_MS
    assert [one.units for one in treasury.sweeps()] == [101] * 3


@pytest.mark.parametrize("stray", [0, 30])
def test_who_wants_what_lies_at_an_address_of_nobody_waits_for_it(treasury: Treasury, stray: int) -> None:
    """Of a confirmed 100 the treasury has 70: a withdrawal of 80 waits until the rest was brought to it. The
    twin, all of it in the treasury, does not."""
    treasury.has(100)
    treasury.shop.store.transact(lambda tx: passages.note_strays(tx, POOL, NATIVE, stray, 1))
    asked = treasury.asks(80)
    why = treasury.shop.store.transact(lambda tx: covering.uncovered(tx, asked))
    assert (why is not None) is bool(stray)


def test_one_sweep_of_a_treasury_at_a_time(treasury: Treasury) -> None:
    """Coins and a token are both too many: the second is asked for when the first has ended, and one that
    failed holds up its own asset alone."""
    treasury.has(100)
    treasury.has(900, TOKEN, Marks(high=500, target=100, harbor=HARBOR))
    assert treasury.step() == [True, False]
    assert treasury.step() == [False, False]
    before = treasury.standing()
    treasury.fails(treasury.sweeps()[0])
    assert treasury.step() == [True, True]
    assert (treasury.standing().cold, treasury.standing().users) == (0, before.users)
    (_, second) = treasury.sweeps()
    assert (second.asset, second.units, second.recipient) == (TOKEN, 800, HARBOR)
    assert [subject for subject, _ in treasury.notes(watermark.HELD_UP)] == [POOL]
    treasury.ends(second, block=9)
    assert treasury.step() == [False, True]
    assert treasury.standing(TOKEN).cold == 800


def test_each_assets_level_is_told_of(treasury: Treasury) -> None:
    """Below the low mark of a token operators hear of the token, once, and not of the coins beside it."""
    treasury.has(15)
    treasury.has(5, TOKEN, Marks(low=6))
    for _ in range(3):
        treasury.step()
    (told,) = treasury.notes(watermark.LOW)
    assert told[0] == f"{POOL} {TOKEN.partition('/')[2]}"
    assert "refill" in told[1]


def test_nothing_is_swept_while_payments_are_suspended(treasury: Treasury) -> None:
    """An operator who stops a network stops its surplus too; levels go on being watched, and once it is
    resumed the sweep comes by itself."""
    treasury.has(100)
    wish = Wish(Kind.NETWORK, NETWORK, "a split", "operator")
    treasury.shop.store.transact(lambda tx: suspensions.suspend(tx, wish, 1))
    assert treasury.step() == [False, False]
    assert treasury.sweeps() == []
    treasury.shop.store.transact(
        lambda tx: suspensions.resume(tx, Kind.NETWORK, NETWORK, reason="over", by="operator", at_ms=2)
    )
    assert treasury.step() == [True, False]


@pytest.mark.parametrize("cold", [True, False])
def test_who_wants_what_lies_in_the_harbor_waits_for_it(treasury: Treasury, cold: bool) -> None:
    """A withdrawal of more than the treasury has left waits until it is refilled; the twin, of which nothing
    is in the harbor, does not wait for what never comes."""
    treasury.has(100)
    if cold:
        treasury.step()
        treasury.ends(treasury.sweeps()[0], block=9)
    settled = {"number": 10, "units": 20}
    treasury.shop.store.transact(lambda tx: position.settle(tx, NetworkId(NETWORK), POOL, NATIVE, **settled))
    asked = treasury.asks(30)
    why = treasury.shop.store.transact(lambda tx: covering.uncovered(tx, asked))
    assert ("from the harbor" in (why or "")) is cold
    less = treasury.asks(20, "less")
    assert treasury.shop.store.transact(lambda tx: covering.uncovered(tx, less)) is None


@dataclass
class PaperLane:
    """Of a lane what grouping needs."""

    treasury: Treasury

    @property
    def network(self) -> str:
        return NETWORK

    @property
    def clock(self) -> PaperLane:
        return self

    def now_ms(self) -> int:
        return self.treasury.shop.clock.now_ms() + 60_000

    @property
    def settings(self) -> EvmSettings:
        return self.treasury.settings

    @property
    def attesters(self) -> object:
        return self.treasury.shop.attesters


def test_surplus_shares_no_transaction_with_withdrawals(treasury: Treasury) -> None:
    """It goes alone, as on Bitcoin, so that a signer who objects to the harbor objects to nobody's payment;
    the withdrawals of members go together."""
    treasury.has(200)
    for name in ("one", "two"):
        treasury.asks(10, name)
    treasury.step()
    treasury.asks(10, "three")

    def due(tx: Connection) -> list[list[str]]:
        found = groups.due(tx, cast(EvmLane, PaperLane(treasury)))
        return [[one.id for one in group.members] for group in found]

    assert treasury.shop.store.transact(due) == [["one", "two", "three"]]
    (one,) = treasury.sweeps()

    def cancel(tx: Connection) -> None:
        for name in ("one", "two", "three"):
            treasury.shop.desk.cancel(tx, name)

    treasury.shop.store.transact(cancel)
    assert treasury.shop.store.transact(due) == [[one.id]]
