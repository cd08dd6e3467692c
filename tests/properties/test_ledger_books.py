"""Whatever happens to wallets, in any order and again, the books balance and nobody is overdrawn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection

from keepcool.adapters.sqlite.books import open_books
from keepcool.app.books import ledger
from keepcool.app.store import Store
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId
from tests.fixtures.effort import examples

pytestmark = pytest.mark.slow

ASSETS = [AssetId("eip155:1/slip44:60"), AssetId("eip155:1/erc20:0x5FbDB2315678afecb367f032d93F642f64180aa3")]
NETWORK = NetworkId("eip155:1")
NATIVE = ASSETS[0]
WALLETS = [WalletId("a"), WalletId("b")]
AMOUNTS = st.integers(1, 40) | st.sampled_from([2**64, 2**255, 2**256 - 1])
NAMES = st.integers(0, 5).map(str)
Movement = Callable[[Connection], int]


class Books(RuleBasedStateMachine):
    """The model: balances as plain numbers, per wallet and asset, and what each name stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(open_books(Path(self.folder.name) / "app.sqlite"))
        self.deposits: dict[str, tuple[WalletId, AssetId, int]] = {}
        self.reversed: set[str] = set()
        self.holds: dict[str, tuple[WalletId, AssetId, int]] = {}
        self.ended: dict[str, str] = {}
        self.purse = 0
        self.fees: dict[str, int] = {}

    @initialize()
    def begin(self) -> None:
        self.store.create_tables()

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def posted(self, movement: Movement) -> bool:
        before = self.store.transact(_balances)
        try:
            first = self.store.transact(movement)
        except Conflict:
            assert self.store.transact(_balances) == before
            return False
        after = self.store.transact(_balances)
        assert self.store.transact(movement) == first, "the same again is the same posting"
        assert self.store.transact(_balances) == after, "and changes nothing"
        return True

    @rule(name=NAMES, wallet=st.sampled_from(WALLETS), asset=st.sampled_from(ASSETS), units=AMOUNTS)
    def deposit(self, name: str, wallet: WalletId, asset: AssetId, units: int) -> None:
        done = self.posted(
            lambda tx: ledger.credit_deposit(
                tx, deposit=name, wallet=wallet, asset=asset, units=units, at_ms=1
            )
        )
        if name in self.deposits:
            assert done == (self.deposits[name] == (wallet, asset, units))
        elif done:
            self.deposits[name] = (wallet, asset, units)

    @rule(name=NAMES)
    def reverse(self, name: str) -> None:
        wallet, asset, units = self.deposits.get(name, (WALLETS[0], NATIVE, 1))
        done = self.posted(
            lambda tx: ledger.reverse_deposit(
                tx, deposit=name, wallet=wallet, asset=asset, units=units, at_ms=2
            )
        )
        if done:
            assert name in self.deposits
            self.reversed.add(name)

    @rule(name=NAMES, wallet=st.sampled_from(WALLETS), asset=st.sampled_from(ASSETS), units=AMOUNTS)
    def hold(self, name: str, wallet: WalletId, asset: AssetId, units: int) -> None:
        done = self.posted(
            lambda tx: ledger.hold(tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=3)
        )
        if name in self.holds:
            assert done == (self.holds[name] == (wallet, asset, units))
        elif done:
            self.holds[name] = (wallet, asset, units)

    @rule(name=NAMES, pays=st.booleans())
    def end(self, name: str, *, pays: bool) -> None:
        # an engine ends each withdrawal once; that law is the withdrawal state machine's, not the ledger's
        if name not in self.holds or self.ended.get(name, str(pays)) != str(pays):
            return
        wallet, asset, units = self.holds[name]
        what = ledger.settle_payout if pays else ledger.release
        if self.posted(
            lambda tx: what(tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=4)
        ):
            self.ended[name] = str(pays)

    @rule(name=NAMES, units=st.integers(1, 40))
    def top_up(self, name: str, units: int) -> None:
        def movement(tx: Connection) -> int:
            return ledger.purse_topup(
                tx, network=NETWORK, asset=NATIVE, units=units, source=f"{name}-{units}", at_ms=5
            )

        self.posted(movement)

    @rule(name=NAMES, units=st.integers(1, 40))
    def fee(self, name: str, units: int) -> None:
        def movement(tx: Connection) -> int:
            return ledger.purse_fee(tx, network=NETWORK, asset=NATIVE, units=units, transaction=name, at_ms=6)

        self.posted(movement)

    @invariant()
    def books_are_right(self) -> None:
        assert self.store.transact(ledger.check_books) == []

    @invariant()
    def coins_are_whose_they_are(self) -> None:
        rows = self.store.transact(_balances)
        for wallet in WALLETS:
            for asset in ASSETS:
                of = {
                    kind: rows.get((f"{kind}:{wallet}", asset), 0)
                    for kind in ("coins", "owed", "held", "short")
                }
                assert of["coins"] + of["short"] == of["owed"] + of["held"]

    @invariant()
    def coins_are_what_happened(self) -> None:
        rows = self.store.transact(_balances)
        for wallet in WALLETS:
            for asset in ASSETS:
                came = sum(
                    units
                    for name, (at, what, units) in self.deposits.items()
                    if (at, what) == (wallet, asset) and name not in self.reversed
                )
                went = sum(
                    units
                    for name, (at, what, units) in self.holds.items()
                    if (at, what) == (wallet, asset) and self.ended.get(name) == "True"
                )
                assert rows.get((f"coins:{wallet}", asset), 0) == came - went


def _balances(tx: Connection) -> dict[tuple[str, str], int]:
    rows = tx.exec_driver_sql("SELECT account, asset, units FROM balance")
    return {(account, asset): int(units) for account, asset, units in rows}


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=examples(15), stateful_step_count=30, deadline=None)
