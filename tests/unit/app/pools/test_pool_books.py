"""A pool's books: what its wallets have is what lies on chain, whatever is transferred, swept or spent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from keepcool.app.books import accounts, ledger
from keepcool.app.books.postings import balance, check_books
from keepcool.app.books.totals import pool_total
from keepcool.app.coins.tables import coin
from keepcool.app.config import BitcoinSettings
from keepcool.app.deposits import position
from keepcool.app.http.transfers_shown import found
from keepcool.app.payouts import states, store, wallet_fees
from keepcool.app.payouts.tables import withdrawal
from keepcool.app.pools import books, rows, watermark
from keepcool.app.pools.rows import Marks
from keepcool.core.effects import Slot
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.withdrawal import Abandoned
from keepcool.core.withdrawal_states import (
    Confirmed,
    Draft,
    Ending,
    Failed,
    Inclusion,
    Objection,
    Refused,
    name_of,
)
from tests.fixtures.bitcoinrecords import NETWORK
from tests.unit.app.http.running import Running, running
from tests.unit.app.pools.house import ASSET, HARBOR, PoolSigners, settings
from tests.unit.app.pools.test_pools_api import (
    change,
    client,
    code_of,
    good,
    make_pool,
    make_user,
    make_wallet,
)

pytestmark = pytest.mark.slow
DEAR = Failed("payout.fee_high", "no")
OBJECTION = Objection(Service.KEEPER, "harbor", "denied", "no")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, settings(tmp_path), PoolSigners()) as app:
        yield app


class Two:
    """A pool with two users, of whom the first has a deposit of 1000."""

    def __init__(self, app: Running) -> None:
        self.app, self.api = app, client(app)
        self.pool = WalletId(make_pool(self.api))
        self.alice, self.bob = (
            WalletId(make_wallet(self.api, make_user(self.api, name))["id"]) for name in ("alice", "bob")
        )
        self.deposit(self.alice, 1000)

    def deposit(self, wallet: WalletId, units: int) -> None:
        name = f"{wallet}-{units}"
        change(
            self.app,
            lambda tx: ledger.credit_deposit(
                tx, deposit=name, wallet=wallet, asset=ASSET, units=units, at_ms=1
            ),
        )

    def transfer(self, units: int, key: str = "t1", **more: object) -> httpx.Response:
        body = {
            "from_wallet": self.alice,
            "to_wallet": self.bob,
            "asset": ASSET,
            "amount": str(units),
            **more,
        }
        return self.api.post("/v1/transfers", json=body, headers={"Idempotency-Key": key})

    def owed(self) -> list[int]:
        wallets = (self.alice, self.bob, self.pool)
        return self.app.store.transact(lambda tx: [balance(tx, accounts.owed(one), ASSET) for one in wallets])

    def standing(self) -> books.Standing:
        stands = self.app.store.transact(lambda tx: books.standing(tx, self.pool, ASSET))
        assert stands.users + stands.own == stands.booked + stands.cold + stands.fees
        return stands


@pytest.fixture
def two(app: Running) -> Two:
    return Two(app)


def test_a_transfer_between_users_is_two_entries(two: Two) -> None:
    """Done when it is answered, without transaction and fee; both see it in their books, and what lies on
    chain has not changed."""
    before = two.standing()
    told = good(two.transfer(300))
    assert (told["state"], told["transaction"], told["fee_paid"]) == ("confirmed", None, "0")
    assert two.owed() == [700, 300, 0]
    assert two.standing() == before
    assert change(two.app, check_books) == []
    for wallet in (two.alice, two.bob):
        entries = good(two.api.get("/v1/entries", params={"wallet": wallet}))["items"]
        assert "pool_transfer" in {one["kind"] for one in entries}
    assert good(two.api.get(f"/v1/withdrawals/{told['id']}")) == told
    listed = good(two.api.get(f"/v1/pools/{two.pool}/transfers", params={"wallet": two.bob}))["items"]
    assert [one["id"] for one in listed] == [told["id"]]


def test_a_transfer_asked_for_again_is_done_once(two: Two) -> None:
    """The same key and body give the same answer; another body is refused, and so is another transfer under
    a known external id."""
    first = good(two.transfer(300, external_id="x"))
    assert good(two.transfer(300, external_id="x")) == first
    assert code_of(two.transfer(301, external_id="x")) == "idempotency.key_reused"
    assert good(two.transfer(300, "t2", external_id="x"))["id"] == first["id"]
    assert code_of(two.transfer(5, "t3", external_id="x")) == "withdrawal.external_id_used"
    assert two.owed() == [700, 300, 0]


def test_nobody_transfers_what_he_does_not_have(two: Two) -> None:
    """More than the balance, nothing, to himself, another network's coin: refused, and nothing changed."""
    assert code_of(two.transfer(1001)) == "withdrawal.balance"
    assert code_of(two.transfer(5, "t2", to_wallet=two.alice)) == "withdrawal.to_itself"
    assert not two.transfer(5, "t3", asset="eip155:1/slip44:60").is_success
    assert two.owed() == [1000, 0, 0]
    assert change(two.app, lambda tx: found(tx, "wd_unknown")) is None


def coins(tx: Connection, pool: WalletId, *amounts: int) -> None:
    """Confirmed coins of the pool, in block 1."""
    if position.read(tx, NETWORK) is None:
        position.begin(tx, NETWORK, 1, bytes(32))
    for place, amount in enumerate(amounts):
        row: dict[str, Any] = {
            "network": NETWORK, "txid": "ab" * 32, "vout": place, "source": pool, "wallet": None,
            "cosigner": 0, "change": 0, "leaf": place, "amount_sat": amount, "height": 1,
            "block_hash": "00" * 32, "matures": 1, "coinbase": False, "own": False, "dust": False,
            "frozen": False, "gone": False, "seen_at_ms": 1,
        }  # fmt: skip
        tx.execute(coin.insert().values(**row))


class Level:
    """A pool above its high mark. `end` plays the engine's part: one sweep ends as told."""

    def __init__(self, two: Two, *amounts: int) -> None:
        self.two, self.pool = two, two.pool
        two.app.halt()  # nobody else looks at levels
        two.deposit(two.bob, sum(amounts) - 1000)
        self.marks = Marks(high=5_000_000, low=1_000_000, target=2_000_000, harbor=HARBOR)
        change(two.app, lambda tx: coins(tx, two.pool, *amounts))
        change(two.app, lambda tx: rows.set_marks(tx, two.pool, self.marks))
        table = two.app.parts.settings.networks[NETWORK]
        assert isinstance(table, BitcoinSettings)
        self.water = watermark.Water(table, ASSET, two.app.parts.payouts)

    def step(self, at_ms: int = 10) -> bool:
        return self.two.app.store.transact(
            lambda tx: watermark.step(tx, self.water, rows.get_pool(tx, self.pool), at_ms)
        )

    def sweeps(self) -> list[store.Withdrawal]:
        return self.two.app.store.transact(
            lambda tx: [one for one in store.rows(tx, withdrawal.select()) if one.wallet == self.pool]
        )

    def fail(self, name: str, ending: Ending = DEAR) -> None:
        event = Abandoned(ending, "no")
        change(self.two.app, lambda tx: store.step(tx, name, event, 20))


def test_surplus_is_asked_to_the_harbor(two: Two) -> None:
    """Above the high mark all but the target goes to the harbor, as one withdrawal of the pool's own; users'
    balances do not change, and another sweep waits for its end."""
    level = Level(two, 4_000_000, 3_000_000, 2_000_000)
    before = two.owed()[:2]
    assert level.step()
    assert not level.step()
    (sweep,) = level.sweeps()
    assert (sweep.recipient, sweep.units) == (HARBOR, 7_000_000)
    stands = two.standing()
    assert two.owed()[:2] == before
    assert (stands.booked, stands.on_chain) == (9_000_000, 9_000_000)
    assert change(two.app, check_books) == []


def test_a_sweep_that_failed_leaves_the_books_as_they_were(two: Two) -> None:
    """What was lent comes back, operators are told, and it is not tried again at once."""
    level = Level(two, 9_000_000)
    before = two.standing()
    level.step()
    level.fail(level.sweeps()[0].id)
    assert level.step(30)
    assert two.standing() == before
    assert not level.step(40)
    assert len(level.sweeps()) == 1
    notes = good(two.api.get("/v1/notes"))["items"]
    assert [one["kind"] for one in notes] == [watermark.HELD_UP]
    assert level.step(30 + watermark.AGAIN_MS)
    assert len(level.sweeps()) == 2


def test_after_a_failure_a_sweep_takes_fewer_coins(two: Two) -> None:
    """A sweep of many coins may cost more than it may: the next one takes half as many, the largest."""
    level = Level(two, *[100_000] * 100, 1_000_000)
    level.step()
    level.fail(level.sweeps()[0].id)
    level.step(30)
    level.step(30 + watermark.AGAIN_MS)
    first, second = level.sweeps()
    assert first.units == 11_000_000 - level.marks.target
    assert second.units == 1_000_000 + 49 * 100_000 - level.water.fee_max


@pytest.mark.parametrize("ending", [Refused((OBJECTION,)), Failed("payout.expired", "no")])
def test_what_signers_do_not_sign_takes_no_fewer_coins(two: Two, ending: Ending) -> None:
    """Refused or expired, a sweep is asked for as it was: an amount that signers object to does not come down
    until they do not."""
    level = Level(two, *[100_000] * 100, 1_000_000)
    level.step()
    level.fail(level.sweeps()[0].id, ending)
    level.step(30)
    level.step(30 + watermark.AGAIN_MS)
    first, second = level.sweeps()
    assert first.units == second.units


def test_no_sweep_without_harbor_or_below_the_mark(two: Two) -> None:
    """Nothing leaves while the level is below the mark; below the low one operators are told to refill."""
    level = Level(two, 900_000)
    assert not level.step()
    assert level.sweeps() == []
    notes = good(two.api.get("/v1/notes"))["items"]
    assert [one["kind"] for one in notes] == [watermark.LOW]
    assert "refill" in notes[0]["text"]


def test_what_a_sweep_brought_and_cost_is_on_the_books(two: Two) -> None:
    """Once it is final the harbor has the amount, the fee is spent, and users have what they had; a refill
    brings it back."""
    level = Level(two, 4_000_000, 5_000_000)
    users = two.standing().users
    level.step()
    (sweep,) = level.sweeps()
    change(two.app, lambda tx: confirmed(tx, sweep, fee=700))
    assert level.step(30)
    stands = two.standing()
    assert (stands.users, stands.own, stands.cold, stands.fees) == (users, 0, 7_000_000, 700)
    assert stands.booked == 9_000_000 - 7_000_700
    assert change(two.app, check_books) == []
    two.deposit(two.pool, 7_000_000)
    path = f"/v1/pools/{two.pool}/refills"
    back = two.api.post(path, json={"amount": "7000000"}, headers={"Idempotency-Key": "r"})
    assert (good(back)["cold"], good(back)["own"]) == ("0", "0")
    again = two.api.post(path, json={"amount": "1"}, headers={"Idempotency-Key": "r2"})
    assert code_of(again) == "ledger.overdrawn"
    assert two.standing().booked == 9_000_000 - 700


def test_gathering_fees_are_lent_by_the_users_when_the_pool_has_nothing(two: Two) -> None:
    """The fee of a transaction that pays nobody comes out of the pool's own, as far as it goes, and never out
    of a user's balance."""
    two.deposit(two.pool, 60)
    before = two.owed()[:2]
    for _ in range(2):
        change(two.app, lambda tx: books.fee(tx, key="k", pool=two.pool, asset=ASSET, units=100, at_ms=5))
    stands = two.standing()
    assert (two.owed(), stands.fees, stands.booked) == ([*before, 0], 40, 960)
    assert change(two.app, check_books) == []


def test_an_edited_total_is_found(two: Two) -> None:
    """What a pool's users have together is checked against each of their entries, like every balance."""
    here = pool_total.c.kind == "owed"
    change(two.app, lambda tx: tx.execute(pool_total.update().where(here).values(units=1001)))
    (wrong,) = change(two.app, check_books)
    assert (wrong.what, wrong.stored, wrong.computed) == (f"owed of the pool {two.pool}", 1001, 1000)


class _Taken:
    def __init__(self, fee: int) -> None:
        self.key, self.fee, self.fee_asset = "taken", fee, ASSET


def confirmed(tx: Connection, one: store.Withdrawal, fee: int) -> None:
    """As the engine leaves a withdrawal whose transaction is final: fee and amount posted, and the state."""
    wallet_fees.paid(tx, one, _Taken(fee), 25)
    ledger.settle_payout(tx, withdrawal=one.id, wallet=one.wallet, asset=ASSET, units=one.units, at_ms=25)
    wallet_fees.release(tx, one, 25)
    state = Confirmed(Draft(Slot(NETWORK, "ab" * 32, 0), "cd" * 32), Inclusion("ef" * 32, 2, "00" * 32))
    row = {"state": name_of(state), "state_json": states.encode(state), "open": False}
    tx.execute(withdrawal.update().where(withdrawal.c.id == one.id).values(**row))
