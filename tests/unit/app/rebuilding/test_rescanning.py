"""A chain read again: what came in is credited once, what went out is known by the signers' journals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import ledger, people, registry
from keepcool.app.books.registry import Asked
from keepcool.app.coins import addresses
from keepcool.app.coins.addresses import Address
from keepcool.app.payouts import store
from keepcool.app.payouts.store import Kind, NewWithdrawal
from keepcool.app.pools import rows as pools
from keepcool.app.rebuilding import booking, payments
from keepcool.app.rebuilding.payments import Stage
from keepcool.chains.bitcoin.scanning import txid_of
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.errors import Conflict, Unavailable
from keepcool.core.ids import UserId, WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.core.withdrawal_states import Confirmed, name_of
from tests.fixtures.bitcoinrecords import NETWORK, OWN, bitcoin_record
from tests.unit.app.deposits.paperbitcoin import payment
from tests.unit.app.rebuilding.house import ASSET, SIGNED_AT_S, LostApp, address, script

pytestmark = pytest.mark.slow

ALICE, BOB = WalletId("alice"), WalletId("bob")
OUT, ELSEWHERE = b"\x00\x14" + b"\x11" * 20, b"\x00\x14" + b"\x22" * 20
NOW_MS = SIGNED_AT_S * 1000


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[LostApp]:
    app = LostApp(tmp_path)
    yield app
    app.close()


def funded(lost: LostApp, record: WalletRecord, *amounts: int, index: int = 0) -> str:
    raw = payment([(script(record, index), sat) for sat in amounts], salt=len(lost.node.blocks))
    lost.node.mine(raw, blocks=3)
    return txid_of(raw)


def paid(
    lost: LostApp,
    record: WalletRecord,
    coin: tuple[str, int],
    sat: int,
    outputs: dict[bytes, int],
    *,
    fee: int = 500,
) -> bytes:
    """A payment both signers remember, its change at index 0, in a block and deep."""
    change = sat - sum(outputs.values()) - fee
    raw = payment([*outputs.items(), (script(record, 0, 1), change)], [coin])
    lost.signed(record, raw, [sat], {address(to): units for to, units in outputs.items()})
    lost.node.mine(raw, blocks=3)
    return raw


def test_credits_and_payments_come_back_to_the_unit(lost: LostApp) -> None:
    """Deposits, a payment with change and one that spends that change: the balance is what the chain has, the
    standstill ends, and reading all of it again changes nothing."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    first = paid(lost, alice, (funded(lost, alice, 100_000), 0), 100_000, {OUT: 30_000})
    second = payment([(ELSEWHERE, 60_000), (script(alice, 3, 1), 9_000)], [(txid_of(first), 1)])
    # its one coin lies on the branch of change: the digest is of that place
    lost.signed(alice, second, [69_500], {address(ELSEWHERE): 60_000}, place=(1, 0))
    lost.node.mine(second, blocks=3)
    lost.restore()
    assert lost.frozen()
    done = lost.rescan()
    assert (done.is_even, done.ended, len(done.booked), lost.frozen()) == (True, True, 2, False)
    assert (lost.owed("alice"), lost.books_balance()) == (9_000, True)
    assert lost.codes() == ["books.restored", "payout.recalled", "payout.recalled"]
    again = lost.rescan()
    assert (again.is_even, again.ended, len(again.booked), lost.owed("alice")) == (True, False, 2, 9_000)


def test_payments_in_one_block_that_hang_on_one_another(lost: LostApp) -> None:
    """A coin that came in, its payment and the payment out of that one's change, all in a single block."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    deposit = payment([(script(alice), 100_000)])
    first = payment([(OUT, 30_000), (script(alice, 0, 1), 69_500)], [(txid_of(deposit), 0)])
    second = payment([(ELSEWHERE, 60_000), (script(alice, 1, 1), 9_000)], [(txid_of(first), 1)])
    lost.signed(alice, first, [100_000], {address(OUT): 30_000})
    lost.signed(alice, second, [69_500], {address(ELSEWHERE): 60_000}, place=(1, 0))
    lost.node.mine(deposit, first, second, blocks=4)
    lost.restore()
    done = lost.rescan()
    assert (done.is_even, lost.owed("alice"), len(done.booked)) == (True, 9_000, 2)


@pytest.mark.parametrize("known", ["nobody", "another"])
def test_what_no_journal_explains_freezes_the_network(lost: LostApp, known: str) -> None:
    """A theft is no lost payment: unknown to both signers, or known to them with another amount only, it is
    raised as before, and payments stand still."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    coin = (funded(lost, alice, 100_000), 0)
    if known == "another":
        lost.signed(alice, payment([(OUT, 98_000)], [coin]), [100_000], {address(OUT): 98_000})
    lost.node.mine(payment([(OUT, 99_000)], [coin]), blocks=3)
    lost.restore()
    done = lost.rescan()
    assert "wallet.spent_without_us" in lost.codes()
    assert (done.is_even, lost.frozen(), done.booked) == (False, True, ())
    assert [(one.wallet, one.difference) for one in done.differing] == [(ALICE, -100_000)]


def test_signers_that_contradict_each_other_explain_nothing(lost: LostApp) -> None:
    """Two intents for one digest: somebody has altered a journal."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    raw = payment([(OUT, 99_000)], [(funded(lost, alice, 100_000), 0)])
    lost.signed(alice, raw, [100_000], {address(OUT): 99_000}, by=[Service.KEEPER])
    lost.signed(alice, raw, [100_000], {address(OUT): 98_999}, by=[Service.COOLER])
    lost.node.mine(raw, blocks=3)
    lost.restore()
    lost.rescan()
    assert "wallet.spent_without_us" in lost.codes()


def test_while_a_signer_is_away_a_rescan_waits_and_an_app_raises_the_alarm(lost: LostApp) -> None:
    """Who restores waits for an answer and has changed nothing beyond the block; who runs freezes at once."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    paid(lost, alice, (funded(lost, alice, 100_000), 0), 100_000, {OUT: 30_000})
    lost.restore()
    lost.signers.lines.down.add("signed.find.v1")
    with pytest.raises(Unavailable):
        lost.rescan()
    assert lost.codes() == ["books.restored"]
    lost.rescan(patient=False)
    assert lost.codes() == ["books.restored", "wallet.spent_without_us"]
    lost.signers.lines.down.clear()
    done = lost.rescan()
    assert (done.is_even, lost.owed("alice")) == (True, 69_500)


@pytest.mark.parametrize(("patient", "alarm"), [(False, True), (True, False)])
def test_one_signers_word_is_enough_for_a_person_and_no_running_app(
    lost: LostApp, patient: bool, alarm: bool
) -> None:
    """A running App raises the alarm unless both remember: who has Keeper must not be able to hide a theft.
    Whoever restores is told which journal it was."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    raw = payment([(OUT, 99_000)], [(funded(lost, alice, 100_000), 0)])
    lost.signed(alice, raw, [100_000], {address(OUT): 99_000}, by=[Service.KEEPER])
    lost.node.mine(raw, blocks=3)
    lost.restore()
    lost.rescan(patient=patient)
    assert ("wallet.spent_without_us" in lost.codes(), "payout.recalled" in lost.codes()) == (
        alarm,
        not alarm,
    )


def member(lost: LostApp, pool: WalletRecord, name: str, index: int, sat: int = 0) -> None:
    """A pool's user, whom an older backup knew."""

    def work(tx: Connection) -> None:
        people.create_user(tx, user=UserId(name), external_id=None, about={}, now_ms=1)
        registry.ask(tx, Asked(WalletId(name), UserId(name), NETWORK, pool.profile, None, {}), 1)
        pools.add_member(tx, WalletId(name), pool.wallet)
        one = Address(
            network=NETWORK,
            script=script(pool, index),
            source=pool.wallet,
            wallet=WalletId(name),
            cosigner=wallet_of(pool).hot_branch,
            change=0,
            index=index,
        )
        addresses.add_addresses(tx, [one])

    lost.store.transact(work)
    if sat:
        funded(lost, pool, sat, index=index)


def withdrawal(lost: LostApp, name: str, wallet: str, units: int, to: bytes = OUT) -> None:
    new = NewWithdrawal(
        id=name,
        kind=Kind.WITHDRAWAL,
        wallet=WalletId(wallet),
        network=NETWORK,
        asset=ASSET,
        units=units,
        recipient=address(to),
        fee_max=10_000,
        fee_asset=ASSET,
    )
    lost.store.transact(lambda tx: store.insert(tx, new, NOW_MS - 1))


def state(lost: LostApp, name: str) -> str:
    return name_of(lost.store.transact(lambda tx: store.get(tx, name)).state)


def test_an_open_withdrawal_that_was_paid_is_confirmed_and_not_paid_again(lost: LostApp) -> None:
    """It was open in the backup; a transaction the backup knows nothing of has paid it. Its hold is used up,
    the fee is its wallet's, and the later one that asks for the same goes on waiting."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    coin = (funded(lost, alice, 100_000), 0)
    lost.restore()
    lost.rescan()
    withdrawal(lost, "one", "alice", 30_000)
    withdrawal(lost, "two", "alice", 30_000)
    raw = paid(lost, alice, coin, 100_000, {OUT: 30_000}, fee=700)
    done = lost.rescan()
    assert (state(lost, "one"), state(lost, "two"), done.is_even) == ("confirmed", "requested", True)
    ended = lost.store.transact(lambda tx: store.get(tx, "one")).state
    assert isinstance(ended, Confirmed)
    assert ended.inclusion.transaction == txid_of(raw)
    held = 30_000 + 10_000
    assert (lost.owed("alice"), lost.books_balance()) == (100_000 - 30_000 - 700 - held, True)
    lost.rescan()
    assert (state(lost, "two"), lost.owed("alice")) == ("requested", 100_000 - 30_000 - 700 - held)


def test_whose_payment_of_a_pool_it_was_a_person_says(lost: LostApp) -> None:
    """Out of a pool with members, a payment of no open withdrawal waits; until it is booked the pool differs
    by it and nothing is paid; booked out of one's balance it is even, once and no more."""
    pool = lost.signers.keep(bitcoin_record("pool", owner="house"))
    lost.restore()
    member(lost, pool, "alice", 1)
    coin = funded(lost, pool, 100_000, index=1)
    raw = payment([(OUT, 40_000), (script(pool, 0, 1), 59_400)], [(coin, 0)])
    lost.signed(pool, raw, [100_000], {address(OUT): 40_000}, place=(0, 1))
    lost.node.mine(raw, blocks=3)
    done = lost.rescan()
    assert ([one.stage for one in done.open], done.ended, lost.frozen()) == ([Stage.OPEN], False, True)
    assert [one.difference for one in done.differing] == [-40_600]
    number = done.open[0].number

    def book(tx: Connection, wallet: str, places: tuple[int, ...] = (0,)) -> None:
        booking.book_open(tx, number, places, WalletId(wallet), asset=ASSET, at_ms=NOW_MS)

    with pytest.raises(Conflict, match=r"restore\.wallet"):
        lost.store.transact(lambda tx: book(tx, "stranger"))
    with pytest.raises(Conflict, match=r"restore\.booked"):
        lost.store.transact(lambda tx: book(tx, "alice", (1,)))
    assert lost.owed("alice") == 100_000
    lost.store.transact(lambda tx: book(tx, "alice"))
    with pytest.raises(Conflict):
        lost.store.transact(lambda tx: book(tx, "alice"))
    done = lost.rescan()
    assert (lost.owed("alice"), done.is_even, done.ended, lost.frozen()) == (59_400, True, True, False)


def test_one_payment_that_two_members_ask_for_is_nobodys_guess(lost: LostApp) -> None:
    """Alice and Bob both wait for the same amount to the same recipient and one payment was made: a person
    says whose it was, and only that one is confirmed."""
    pool = lost.signers.keep(bitcoin_record("pool", owner="house"))
    lost.restore()
    member(lost, pool, "alice", 1)
    member(lost, pool, "bob", 2)
    coin, _ = funded(lost, pool, 100_000, index=1), funded(lost, pool, 100_000, index=2)
    lost.rescan()
    for name in ("alice", "bob"):
        withdrawal(lost, f"of {name}", name, 40_000)
    raw = payment([(OUT, 40_000), (script(pool, 0, 1), 59_400)], [(coin, 0)])
    lost.signed(pool, raw, [100_000], {address(OUT): 40_000}, place=(0, 1))
    lost.node.mine(raw, blocks=3)
    done = lost.rescan()
    assert (len(done.open), state(lost, "of alice"), state(lost, "of bob")) == (1, "requested", "requested")
    number = done.open[0].number
    lost.store.transact(
        lambda tx: booking.book_withdrawal(tx, number, (0,), "of bob", asset=ASSET, at_ms=NOW_MS)
    )
    assert (state(lost, "of alice"), state(lost, "of bob")) == ("requested", "confirmed")
    done = lost.rescan()
    assert (done.is_even, lost.books_balance()) == (True, True)


def test_a_pool_without_members_has_paid_out_of_its_own(lost: LostApp) -> None:
    """From signers alone nobody knows whose a pool's addresses were: all of it is the pool's own, and what it
    has paid as well."""
    pool = lost.signers.keep(bitcoin_record("pool", owner="house"), 5)
    coin = funded(lost, pool, 100_000, index=4)
    raw = payment([(OUT, 40_000), (script(pool, 0, 1), 59_400)], [(coin, 0)])
    lost.signed(pool, raw, [100_000], {address(OUT): 40_000}, place=(0, 4))
    lost.node.mine(raw, blocks=3)
    lost.restore()
    done = lost.rescan()
    assert (done.is_even, lost.owed("pool"), len(done.booked)) == (True, 59_400, 1)
    assert set(lost.codes()) == {"books.restored", "deposit.to_nobody", "payout.recalled"}


def test_what_is_not_deep_yet_explains_itself_and_is_booked_later(lost: LostApp) -> None:
    """A payment in the newest block is no difference; it is booked when it is as deep as a credit."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    coin = (funded(lost, alice, 100_000), 0)
    raw = payment([(OUT, 30_000), (script(alice, 0, 1), 69_500)], [coin])
    lost.signed(alice, raw, [100_000], {address(OUT): 30_000})
    lost.node.mine(raw)
    lost.restore()
    done = lost.rescan()
    assert (done.is_even, len(done.seen), len(done.booked), lost.owed("alice")) == (True, 1, 0, 100_000)
    lost.node.mine(blocks=2)
    done = lost.rescan(len(lost.node.blocks) - 1)
    assert (done.is_even, len(done.seen), len(done.booked), lost.owed("alice")) == (True, 0, 1, 69_500)


def test_reading_from_the_middle_books_nothing_twice(lost: LostApp) -> None:
    """From a height in the middle of what was read, deposits and payments stay as they are."""
    alice = lost.signers.keep(bitcoin_record("alice", profile=OWN, number=1))
    paid(lost, alice, (funded(lost, alice, 100_000), 0), 100_000, {OUT: 30_000})
    lost.restore()
    lost.rescan()
    before = lost.store.transact(lambda tx: len(ledger.entries(tx, limit=100)))
    for start in (2, 4, 5):
        assert lost.rescan(start).is_even
    assert lost.store.transact(lambda tx: len(ledger.entries(tx, limit=100))) == before
    assert [one.stage for one in lost.store.transact(lambda tx: payments.in_stage(tx, Stage.BOOKED))]
