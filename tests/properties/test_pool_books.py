"""A pool's books against a model that only counts coins: whatever happens in whatever order, they agree."""

from __future__ import annotations

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import create_engine

from keepcool.app.books import ledger
from keepcool.app.books.people import create_user
from keepcool.app.books.postings import balance, check_books
from keepcool.app.books.registry import Asked, ask
from keepcool.app.pools import books, rows
from keepcool.app.pools.rows import Marks
from keepcool.app.store import metadata
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.core.errors import Conflict
from keepcool.core.ids import NetworkId, UserId, WalletId
from tests.fixtures.effort import examples

pytestmark = pytest.mark.slow

NETWORK = SHIPPED.named("litecoin-regtest")
POOL, USERS = WalletId("pool"), tuple(WalletId(name) for name in ("alice", "bob", "carol"))
UNITS = strategies.integers(1, 1000)
WALLETS, EVERYBODY = strategies.sampled_from(USERS), strategies.sampled_from((*USERS, POOL))


class Pools(RuleBasedStateMachine):
    """`lying`, `cold` and `spent` are the coins as the chain would have them; `owned` what each was told."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://")
        metadata.create_all(self.engine)
        self.tx = self.engine.connect()
        self.lying = self.cold = self.spent = self.number = 0
        self.owned = dict.fromkeys((*USERS, POOL), 0)
        self.swept: int | None = None
        self._founded()

    def _founded(self) -> None:
        create_user(self.tx, user=UserId("u"), external_id=None, about={}, now_ms=1)
        for wallet in (POOL, *USERS):
            asked = Asked(wallet, UserId("u"), NetworkId(NETWORK.id), "bip45-pool-p2wsh", None, {})
            ask(self.tx, asked, 1)
        rows.insert_pool(self.tx, POOL, NETWORK.id, Marks(), 1)
        for wallet in USERS:
            rows.add_member(self.tx, wallet, POOL)

    def _name(self) -> str:
        self.number += 1
        return f"n{self.number}"

    @rule(wallet=EVERYBODY, units=UNITS)
    def deposit(self, wallet: WalletId, units: int) -> None:
        ledger.credit_deposit(
            self.tx, deposit=self._name(), wallet=wallet, asset=NETWORK.asset, units=units, at_ms=1
        )
        self.lying += units
        self.owned[wallet] += units

    @rule(payer=WALLETS, payee=WALLETS, units=UNITS)
    def transfer(self, payer: WalletId, payee: WalletId, units: int) -> None:
        if payer == payee:
            return
        try:
            books.transfer(
                self.tx, transfer=self._name(), pool=POOL, source=payer, target=payee,
                asset=NETWORK.asset, units=units, at_ms=1,
            )  # fmt: skip
        except Conflict:
            assert self.owned[payer] < units
            return
        self.owned[payer] -= units
        self.owned[payee] += units

    @rule(wallet=WALLETS, units=UNITS)
    def withdraw(self, wallet: WalletId, units: int) -> None:
        if units > min(self.owned[wallet], self.lying - (self.swept or 0)):
            return
        self._pay(self._name(), wallet, units)
        self.owned[wallet] -= units
        self.lying -= units

    def _pay(self, name: str, wallet: WalletId, units: int) -> None:
        asset = NETWORK.asset
        ledger.hold(self.tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=1)
        ledger.settle_payout(self.tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=1)

    @precondition(lambda self: self.swept is None)
    @rule(units=UNITS)
    def begin_sweep(self, units: int) -> None:
        if units > self.lying:
            return
        self.swept = units
        books.lend(self.tx, sweep=f"s{self.number}", pool=POOL, asset=NETWORK.asset, units=units, at_ms=1)

    @precondition(lambda self: self.swept is not None)
    @rule(fee=strategies.integers(0, 50), arrives=strategies.booleans())
    def end_sweep(self, fee: int, *, arrives: bool) -> None:
        lent, self.swept = self.swept or 0, None
        fee, name = min(fee, lent - 1), f"s{self._name()}"
        arrived = max((lent - fee) // 2, 1) if arrives and lent - fee > 1 else 0
        for part, gone in (("amount", arrived), ("fee", fee)):
            if gone:
                self._pay(f"{name}{part}", POOL, gone)
        books.swept(
            self.tx, sweep=name, pool=POOL, asset=NETWORK.asset, lent=lent, arrived=arrived, fee=fee, at_ms=1
        )
        self.lying -= arrived + fee
        self.cold += arrived
        self.spent += fee

    @rule(units=strategies.integers(1, 50))
    def gather(self, units: int) -> None:
        if self.swept is not None or units > self.lying:
            return
        own = min(units, self.owned[POOL])
        books.fee(self.tx, key=self._name(), pool=POOL, asset=NETWORK.asset, units=units, at_ms=1)
        self.lying -= units
        self.owned[POOL] -= own
        self.spent += units - own

    @rule(units=UNITS)
    def refill(self, units: int) -> None:
        if self.swept is not None or units > self.cold:
            return
        self.deposit(POOL, units)
        books.refilled(self.tx, refill=self._name(), pool=POOL, asset=NETWORK.asset, units=units, at_ms=1)
        self.owned[POOL] -= units
        self.cold -= units

    @invariant()
    def the_books_say_what_is(self) -> None:
        """Every balance, every total, and what should lie on the chain."""
        stands = books.standing(self.tx, POOL, NETWORK.asset)
        lent = self.swept or 0
        assert stands.booked == self.lying
        assert (stands.cold, stands.fees) == (self.cold + lent, self.spent)
        assert stands.users == sum(self.owned[one] for one in USERS)
        assert stands.own == self.owned[POOL] + lent
        assert stands.users + stands.own == stands.booked + stands.cold + stands.fees
        for wallet in USERS:
            assert balance(self.tx, f"owed:{wallet}", NETWORK.asset) == self.owned[wallet]
        assert check_books(self.tx) == []

    def teardown(self) -> None:
        self.tx.close()
        self.engine.dispose()


TestPools = Pools.TestCase
TestPools.settings = settings(max_examples=examples(15), stateful_step_count=25, deadline=None)
