"""What blocks show of Minter payouts, and what the books make of it: one payment, whatever stood before it at
its nonce."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from keepcool.app.books import ledger, people, registry
from keepcool.app.books.registry import Asked
from keepcool.app.config import AssetSettings, MinterSettings
from keepcool.app.deposits import events
from keepcool.app.deposits.minter import spendings
from keepcool.app.deposits.minter.reading import Left
from keepcool.app.deposits.watched import WatchedWallet
from keepcool.app.payouts import store, turns
from keepcool.app.payouts.minter import drafting, watching
from keepcool.app.payouts.minter.lane import MinterLane
from keepcool.app.payouts.notes import Numbers
from keepcool.app.payouts.requests import PayoutDesk
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_states as lives
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, UserId, WalletId
from keepcool.core.parties import Service
from keepcool.ports.minternode import MinterNode, Transaction
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import FixedClock, Signers
from tests.unit.app.payouts.workshop import Faults

pytestmark = pytest.mark.slow

NETWORK = NetworkId("minter:2")
COIN = AssetId(f"{NETWORK}/coin:0")
WALLET = WalletId("w1")
PAID, FEE_MAX, FEE = 5000, 100, 7
BOB = "Mx" + "b2" * 20
NO_NODE = cast(MinterNode, None)  # what blocks show is settled without asking anybody


@dataclass
class Bench:
    """The watching half of a lane, on a database of its own. Its wallet was credited 20,000."""

    folder: Path
    height: int = 10

    def __post_init__(self) -> None:
        self.store = Store(open_books(self.folder / "app.db"))
        self.store.create_tables()
        signers, self.clock = Signers(), FixedClock()
        assets = [AssetSettings(id=COIN, symbol="MNT", decimals=18)]
        self.lane = MinterLane(
            network=NETWORK,
            native=COIN,
            settings=MinterSettings(name="minter", node_urls=["-"], assets=assets),
            store=self.store,
            exchange=signers.exchange(Service.APP),
            attesters=Attesters(signers.peers),
            clock=self.clock,
            faults=Faults(),
            numbers=Numbers(CollectorRegistry()),
            signer_timeout_s=1.0,
            node=NO_NODE,
        )
        self.store.transact(_wallet_with_coins)

    def order(self, name: str) -> None:
        new = NewWithdrawal(name, Kind.WITHDRAWAL, WALLET, NETWORK, COIN, PAID, BOB, FEE_MAX, fee_asset=COIN)
        self.store.transact(lambda tx: store.insert(tx, new, 1))

    def step(self, name: str, event: life.Event, **columns: object) -> None:
        self.store.transact(lambda tx: self.lane.step_in(tx, name, event, **columns))

    def draft(self, name: str, digest: bytes, nonce: int) -> None:
        draft = lives.Draft(Slot(NETWORK, "account:Mx", nonce), digest.hex())
        self.step(name, life.DraftMade(draft), digest=digest.hex(), slot=nonce)

    def sign(self, name: str) -> None:
        for signer in (Service.KEEPER, Service.COOLER):
            self.step(name, life.SignatureMade(signer))

    def broadcast(self, name: str, digest: bytes, nonce: int) -> None:
        self.order(name)
        self.draft(name, digest, nonce)
        self.sign(name)
        self.step(name, life.Sent())

    def include(self, digest: bytes, nonce: int, *, failed: bool = False) -> None:
        """A block holds it."""
        self.height += 1
        raw = digest + self.height.to_bytes(8, "big")
        told = Transaction(
            sha256(raw).digest(), raw, self.height, 0, "Mx", nonce, 1, 107 if failed else 0, ()
        )
        left = Left(1, digest, sha256(b"key" + raw).digest(), (), COIN, FEE, told)
        wallet = WatchedWallet(1, WALLET, "Mx")
        self.store.transact(lambda tx: spendings.remember(tx, NETWORK, wallet, left, bytes(32)))

    async def settle(self) -> bool:
        return await watching.settle_seen(self.lane)

    def get(self, name: str) -> Withdrawal:
        return self.store.transact(lambda tx: store.get(tx, name))

    def state(self, name: str) -> str:
        return lives.name_of(self.get(name).state)

    def balance(self, account: str) -> int:
        return self.store.transact(lambda tx: ledger.balance(tx, f"{account}:{WALLET}", COIN))

    def balances(self) -> tuple[int, int, int]:
        """Owed to the user, held, and the coins of the wallet."""
        assert self.store.transact(ledger.check_books) == []
        return self.balance("owed"), self.balance("held"), self.balance("coins")


def _wallet_with_coins(tx: Connection) -> None:
    people.create_user(tx, user=UserId("owner"), external_id=None, about={}, now_ms=1)
    registry.ask(tx, Asked(WALLET, UserId("owner"), NETWORK, "multisig-v2", None, {}), 1)
    ledger.credit_deposit(tx, deposit="d", wallet=WALLET, asset=COIN, units=20_000, at_ms=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("first", ["failed", "cancelled"])
def test_a_payment_like_one_that_was_refused_is_settled(bench: Bench, first: str) -> None:
    """The same amount to the same recipient is asked for again, at the nonce the first never used: both sign
    the same bytes. What a block shows is the second's; its coins are not given back."""
    digest = b"\x01" * 32
    ending = lives.Failed("payout.denied", "the hour's cap") if first == "failed" else lives.Cancelled()
    bench.order("wd1")
    bench.draft("wd1", digest, 1)
    bench.step("wd1", life.Abandoned(ending, "no"))
    bench.broadcast("wd2", digest, 1)
    bench.include(digest, 1)
    asyncio.run(bench.settle())
    assert (bench.state("wd1"), bench.state("wd2")) == (first, "confirmed")
    assert bench.balances() == (20_000 - PAID - FEE, 0, 20_000 - PAID - FEE)


def test_what_is_frozen_waits_and_holds_nobody_up(bench: Bench) -> None:
    """Blocks show a frozen withdrawal again and again (it failed, and whoever saw it sends it once more):
    nothing of it is settled until it is thawed, and others are settled meanwhile."""
    frozen, other = b"\x02" * 32, b"\x03" * 32
    bench.broadcast("wd1", frozen, 1)
    bench.step("wd1", life.Froze("a person looks"))
    for _ in range(watching.AT_ONCE_MAX):
        bench.include(frozen, 1, failed=True)
    assert asyncio.run(bench.settle()) is False  # there is nothing to do at once
    bench.order("wd2")
    bench.draft("wd2", other, 2)
    bench.sign("wd2")
    bench.include(other, 2)
    assert asyncio.run(bench.settle()) is True
    assert (bench.state("wd1"), bench.state("wd2")) == ("frozen", "confirmed")
    bench.step("wd1", life.Thawed())
    assert asyncio.run(bench.settle()) is True
    assert bench.state("wd1") == "uncertain"


def test_a_nonce_used_while_its_withdrawal_was_frozen_ends_it_later(bench: Bench) -> None:
    """A void uses the nonce of a withdrawal that is frozen: once thawed it ends, and its hold goes back."""
    digest, burn = b"\x04" * 32, b"\x05" * 32
    bench.broadcast("wd1", digest, 1)
    bench.step("wd1", life.Abandoned(lives.Cancelled(), "cancelled"))
    (void,) = bench.store.transact(lambda tx: store.voids_of(tx, "wd1"))
    bench.draft(void.id, burn, 1)
    bench.sign(void.id)
    bench.step("wd1", life.Froze("a person looks"))
    bench.include(burn, 1)
    asyncio.run(bench.settle())
    assert (bench.state("wd1"), bench.state(void.id)) == ("frozen", "confirmed")
    assert bench.balances() == (20_000 - PAID - FEE_MAX, PAID + FEE_MAX - FEE, 20_000 - FEE)
    bench.step("wd1", life.Thawed())
    asyncio.run(watching.end_used(bench.lane))
    assert bench.state("wd1") == "cancelled"
    assert bench.balances() == (20_000 - FEE, 0, 20_000 - FEE)


@pytest.mark.parametrize("spent", [0, 18_000], ids=["covered", "short"])
def test_a_payment_that_ended_and_is_paid_all_the_same_is_booked(bench: Bench, spent: int) -> None:
    """Somebody else put its signatures together after its hold had gone back: the coins are gone, the books
    say so, and nothing more leaves the wallet until a person has looked."""
    digest = b"\x06" * 32
    bench.order("wd1")
    bench.draft("wd1", digest, 1)
    bench.step("wd1", life.Abandoned(lives.Cancelled(), "cancelled"))
    if spent:
        bench.store.transact(
            lambda tx: ledger.hold(tx, withdrawal="x", wallet=WALLET, asset=COIN, units=spent, at_ms=1)
        )
    bench.include(digest, 1)
    asyncio.run(bench.settle())
    owed, held, coins = bench.balances()
    assert (held, coins) == (spent, 20_000 - PAID - FEE)
    short = bench.store.transact(lambda tx: ledger.wallet_short(tx, WALLET)).get(COIN, 0)
    assert owed - short == 20_000 - PAID - FEE - spent
    assert bench.store.transact(lambda tx: events.frozen(tx, NETWORK, WALLET)) is not None


@pytest.mark.parametrize("after", ["signed", "expired"])
def test_a_payment_sent_before_app_had_both_signatures_is_never_given_back(bench: Bench, after: str) -> None:
    """It freezes with its block known, and it is too late to cancel. Thawed by a person it is signed and
    confirms, or expires: the coins are booked as gone either way."""
    digest = b"\x07" * 32
    bench.order("wd1")
    bench.draft("wd1", digest, 1)
    bench.include(digest, 1)
    asyncio.run(bench.settle())
    assert bench.state("wd1") == "frozen"
    desk = PayoutDesk({NETWORK: bench.lane.settings}, bench.lane.attesters, bench.lane.clock)
    with pytest.raises(Conflict, match="too late"):
        bench.store.transact(lambda tx: desk.cancel(tx, "wd1"))
    bench.step("wd1", life.Thawed())
    assert asyncio.run(bench.settle()) is False
    if after == "signed":
        bench.sign("wd1")
    else:
        bench.step("wd1", life.Abandoned(lives.Failed("payout.expired", "late"), "expired"))
    assert asyncio.run(bench.settle()) is True
    assert bench.state("wd1") == ("confirmed" if after == "signed" else "failed")
    assert bench.balances() == (20_000 - PAID - FEE, 0, 20_000 - PAID - FEE)


def test_a_void_that_expired_half_signed_is_followed_by_another_with_other_bytes(bench: Bench) -> None:
    """One signer signed the void and the other was away until it expired: the next void is asked for, and it
    is another transaction, because no signer signs the same bytes for another intent. Either ends both."""
    bench.broadcast("wd1", b"\x08" * 32, 1)
    bench.step("wd1", life.Abandoned(lives.Cancelled(), "cancelled"))
    drafts = []
    for _ in range(3):
        (void,) = bench.store.transact(
            lambda tx: [one for one in store.voids_of(tx, "wd1") if isinstance(one.state, lives.Requested)]
        )
        turn = bench.store.transact(lambda tx: turns.whose_turn(store.open_of_wallet(tx, WALLET)))
        assert turn is not None
        assert turn.id == void.id
        draft = bench.store.transact(
            partial(drafting.fresh, lane=bench.lane, one=void, address=BOB, nonce=1, price=1)
        )
        drafts.append(draft)
        bench.draft(void.id, draft.digest(), 1)
        bench.step(void.id, life.SignatureMade(Service.KEEPER))
        bench.step(void.id, life.Abandoned(lives.Failed("payout.expired", "late"), "expired"))
        bench.clock.now += 60_000
        asyncio.run(watching.burn_uncertain(bench.lane))
    assert len({one.digest() for one in drafts}) == 3
    bench.include(drafts[1].digest(), 1)
    asyncio.run(bench.settle())
    opened = bench.store.transact(lambda tx: store.open_of_wallet(tx, WALLET))
    assert (bench.state("wd1"), opened) == ("cancelled", [])
    assert bench.balances() == (20_000 - FEE, 0, 20_000 - FEE)


def test_a_half_signed_void_of_what_has_ended_does_not_block_its_wallet(bench: Bench) -> None:
    """A slot that a signer may have signed for is burnt before it is used again; when that void expires half
    signed, another follows, and the wallet pays again."""
    bench.order("wd1")
    bench.draft("wd1", b"\x09" * 32, 1)
    bench.step("wd1", life.Abandoned(lives.Cancelled(), "cancelled"))
    void = bench.store.transact(lambda tx: store.request_void(tx, store.get(tx, "wd1"), 1))
    bench.draft(void.id, b"\x0a" * 32, 1)
    bench.step(void.id, life.SignatureMade(Service.KEEPER))
    bench.step(void.id, life.Abandoned(lives.Failed("payout.expired", "late"), "expired"))
    bench.order("wd2")
    bench.clock.now += 60_000
    asyncio.run(watching.burn_uncertain(bench.lane))
    turn = bench.store.transact(lambda tx: turns.whose_turn(store.open_of_wallet(tx, WALLET)))
    assert turn is not None
    assert turn.voids == void.id
    bench.draft(turn.id, b"\x0b" * 32, 1)
    bench.sign(turn.id)
    bench.include(b"\x0b" * 32, 1)
    asyncio.run(bench.settle())
    assert [one.id for one in bench.store.transact(lambda tx: store.open_of_wallet(tx, WALLET))] == ["wd2"]


@pytest.mark.parametrize("shall", ["be paid", "be burnt"])
def test_a_nonce_that_strangers_signatures_used_ends_its_payment(bench: Bench, shall: str) -> None:
    """Cool and cold emptied the wallet, say: at this nonce nothing of ours can be paid any more. It ends, its
    hold goes back, no void of it is left to pay for, and the next has its turn."""
    bench.broadcast("wd1", b"\x0c" * 32, 1)
    if shall == "be burnt":
        bench.step("wd1", life.Abandoned(lives.Cancelled(), "cancelled"))
    bench.order("wd2")
    bench.include(b"\x0d" * 32, 1)
    for _ in range(2):
        asyncio.run(bench.settle())
        asyncio.run(watching.end_used(bench.lane))
    assert bench.state("wd1") == ("replaced" if shall == "be paid" else "cancelled")
    opened = bench.store.transact(lambda tx: store.open_of_wallet(tx, WALLET))
    assert [one.id for one in opened] == ["wd2"]
    assert bench.balances() == (20_000 - PAID - FEE_MAX, PAID + FEE_MAX, 20_000)


def test_strangers_that_failed_at_its_nonce_end_no_payment(bench: Bench) -> None:
    """A failed transaction uses no nonce, so ours may still be paid: its hold stays."""
    bench.broadcast("wd1", b"\x0e" * 32, 1)
    bench.include(b"\x0f" * 32, 1, failed=True)
    asyncio.run(bench.settle())
    asyncio.run(watching.end_used(bench.lane))
    assert bench.state("wd1") == "broadcast"
    assert bench.balances() == (20_000 - PAID - FEE_MAX, PAID + FEE_MAX, 20_000)
